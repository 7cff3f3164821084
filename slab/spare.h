/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/spare.h - objects for signal handlers that interrupted the runtime. */
#ifndef MEMSAN_SLAB_SPARE_H
#define MEMSAN_SLAB_SPARE_H

#include "slab/slab.h"

/* No function here takes a lock, or waits. align is a power of two. NULL: no memory. */
void *spare_alloc(size_t size, size_t align, bool zero);
bool spare_holds(const void *p); /* is p in this memory? */
/* False: no live spare object starts at p. */
bool spare_free(void *p);
/* 0: no live spare object starts at p. */
size_t spare_size(const void *p);

#endif
