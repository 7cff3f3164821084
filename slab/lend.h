/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/lend.h - metadata when the kernel gives no more memory. */
#ifndef MEMSAN_SLAB_LEND_H
#define MEMSAN_SLAB_LEND_H

#include "slab/slab.h"

/* meta_alloc, which takes free pages of the heap at last. Not under the buddy lock or a lock that ranks behind it. */
void *slab_meta_alloc(size_t size, enum cost_centre centre);
size_t slab_lent_pages(void);

#endif
