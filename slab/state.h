/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/state.h - the state map and the coarse map: which object of a cache without checks starts at an address. */
#ifndef MEMSAN_SLAB_STATE_H
#define MEMSAN_SLAB_STATE_H

#include "slab/class.h"

/* Of an object in a cache without checks: only those use the state map, and of malloc's only those up to 1 KiB. */
static inline uint8_t *state_of(uintptr_t addr)
{
	return &arena_state[(addr - arena_base) >> 4];
}
/* An object of that class is live now, or no longer. */
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
