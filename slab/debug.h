/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/debug.h - allocation and free with checks. */
#ifndef MEMSAN_SLAB_DEBUG_H
#define MEMSAN_SLAB_DEBUG_H

#include "slab/cache.h"

void *debug_alloc(struct slab_cache *c, size_t size, size_t align, enum slab_api api, bool zero,
                  const struct unwind_regs *regs);
/* Does a live object start at `user`? False for a slab without checks. */
bool debug_is_live(struct slab *s, uintptr_t user);
/* Reports a pointer at which no live object starts. */
void debug_free(struct slab *s, uintptr_t user, enum slab_api api, size_t size_given, const struct unwind_regs *regs);
/* For the next three: a live object starts at `user`. */
void *debug_realloc(struct slab *s, uintptr_t user, size_t size, const struct unwind_regs *regs);
/* Reports damage of its red zones, and repairs it. */
void debug_verify(struct slab *s, uintptr_t user, enum slab_found_at at, const struct unwind_regs *regs);
/* The requested size if it is known, else the size of the object. */
size_t debug_size(struct slab *s, uintptr_t user);

#endif
