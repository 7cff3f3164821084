/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/guard_slab.h - slabs whose objects are all freed become guarded address space. */
#ifndef MEMSAN_SLAB_GUARD_SLAB_H
#define MEMSAN_SLAB_GUARD_SLAB_H

#include "slab/cache.h"

bool guard_slab_wanted(const struct slab_cache *c);      /* under quarantine_lock: is there time for it? */
void guard_slab(struct slab *s, const struct unwind_regs *regs);
uint64_t guard_slab_metadata(void);                      /* bytes of the guarded slabs' descriptors; under quarantine_lock */
/* Sealed slabs beyond the budget, or all, are given up. */
void guard_slab_trim(bool all);
/* Those of a cache that the queue knows no more. */
void guard_slab_remove_cache(struct slab_cache *c);

#endif
