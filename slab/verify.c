/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/verify.c - slab_check_all: every red zone and all poison, while other threads go on. */
#include "slab/slab_internal.h"

/* The memmap leads from slab to slab.  A slab is pinned by its cache's lock (its pages cannot go away while it is held), its objects are
 * not: they may be freed or leave the quarantine while we read them.  So what is found is believed only when the object is in
 * the same state with the same track afterwards, and still damaged.  The order that this relies on:
 *
 *     debug_alloc    zones, track, then state byte set         debug_free       state byte cleared, then zones and bytes change
 *     quarantine     poison, then held bit set                 leaving it       held bit cleared, then the bytes may change
 *
 * Findings are reported after the lock is released, one slab at a time.
 *
 * Accepted weakness: an object that is freed and allocated again at the same size from the same place within one tick while it is
 * being read twice would be judged by the bytes of both; nobody has seen it. */

#define FOUND_MAX 32

struct suspect {
	struct slab *slab;
	uint32_t index;
	bool poison;
};
struct scan {
	struct suspect found[FOUND_MAX];
	size_t nr_found;
};

static bool track_same(const struct slab_track *a, const struct slab_track *b)
{
	return mem_compare(a, b, sizeof(*a)) == 0;
}

/* The same as check_redzones without repair or report. */
static bool zones_damaged(const struct slab_cache *c, struct slab *s, uint32_t i, uintptr_t user, size_t size)
{
	uintptr_t object = slab_object_at(c, s, i);
	struct damage d;

	return !check_bytes(object - c->offset, user, SLUB_RED_ACTIVE, &d) ||
	       !check_bytes(user + size, object + c->object_size + REDZONE_SIZE, SLUB_RED_ACTIVE, &d);
}

static bool live_damaged(const struct slab_cache *c, struct slab *s, uint32_t i)
{
	const struct slab_track *t = track_of(c, s, i);
	struct slab_track before = { .when_low = 0 }, after;
	uintptr_t user = object_user_addr(c, s, i);
	uint8_t *state = state_of(user);
	size_t size;

	if (!(c->flags & SLAB_F_REDZONE) || LOAD_ACQUIRE(*state) != c->state)
		return false;
	if (t)
		before = track_read(t);
	size = t ? before.size : slab_object_at(c, s, i) + c->object_size - user;
	if (!zones_damaged(c, s, i, user, size))
		return false;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	after = t ? track_read(t) : before;
	return LOAD_ACQUIRE(*state) == c->state && track_same(&before, &after) && zones_damaged(c, s, i, user, size) &&
	       LOAD_ACQUIRE(*state) == c->state;
}

static bool held_damaged(const struct slab_cache *c, struct slab *s, uint32_t i)
{
	uint64_t *held = slab_held_map(c, s);
	uintptr_t object = slab_object_at(c, s, i);
	struct damage d;

	if (!(c->flags & SLAB_F_POISON) || check_poison_bytes(c, object, &d))
		return false;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (!map_test(held, i) || check_poison_bytes(c, object, &d))
		return false;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return map_test(held, i);
}

/* From object i on; returns where to go on.  Under the cache lock. */
static uint32_t scan_slab(struct slab_cache *c, struct slab *s, uint32_t i, struct scan *scan)
{
	for (scan->nr_found = 0; i < s->fresh && scan->nr_found < FOUND_MAX; i++) {
		bool held = map_test(slab_held_map(c, s), i), bad;

		if (map_test(s->map, i))
			continue;
		__atomic_thread_fence(__ATOMIC_ACQUIRE); /* pairs with map_set: the bit before the poison */
		bad = held ? held_damaged(c, s, i) : live_damaged(c, s, i);
		if (bad)
			scan->found[scan->nr_found++] = (struct suspect){ .slab = s, .index = i, .poison = held };
	}
	return i;
}

/* Reports and repairs.  The object may have changed since: the functions look again. */
static size_t report_suspect(const struct suspect *x, enum slab_found_at at, const struct unwind_regs *regs)
{
	const struct slab_cache *c = x->slab->cache;
	uintptr_t user = object_user_addr(c, x->slab, x->index);
	const struct slab_track *t = track_of(c, x->slab, x->index);
	size_t size = slab_object_at(c, x->slab, x->index) + c->object_size - user;

	if (x->poison)
		return map_test(slab_held_map(c, x->slab), x->index) ? check_poisoned(c, x->slab, x->index, at, regs) : 0;
	if (LOAD_ACQUIRE(*state_of(user)) != c->state)
		return 0;
	return check_redzones(c, x->slab, x->index, user, t ? track_read(t).size : size, at, regs);
}

static size_t check_slab(struct slab *s, uintptr_t base, enum slab_found_at at, const struct unwind_regs *regs)
{
	struct slab_cache *c = s->cache;
	struct scan scan;
	uint32_t i = 0;
	size_t found = 0, k;

	if (!c || c->fast)
		return 0;
	do {
		lock_acquire(&c->lock);
		if (slab_of(base) != s || s->cache != c) {
			lock_release(&c->lock);
			break;
		}
		i = scan_slab(c, s, i, &scan);
		lock_release(&c->lock);
		for (k = 0; k < scan.nr_found; k++)
			found += report_suspect(&scan.found[k], at, regs);
	} while (scan.nr_found == FOUND_MAX);
	return found;
}

/* The page after the run that `page` begins, or is in. */
static uint32_t next_run(uint32_t page, uint64_t w)
{
	if ((w & OWNER_TAG) == OWNER_FREE)
		return page + (1u << (w >> 8 & 0xff));
	if ((w & OWNER_TAG) == OWNER_AREA) {
		const struct area *a = OWNER_POINTER(w);
		uint32_t end = READ_ONCE(a->page) + READ_ONCE(a->nr_pages);

		return end > page ? end : page + 1;
	}
	return page + 1;
}

size_t slab_check_all(enum slab_found_at at, const struct unwind_regs *regs)
{
	uint32_t page = 0, end = LOAD_ACQUIRE(arena_ready_blocks) * BLOCK_PAGES;
	struct slab *s, *last = NULL;
	size_t found = 0;

	while (page < end) {
		uint64_t w = arena_owner(page_address(page));

		if ((w & OWNER_TAG) == OWNER_SLAB) {
			s = OWNER_POINTER(w);
			if (s != last)
				found += check_slab(s, page_address(page), at, regs);
			last = s;
			page++;
		} else {
			page = next_run(page, w);
		}
	}
	return found + area_check_all(at, regs);
}
