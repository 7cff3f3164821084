/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/state.h - the state map and the coarse map: which object of a cache without checks starts at an address. */
#ifndef MEMSAN_SLAB_STATE_H
#define MEMSAN_SLAB_STATE_H

#include "slab/class.h"

/* The byte for an object of a cache without checks. Checked objects have none; malloc's objects beyond 1 KiB are in
 * the coarse map instead. */
static inline uint8_t *state_of(uintptr_t addr)
{
	return &arena_state[(addr - arena_base) >> 4];
}
/* state_set: an object of that class is live from now on. state_clear: it no longer is. */
static inline void state_set(void *p, unsigned class)
{
	if (class_is_coarse(class))
		slab_coarse_set(p, class);
	else
		WRITE_ONCE(*state_of((uintptr_t)p), (uint8_t) class);
}
static inline void state_clear(void *p, unsigned class)
{
	if (class_is_coarse(class))
		WRITE_ONCE(arena_coarse[((uintptr_t)p - arena_base) >> COARSE_SHIFT], 0);
	else
		WRITE_ONCE(*state_of((uintptr_t)p), 0);
}

#endif
