/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/vmalloc.h - large requests: areas allocated, freed, resized. */
#ifndef MEMSAN_SLAB_VMALLOC_H
#define MEMSAN_SLAB_VMALLOC_H

#include "slab/area.h"

void area_init(void);
void *area_alloc(size_t size, size_t align, enum slab_api api, bool zero, const struct unwind_regs *regs);
/* The caller has cleared `live`, so no other thread frees the area. */
void area_free(struct area *a, enum slab_api api, size_t size_given, const struct unwind_regs *regs);
void *area_realloc(struct area *a, size_t size, const struct unwind_regs *regs);
size_t area_usable(const struct area *a);
/* Reports damage of the red zone behind the data, and repairs it. */
void area_check_slack(const struct area *a, enum slab_found_at at, const struct unwind_regs *regs);
size_t area_check_all(enum slab_found_at at, const struct unwind_regs *regs);

#endif
