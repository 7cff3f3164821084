/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/reclaim.h - what is held back goes. */
#ifndef MEMSAN_SLAB_RECLAIM_H
#define MEMSAN_SLAB_RECLAIM_H

#include "slab/slab.h"

/* Everything that is held back goes.  No lock may be held: findings are told, and the program's shrinkers run. */
bool slab_reclaim(const struct unwind_regs *regs);

#endif
