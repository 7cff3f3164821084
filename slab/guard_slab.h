/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/guard_slab.h - slabs whose objects are all freed become guarded address space. */
#ifndef MEMSAN_SLAB_GUARD_SLAB_H
#define MEMSAN_SLAB_GUARD_SLAB_H

#include "slab/cache.h"

/* May one more slab of the cache be guarded now? If so, the slab is counted. Called under quarantine_lock. */
bool guard_slab_admit(const struct slab_cache *c);
/* Verifies and guards a slab whose objects all belong to the caller. No lock may be held, because findings are
 * reported. */
void guard_slab(struct slab *s, const struct unwind_regs *regs);
/* The next three are called under quarantine_lock. This one adds a guarded slab to the list. */
void guard_slab_keep(struct slab *s);
/* Takes the oldest guarded slab out of the list, if `all` or if there are too many. Slabs that still have entries in
 * the queue stay. `of`: only slabs of that cache; NULL: of any. */
struct slab *guard_slab_take_oldest(bool all, const struct slab_cache *of);
uint64_t guard_slab_metadata(void); /* bytes of the descriptors of guarded slabs */
/* Gives back the pages of a slab that was taken. */
void guard_slab_give_up(struct slab *s);

#endif
