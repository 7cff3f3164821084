/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/guard_slab.h - slabs whose objects are all freed become guarded address space. */
#ifndef MEMSAN_SLAB_GUARD_SLAB_H
#define MEMSAN_SLAB_GUARD_SLAB_H

#include "slab/cache.h"

/* Is there time to guard one more slab of the cache? It is counted as guarded then. Under quarantine_lock. */
bool guard_slab_admit(const struct slab_cache *c);
/* Verifies and guards a slab whose objects are all the caller's. No lock may be held: findings are reported. */
void guard_slab(struct slab *s, const struct unwind_regs *regs);
/* The next three under quarantine_lock. A guarded slab joins the others. */
void guard_slab_keep(struct slab *s);
/* The oldest guarded slab that the queue knows no more, of one cache or, NULL, of any: when there are too many of them,
 * or `all`. It leaves the others. */
struct slab *guard_slab_take_oldest(bool all, const struct slab_cache *of);
uint64_t guard_slab_metadata(void); /* bytes of the guarded slabs' descriptors */
/* The pages of a slab that was taken go back. */
void guard_slab_give_up(struct slab *s);

#endif
