/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/area.c - the lists that large areas are in: live, retained for reuse, quarantined as guarded address space. */
#include "slab/area.h"
#include "slab/arena.h"
#include "slab/buddy.h"
#include "slab/budget.h"
#include "slab/harden.h"
#include "slab/lend.h"
#include "slab/slab.h"

/* Production. Giving pages back and asking for them again would cost a system call and page faults for each malloc. So
 * a freed area is retained whole, with its page entries. The next request of about its size reuses it after a short
 * search.
 *
 *     alloc ──► LIVE ──free──► RETAINED ──taken again──► LIVE
 *                                 └── too many, not needed for a while, in the way of a buffer that grows,
 *                                     or others need pages ──► buddy (dirty)
 *
 * Check mode, and areas that production unmaps (vmalloc.c). A freed area becomes one guard as a whole, so any use of it
 * faults. Its memory goes back at once. Only address space is held, first in first out.
 *
 *     alloc ──► LIVE ──free──► QUARANTINED ──over budget──► buddy (clean)
 *
 * The pages of an area whose mapping the program changed (changed.c) are replaced by fresh ones before another object
 * lies in them. Pages that the kernel does not replace are lost to the heap: the area stays QUARANTINED for ever.
 *
 * Accepted weakness: a retained area may be up to an eighth larger than asked for. */

struct ranked_lock area_lock = RANKED_LOCK_INIT(LOCK_RANK_VMALLOC);

/* All under area_lock. */
static struct area *live, *spare;
static struct area *held_first, *held_last;          /* the quarantine, oldest first */
static struct area *retained[BUDGET_RETAINED_AREAS]; /* oldest first */
static unsigned nr_retained, nr_held;
#define WRITTEN_MAX 4u
static struct area *written[WRITTEN_MAX]; /* freed, and written to since then; they wait for area_check_all */
static unsigned nr_written;
static size_t held_bytes, nr_live;
static size_t run_bytes(const struct area *a)
{
	return (size_t)a->nr_pages << PAGE_SHIFT;
}

/* ---- guards ---------------------------------------------------------------------------------- */

/* Locked memory cannot be guarded; os_decommit unlocks it. If no guard can be made, the pages stay accessible and
 * empty, and one check is lost. */
void area_guard_set(uint32_t page, size_t n)
{
	void *p = (void *)page_address(page);
	size_t size = n << PAGE_SHIFT;
	bool region = n < GUARD_REGION_PAGES && os_guard_supported();

	if (region && os_guard_install(p, size))
		return;
	os_decommit(p, size);
	if (region)
		os_guard_install(p, size);
	else
		os_protect_none(p, size);
}

/* Clears the guards of a run whose parts may have been guarded in different ways. False: mprotect would need more
 * mappings than the process may have, and some pages may stay closed. */
bool area_guard_clear(uint32_t page, size_t n)
{
	void *p = (void *)page_address(page);
	bool open = !os_guard_supported() || os_guard_remove(p, n << PAGE_SHIFT);

	if (n >= GUARD_REGION_PAGES || !os_guard_supported())
		open &= os_unprotect(p, n << PAGE_SHIFT);
	return open;
}

/* ---- descriptors and lists; under area_lock -------------------------------------------------- */

static void live_add(struct area *a)
{
	a->prev = NULL;
	a->next = live;
	if (live)
		live->prev = a;
	live = a;
	nr_live++;
	budget_area_add(area_data_size(a));
	WRITE_ONCE(a->state, AREA_LIVE);
}

static void live_remove(struct area *a)
{
	if (a->prev)
		a->prev->next = a->next;
	else
		live = a->next;
	if (a->next)
		a->next->prev = a->prev;
	nr_live--;
	budget_area_sub(area_data_size(a));
}

struct area *area_descriptor_get(void)
{
	struct area *a;

	lock_acquire(&area_lock);
	a = spare;
	if (a)
		spare = a->next;
	lock_release(&area_lock);
	return a ? a : slab_meta_alloc(sizeof(struct area), COST_SLAB);
}

void area_descriptor_put(struct area *a)
{
	lock_acquire(&area_lock);
	WRITE_ONCE(a->state, AREA_UNUSED);
	a->next = spare;
	spare = a;
	lock_release(&area_lock);
}

void area_make_live(struct area *a)
{
	lock_acquire(&area_lock);
	live_add(a);
	lock_release(&area_lock);
}

void area_set_pages(struct area *a, uint32_t pages, uint32_t spare_pages)
{
	size_t before = area_data_size(a);

	lock_acquire(&area_lock);
	WRITE_ONCE(a->nr_pages, pages);
	WRITE_ONCE(a->spare_pages, spare_pages);
	WRITE_ONCE(budget_area_bytes, budget_area_bytes + area_data_size(a) - before);
	lock_release(&area_lock);
}

/* While an area is being resized, area_find_live passes it over. */
void area_set_resizing(struct area *a, bool resizing)
{
	lock_acquire(&area_lock);
	a->resizing = resizing;
	lock_release(&area_lock);
}

/* Passes the lowest live area above an address that `wanted` accepts to `take`, while the area cannot go away. Returns
 * its address, or 0. */
uintptr_t area_find_live(uintptr_t after, bool (*wanted)(const struct area *a), void (*take)(struct area *a, void *ctx),
                         void *ctx)
{
	uintptr_t addr, lowest = 0;
	struct area *a, *found = NULL;

	lock_acquire(&area_lock);
	for (a = lock_is_given_up(&area_lock) ? NULL : live; a; a = a->next) {
		/* An area is in the list before the thread that allocates it writes its address. */
		addr = READ_ONCE(a->addr);
		if (a->resizing || addr <= after || (found && addr >= lowest) || !wanted(a))
			continue;
		found = a;
		lowest = addr;
	}
	if (found)
		take(found, ctx);
	lock_release(&area_lock);
	return lowest;
}

/* Called with an area that is in no list and whose pages are accessible. */
static void area_release(struct area *a, bool clean)
{
	uint32_t page = a->page, n = a->nr_pages;

	arena_clear_owner(page, n, a->guard_pages + 1);
	area_descriptor_put(a);
	slab_shadow->bad(page_address(page), (size_t)n << PAGE_SHIFT, SLAB_MARK_RUN);
	buddy_free(page, n, clean);
}

/* Replaces the data pages of a freed area that is in no list any more. The state QUARANTINED tells a fault there what
 * the pages are while they are replaced, or if they cannot be. */
static bool area_renew(struct area *a)
{
	if (likely(!READ_ONCE(a->changed)))
		return true;
	if (!arena_renew(a->page + a->guard_pages, a->nr_pages - 2 * a->guard_pages))
		return false;
	WRITE_ONCE(a->changed, false);
	return true;
}

/* ---- retained areas -------------------------------------------------------------------------- */

static void retained_drop(unsigned i)
{
	WRITE_ONCE(budget_area_retained, budget_area_retained - run_bytes(retained[i]));
	WRITE_ONCE(nr_retained, nr_retained - 1);
	for (; i < nr_retained; i++)
		retained[i] = retained[i + 1];
}

/* Takes out an area, and puts it in front of the list. Nothing can be reported here, under the areas' lock and
 * perhaps a cache's. So an area whose bytes were overwritten does not go back yet. */
static size_t retained_leaves(unsigned i, struct area **list)
{
	struct area *a = retained[i];
	struct damage d;

	retained_drop(i);
	if (unlikely(nr_written < WRITTEN_MAX && area_is_marked(a) &&
	             !harden_intact(area_key_at(a), area_key_at(a) + AREA_MARK, &d))) {
		written[nr_written++] = a;
		return 0;
	}
	a->next = *list;
	*list = a;
	return a->nr_pages;
}

struct area *area_take_retained(size_t pages, size_t align, size_t lead)
{
	struct area *a = NULL;
	unsigned i;

	lock_acquire(&area_lock);
	for (i = nr_retained; i-- > 0;) {
		uint32_t have = retained[i]->nr_pages;

		if (have >= pages && have <= pages + pages / 8 && (area_data(retained[i]) + lead) % align == 0) {
			a = retained[i];
			retained_drop(i);
			live_add(a);
			break;
		}
	}
	lock_release(&area_lock);
	return a;
}

/* Takes out the oldest areas while there are too many or they hold more than `limit`. Returns them linked by next.
 * Under area_lock. */
static struct area *retained_excess(size_t limit)
{
	struct area *excess = NULL;

	while (nr_retained && (nr_retained == BUDGET_RETAINED_AREAS || budget_area_retained > limit))
		retained_leaves(0, &excess);
	return excess;
}

static size_t release_all(struct area *a)
{
	size_t pages = 0;

	while (a) {
		struct area *next = a->next;

		pages += a->nr_pages;
		area_release(a, false);
		a = next;
	}
	return pages;
}

void area_retain(struct area *a)
{
	struct area *excess;
	size_t limit;

	if (unlikely(READ_ONCE(a->changed))) {
		area_dispose(a);
		return;
	}
	lock_acquire(&area_lock);
	live_remove(a);
	limit = budget_retained_bytes(buddy_keeps() << PAGE_SHIFT);
	if (run_bytes(a) > MIN(limit, BUDGET_RETAINED_AREA_MAX)) {
		a->next = NULL;
		excess = a;
	} else {
		excess = retained_excess(limit - run_bytes(a));
		WRITE_ONCE(a->state, AREA_RETAINED);
		retained[nr_retained] = a;
		WRITE_ONCE(nr_retained, nr_retained + 1);
		WRITE_ONCE(budget_area_retained, budget_area_retained + run_bytes(a));
	}
	lock_release(&area_lock);
	release_all(excess);
}

bool area_any_retained(bool (*fn)(struct area *a, void *ctx), void *ctx)
{
	bool found = false;
	unsigned i;

	lock_acquire(&area_lock);
	for (i = 0; i < nr_retained && !found; i++)
		found = fn(retained[i], ctx);
	for (i = 0; i < nr_written && !found; i++)
		found = fn(written[i], ctx);
	lock_release(&area_lock);
	return found;
}

void area_decay(void)
{
	struct area *excess;

	if (!READ_ONCE(nr_retained))
		return;
	lock_acquire(&area_lock);
	excess = retained_excess(budget_retained_bytes(buddy_keeps() << PAGE_SHIFT));
	lock_release(&area_lock);
	release_all(excess);
}

void area_give_way(size_t pages)
{
	struct area *excess = NULL;
	size_t missing, got = 0;

	if (!READ_ONCE(nr_retained))
		return;
	missing = buddy_missing(pages);
	if (!missing)
		return;
	lock_acquire(&area_lock);
	while (nr_retained && got < missing)
		got += retained_leaves(0, &excess);
	lock_release(&area_lock);
	release_all(excess);
}

bool area_give_way_at(uint32_t page)
{
	struct area *a = NULL;
	size_t left = 0;

	if (!READ_ONCE(nr_retained))
		return false;
	lock_acquire(&area_lock);
	for (unsigned i = nr_retained; i-- > 0 && !left;) {
		if (retained[i]->page == page)
			left = retained_leaves(i, &a);
	}
	lock_release(&area_lock);
	release_all(a);
	return left;
}

size_t area_shrink(void)
{
	struct area *excess;

	lock_acquire(&area_lock);
	excess = retained_excess(0);
	lock_release(&area_lock);
	return release_all(excess);
}

/* ---- quarantine ------------------------------------------------------------------------------ */

/* Takes the oldest area, if `all` or if there are too many. */
static struct area *held_take(bool all)
{
	struct area *a = NULL;

	lock_acquire(&area_lock);
	if (held_first && (all || budget_held_areas_exceeded(nr_held, held_bytes))) {
		a = held_first;
		held_first = a->next;
		if (!held_first)
			held_last = NULL;
		nr_held--;
		held_bytes -= run_bytes(a);
	}
	lock_release(&area_lock);
	return a;
}

/* Pages that cannot be made accessible again are lost to the heap, because no object may lie in them. */
static void held_release(struct area *a)
{
	if (a->opened) {
		os_decommit((void *)page_address(a->page), run_bytes(a));
		slab_guard_count_closed();
	}
	if (area_guard_clear(a->page, a->nr_pages))
		area_release(a, true);
}

void area_drain(void)
{
	struct area *a;

	while ((a = held_take(true)) != NULL)
		held_release(a);
}

void area_quarantine(struct area *a)
{
	struct area *old;

	lock_acquire(&area_lock);
	live_remove(a);
	WRITE_ONCE(a->state, AREA_QUARANTINED);
	lock_release(&area_lock);
	/* The area leaves the list of live areas first, because area_check_all reads the slack of live areas. */
	if (!area_renew(a))
		return;
	if (a->opened) {
		area_guard_set(a->page, a->nr_pages);
		slab_guard_count_closed();
	} else {
		area_guard_set(a->page + a->guard_pages, a->nr_pages - 2 * a->guard_pages);
	}
	lock_acquire(&area_lock);
	a->next = NULL;
	if (held_last)
		held_last->next = a;
	else
		held_first = a;
	held_last = a;
	nr_held++;
	held_bytes += run_bytes(a);
	lock_release(&area_lock);
	while ((old = held_take(false)) != NULL)
		held_release(old);
}

/* For an area that is neither retained nor quarantined. */
void area_dispose(struct area *a)
{
	bool changed = READ_ONCE(a->changed);

	if (a->opened)
		slab_guard_count_closed();
	lock_acquire(&area_lock);
	live_remove(a);
	if (changed)
		WRITE_ONCE(a->state, AREA_QUARANTINED);
	lock_release(&area_lock);
	if (area_renew(a) && (!a->guard_pages || area_guard_clear(a->page, a->nr_pages)))
		area_release(a, changed && !a->guard_pages);
}

/* ---- views ----------------------------------------------------------------------------------- */

void area_get_stats(struct area_stats *s)
{
	lock_acquire(&area_lock);
	s->areas = nr_live;
	s->bytes = budget_area_bytes;
	s->retained_bytes = budget_area_retained;
	s->quarantined_bytes = held_bytes;
	s->quarantined = nr_held;
	lock_release(&area_lock);
}
