/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/reclaim.h - when memory that is held goes back, and in which order. */
#ifndef MEMSAN_SLAB_RECLAIM_H
#define MEMSAN_SLAB_RECLAIM_H

#include "slab/slab.h"

void reclaim_init(void);
/* An allocation found no memory: gives back all held memory, and the caller tries once more. No lock may be held:
 * findings are reported, and the program's shrinkers run. */
void reclaim_all(const struct unwind_regs *regs);
/* Called when little of the arena is left: asks the program's shrinkers now and then. No lock may be held. */
void reclaim_near_limit(void);

#endif
