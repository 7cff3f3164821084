/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/custom.h - the program's caches, as the files of slab/ use them. */
#ifndef MEMSAN_SLAB_CUSTOM_H
#define MEMSAN_SLAB_CUSTOM_H

#include "slab/cache.h"

void custom_finish(struct slab_cache *c);
/* Whoever holds objects of a cache that are in no slab and in no queue pins it, under quarantine_lock: it may be destroyed meanwhile, and
 * goes with the last pin. */
static inline void custom_pin(struct slab_cache *c)
{
	if (cache_is_custom(c))
		__atomic_fetch_add(&c->pins, 1, __ATOMIC_RELAXED);
}
static inline void custom_unpin(struct slab_cache *c, uint32_t n)
{
	if (cache_is_custom(c) && __atomic_sub_fetch(&c->pins, n, __ATOMIC_ACQ_REL) == 0)
		custom_finish(c);
}
/* The same for a thread that holds objects of that generation in a bin, and no lock.  False: the cache is gone, and so are they. */
static inline bool custom_try_pin(struct slab_cache *c, uint32_t generation)
{
	uint32_t n = READ_ONCE(c->pins);

	while (n && !__atomic_compare_exchange_n(&c->pins, &n, n + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		;
	if (n && READ_ONCE(c->generation) == generation)
		return true;
	if (n)
		custom_unpin(c, 1);
	return false;
}
/* A live object of the program's caches, freed by another family's function: it goes back all the same. */
void custom_put(struct slab *s, void *p, enum slab_api api, const struct unwind_regs *regs);

#endif
