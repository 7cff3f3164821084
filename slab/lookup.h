/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/lookup.h - from any pointer to the slab or area that it leads to.
 *
 *   address ── memmap ──► struct slab ──► struct slab_cache     objects up to 32 KiB; a byte says which are live
 *      │          └─────► struct area                           large areas; a live one names its address
 *      └────── state map: which unchecked object starts at this address (production)
 */
#ifndef MEMSAN_SLAB_LOOKUP_H
#define MEMSAN_SLAB_LOOKUP_H

#include "slab/area.h"
#include "slab/cache.h"
#include "slab/debug.h"

/* Liveness is recorded in the state map (FAST, CUSTOM), in the slab's descriptor (CHECKED) or in the area (AREA). */
enum place { PLACE_NOTHING, PLACE_FAST, PLACE_CUSTOM, PLACE_CHECKED, PLACE_AREA };
struct lookup {
	enum place place;
	unsigned class; /* FAST: class of the live object that starts there */
	/* CHECKED: the pointer is somewhere in this slab. CUSTOM: a live object of an unchecked cache of the
	 * program's starts there. */
	struct slab *slab;
	struct area *area; /* AREA: the pointer is somewhere in this area */
};
__inline_hot struct lookup lookup_pointer(const void *p)
{
	size_t i = arena_state_index(p);
	struct lookup to = { .place = PLACE_NOTHING };
	uint64_t w;

	if (i < LOAD_ACQUIRE(arena_state_limit)) {
		to.class = LOAD_ACQUIRE(arena_state[i]);
		if (!to.class)
			to.class = slab_coarse_class(p);
		if (to.class) {
			to.place = to.class <= SLAB_NR_MALLOC ? PLACE_FAST : PLACE_CUSTOM;
			to.slab = to.place == PLACE_CUSTOM ? slab_of((uintptr_t)p) : NULL;
			return to;
		}
	}
	if (unlikely(!arena_usable((uintptr_t)p)))
		return to;
	w = arena_owner((uintptr_t)p);
	if ((w & OWNER_TAG) == OWNER_SLAB && !((struct slab *)OWNER_POINTER(w))->cache->fast) {
		to.slab = OWNER_POINTER(w);
		to.place = PLACE_CHECKED;
	} else if ((w & OWNER_TAG) == OWNER_AREA) {
		to.area = OWNER_POINTER(w);
		to.place = PLACE_AREA;
	}
	return to;
}
/* The slab of malloc's that p leads to, if no memory is in the state map, as in check mode. NULL says nothing. */
__inline_hot struct slab *lookup_checked(const void *p)
{
	struct slab *s;

	if (unlikely(READ_ONCE(arena_state_limit) || !arena_usable((uintptr_t)p)))
		return NULL;
	s = slab_of((uintptr_t)p);
	return likely(s) && likely(!s->cache->fast && !cache_is_custom(s->cache)) ? s : NULL;
}
/* The same, but NOTHING unless a live object starts there. */
static inline struct lookup lookup_live(const void *p)
{
	struct lookup to = lookup_pointer(p);

	if ((to.place == PLACE_CHECKED && !debug_is_live(to.slab, (uintptr_t)p)) ||
	    (to.place == PLACE_AREA && LOAD_ACQUIRE(to.area->live) != (uintptr_t)p))
		to.place = PLACE_NOTHING;
	return to;
}

#endif
