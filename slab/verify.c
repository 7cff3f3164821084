/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/verify.c - slab_check_all: every red zone and all poison, while other threads go on. */
#include "slab/area.h"
#include "slab/arena.h"
#include "slab/cache.h"
#include "slab/finding.h"
#include "slab/harden.h"
#include "slab/mempool.h"
#include "slab/redzone.h"
#include "slab/slab.h"
#include "slab/tcache.h"
#include "slab/track.h"
#include "slab/transfer.h"
#include "slab/vmalloc.h"

/* The memmap leads from slab to slab. The cache's lock pins a slab: its pages cannot go away while the lock is held.
 * Its objects are not pinned: they may be freed or leave the quarantine while they are read. So damage is believed
 * only if the object is in the same state with the same track afterwards, and still damaged. This relies on the
 * following order:
 *
 *     debug_alloc    zones, track, then LIVE set        debug_free       LIVE cleared, then zones and bytes change
 *     quarantine     poison, then HELD set              leaving it       HELD cleared, then the bytes may change
 *
 * Findings are reported after the lock is released, one slab at a time. When the process ends while a thread will never
 * give a cache's lock (lib/lock.c), the cache is left out.
 *
 * Accepted weakness: an object that is freed and allocated again at the same size from the same place within one tick,
 * while it is being read twice, would be judged by bytes of both lives. This was never seen. */

#define FOUND_MAX 8

struct suspect {
	struct slab_finding finding;
	uint32_t index;
	bool poison;
	bool unused; /* repaired */
};
struct scan {
	struct suspect found[FOUND_MAX];
	size_t nr_found;
	enum slab_found_at at;
	const struct unwind_regs *regs;
	size_t hardened; /* bytes of production's slabs that were verified */
};

static bool track_same(const struct slab_track *a, const struct slab_track *b)
{
	return mem_compare(a, b, sizeof(*a)) == 0;
}

/* Puts findings into `found`, which has room for two, and returns how many. */
static unsigned scan_live(const struct slab_cache *c, struct slab *s, uint32_t i, const struct scan *scan,
                          struct slab_finding found[2])
{
	const struct slab_track *t = track_of(c, s, i);
	struct slab_track before = { .when_low = 0 }, after;
	const uint8_t *byte = slab_byte(c, s, i);
	uint8_t live = LOAD_ACQUIRE(*byte);
	uintptr_t user = object_start(slab_object_at(c, s, i), live);
	size_t size;

	/* The program may have closed pages of a CHANGED object. Its red zones are verified when it is freed. */
	if (!(c->flags & SLAB_F_REDZONE) || (live & (OBJECT_LIVE | OBJECT_CHANGED)) != OBJECT_LIVE)
		return 0;
	if (t)
		before = track_read(t);
	size = cache_has_one_size(c) ? c->user_size : t ? before.size : slab_object_at(c, s, i) + c->object_size - user;
	if (likely(!redzones_find_damage(c, s, i, user, size, scan->at, scan->regs, found)))
		return 0;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	after = t ? track_read(t) : before;
	if (LOAD_ACQUIRE(*byte) != live || !track_same(&before, &after))
		return 0;
	return redzones_find_damage(c, s, i, user, size, scan->at, scan->regs, found);
}

static unsigned scan_held(const struct slab_cache *c, struct slab *s, uint32_t i, const struct scan *scan,
                          struct slab_finding *found)
{
	if (likely(!poison_find_damage(c, s, i, scan->at, scan->regs, found)))
		return 0;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (!slab_is_held(c, s, i) || !poison_find_damage(c, s, i, scan->at, scan->regs, found))
		return 0;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return slab_is_held(c, s, i);
}

/* Scans from object i on, and returns where to go on. Under the cache lock. */
static uint32_t scan_slab(struct slab_cache *c, struct slab *s, uint32_t i, struct scan *scan)
{
	struct slab_finding found[2];
	struct damage d;

	for (scan->nr_found = 0; i < s->fresh && scan->nr_found + 2 <= FOUND_MAX; i++) {
		bool held = slab_is_held(c, s, i);
		unsigned n, k;

		if (map_test(s->map, i))
			continue;
		n = held ? scan_held(c, s, i, scan, found) : scan_live(c, s, i, scan, found);
		for (k = 0; k < n; k++) {
			struct suspect *x = &scan->found[scan->nr_found++];

			mem_copy(&x->finding, &found[k], sizeof(found[k]));
			x->index = i;
			x->poison = held;
			x->unused = false;
		}
	}
	/* Nobody owns these bytes, so they can be repaired at once. */
	if (i == s->fresh && scan->nr_found < FOUND_MAX && redzone_find_unused_damage(c, s, &d)) {
		struct suspect *x = &scan->found[scan->nr_found++];

		redzone_init_unused(&x->finding, scan->at, &d, scan->regs);
		x->index = 0;
		x->unused = true;
		mem_set((void *)d.addr, d.expected, d.size);
	}
	return i;
}

/* Repairs the reported damage, if the object is still in the same state. Under the cache lock. */
static void repair(const struct slab_cache *c, struct slab *s, const struct suspect *x)
{
	uint8_t byte = LOAD_ACQUIRE(*slab_byte(c, s, x->index));

	if (x->unused)
		return;
	if (x->poison && byte & OBJECT_HELD)
		poison_fill(c, slab_object_at(c, s, x->index));
	if (!x->poison && byte & OBJECT_LIVE)
		mem_set((void *)x->finding.addr, SLUB_RED_ACTIVE, x->finding.size);
}

/* Do the pages at `base` still belong to the slab, and hold its bytes? Under the cache lock. */
static bool slab_there(const struct slab_cache *c, const struct slab *s, uintptr_t base)
{
	return slab_of(base) == s && s->cache == c && !READ_ONCE(s->guarded);
}

/* ---- production ------------------------------------------------------------------- */

/* Is the canary of a live object damaged? A thread arms an object before the state map calls it live (fast.h), so what
 * is live has a canary, but the object may be freed and allocated anew between any two reads here. So the object and
 * its size must be the same before and after, twice. */
static bool canary_is_damaged(const struct slab_cache *c, uintptr_t p)
{
	size_t before = slab_armed_size((void *)p, c->tail, harden_secret);
	unsigned i;

	for (i = 0; i < 2; i++) {
		if (!state_is_live(c, p) || harden_is_sound(c, (void *)p))
			return false;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (!state_is_live(c, p) || slab_armed_size((void *)p, c->tail, harden_secret) != before)
			return false;
	}
	return true;
}

/* A live object without its canary, or an object in its slab that is not as a free one should be? Under the cache's
 * lock, which keeps an object in its slab. */
static bool slot_is_damaged(const struct slab_cache *c, const struct slab *s, uint32_t i)
{
	uintptr_t p = slab_object_at(c, s, i);

	if (map_test(s->map, i))
		return !harden_is_clean(c, (void *)p);
	return canary_is_damaged(c, p);
}

static size_t check_hardened_slab(struct slab *s, uintptr_t base, const struct scan *scan)
{
	struct slab_cache *c = s->cache;
	uintptr_t damaged[FOUND_MAX];
	struct damage in_front;
	uint32_t i = 0;
	size_t found = 0, n, k;

	do {
		uintptr_t behind = 0;

		n = 0;
		lock_acquire(&c->lock);
		if (!lock_is_given_up(&c->lock) && slab_there(c, s, base) && !READ_ONCE(s->remapped)) {
			if (!i && s->fresh && !harden_lead_intact(c, s->base, &in_front))
				behind = s->base;
			for (; i < s->fresh && n < FOUND_MAX; i++)
				if (slot_is_damaged(c, s, i))
					damaged[n++] = slab_object_at(c, s, i);
		}
		lock_release(&c->lock);
		if (behind) {
			harden_report_lead(&in_front, behind, scan->at, scan->regs);
			found++;
		}
		for (k = 0; k < n; k++) {
			if (state_is_live(c, damaged[k]))
				harden_verify(c, (void *)damaged[k], scan->at, scan->regs);
			else
				harden_verify_clean(c, (void *)damaged[k], scan->at);
		}
		found += n;
	} while (n == FOUND_MAX);
	return found;
}

/* ---- all ------------------------------------------------------------------------------------- */

/* A large heap of a server would take long to read when the program ends. */
#define EXIT_BYTES ((size_t)16 << 20)

static size_t check_fast_slab(struct slab *s, uintptr_t base, struct scan *scan)
{
	const struct slab_cache *c = s->cache;

	if (!c->tail)
		return 0;
	if (scan->at == SLAB_AT_EXIT && !harden_full) {
		if (scan->hardened >= EXIT_BYTES)
			return 0;
		scan->hardened += (size_t)c->nr_pages << PAGE_SHIFT;
	}
	return check_hardened_slab(s, base, scan);
}

static size_t check_slab(struct slab *s, uintptr_t base, struct scan *scan)
{
	struct slab_cache *c = s->cache;
	uint32_t i = 0;
	size_t found = 0, k;

	if (!c || cache_is_zero(c))
		return 0;
	if (c->fast)
		return check_fast_slab(s, base, scan);
	scan->nr_found = 0;
	do {
		lock_acquire(&c->lock);
		if (lock_is_given_up(&c->lock)) {
			lock_release(&c->lock);
			return found;
		}
		for (k = 0; k < scan->nr_found; k++)
			if (slab_there(c, s, base))
				repair(c, s, &scan->found[k]);
		if (slab_there(c, s, base))
			i = scan_slab(c, s, i, scan);
		else
			scan->nr_found = 0;
		lock_release(&c->lock);
		for (k = 0; k < scan->nr_found; k++)
			finding_report(&scan->found[k].finding);
		found += scan->nr_found;
	} while (scan->nr_found);
	return found;
}

/* ---- free pages ------------------------------------------------------------------------------ */

/* Pages that no object ever had read as zero. At the end those that have memory are looked at; a filter of system calls
 * may not let memsan ask which. */
#define FREE_PAGES_MAX 1024u
#define FREE_CHUNK 512u

struct free_scan {
	bool wanted;
	uint32_t pages, found;
};

static bool page_is_written(uintptr_t at, struct damage *d)
{
	uint8_t chunk[FREE_CHUNK];
	const uint8_t *first;
	size_t n;

	for (uintptr_t end = at + PAGE_SIZE; at < end; at += FREE_CHUNK) {
		if (os_probe_read(chunk, (void *)at, FREE_CHUNK) != FREE_CHUNK)
			return false;
		first = mem_find_not(chunk, 0, FREE_CHUNK);
		if (!first)
			continue;
		for (n = FREE_CHUNK; !chunk[n - 1];)
			n--;
		n -= (size_t)(first - chunk);
		*d = (struct damage){ at + (uintptr_t)(first - chunk), n, 0, *first, 0 };
		return true;
	}
	return false;
}

/* Another thread may take the run meanwhile: then its head changes. */
static bool run_is_clean(uint32_t head, uint64_t w)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return arena_owner(page_address(head)) == w;
}

static void check_free_pages(uint32_t page, uint32_t n, uint32_t head, uint64_t w, struct free_scan *scan)
{
	uintptr_t at = page_address(page);
	struct slab_object near;
	struct slab_finding f;
	struct damage d;

	if (scan->found == FOUND_MAX || scan->pages == FREE_PAGES_MAX || !os_resident((void *)at, n * PAGE_SIZE))
		return;
	if (n > 1) {
		check_free_pages(page, n / 2, head, w, scan);
		check_free_pages(page + n / 2, n - n / 2, head, w, scan);
		return;
	}
	scan->pages++;
	if (!page_is_written(at, &d) || !run_is_clean(head, w) || !page_is_written(at, &d) || !run_is_clean(head, w))
		return;
	scan->found++;
	d.near = slab_find_object(d.addr, &near) && near.state != SLAB_OBJ_NONE ? near.addr : 0;
	redzone_init_unused(&f, SLAB_AT_EXIT, &d, NULL);
	finding_report(&f);
}

static size_t check_free_run(uint32_t page, uint64_t w, struct free_scan *scan)
{
	uint32_t before = scan->found;

	if (scan->wanted && (w & OWNER_TAG) == OWNER_FREE && !(w & OWNER_DIRTY))
		check_free_pages(page, 1u << (w >> 8 & 0xff), page, w, scan);
	return scan->found - before;
}

/* The page behind the run in which `page` lies. */
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
	struct free_scan free_pages = {
		.wanted = at == SLAB_AT_EXIT && options.mode == MODE_CHECK && !os_under_seccomp(),
	};
	struct scan scan;
	size_t found = 0;

	scan.at = at;
	scan.regs = regs;
	scan.hardened = 0;
	while (page < end) {
		uint64_t w = arena_owner(page_address(page));

		if ((w & OWNER_TAG) == OWNER_SLAB) {
			s = OWNER_POINTER(w);
			if (s != last)
				found += check_slab(s, page_address(page), &scan);
			last = s;
			page++;
		} else {
			found += check_free_run(page, w, &free_pages);
			page = next_run(page, w);
		}
	}
	found += tcache_check_own(at);
	if (READ_ONCE(transfer_used))
		found += transfer_check(at);
	found += area_check_all(at, regs);
	return found + mempool_check_all(at, regs);
}
