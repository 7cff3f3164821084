/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/vmalloc.c - large requests: whole pages, in check mode between guard pages and quarantined as guarded address space. */
#include "slab/slab_internal.h"

/*     check mode                                     production
 *     | guard | data … data+slack | guard |          | data … |
 *             ^addr                                   ^addr
 *
 * Check mode.  Data starts at its first page; the rest of the last page is red zone and verified at free.  A freed area becomes one
 * guard as a whole, so that any use of it faults, and its memory goes back at once: only address space is held, first in first
 * out, within a budget of address space and of guards.
 *
 *     alloc ──► LIVE ──free──► QUARANTINED ──over budget──► buddy (clean)
 *
 * Production.  Guards and unmapping would cost a system call for each malloc, so areas are plain, and a freed one is retained whole
 * with its page entries: the next request of about its size takes it back for the cost of a short search.
 *
 *     alloc ──► LIVE ──free──► RETAINED ──taken again──► LIVE
 *                                 └── over budget, oldest first ──► buddy (dirty)
 *
 * Accepted weakness: a retained area may be up to an eighth larger than asked for.
 *
 * A realloc that has to move a large area in production takes half as much again in address space: pages that are not touched cost
 * nothing, and a buffer that grows step by step is copied a logarithmic number of times. */

#define RETAIN_AREAS 64
#define RETAIN_BYTES ((size_t)32 << 20)
#define RETAIN_AREA_MAX ((size_t)8 << 20)
#define GROW_IN_PLACE_MIN ((size_t)1 << 20)
#define HELD_BYTES_MAX ((size_t)64 << 30)
/* Guard regions cost page tables only; without them each is a VMA of its own (vm.max_map_count is 65530). */
#define HELD_AREAS_GUARDED 16384
#define HELD_AREAS_MPROTECT 2048
#define HELD_AREAS_MIN 64

struct ranked_lock area_lock = RANKED_LOCK_INIT(LOCK_RANK_VMALLOC);

/* All under area_lock. */
static struct area *live, *spare;
static struct area *held_first, *held_last; /* the quarantine, oldest first */
static struct area *retained[RETAIN_AREAS]; /* oldest first */
static unsigned nr_retained, nr_held;
static size_t retained_bytes, held_bytes, live_bytes, nr_live;

static unsigned area_flags; /* of the cache "vmalloc"; written by area_init */
static bool area_held;

void area_init(void)
{
	area_flags = flags_for_cache("vmalloc");
	area_held = area_flags != 0 && options.quarantine_size != 0;
	lock_register_for_fork(&area_lock);
}

static size_t run_bytes(const struct area *a)
{
	return (size_t)a->nr_pages << PAGE_SHIFT;
}

size_t area_usable(const struct area *a)
{
	return area_flags ? a->size : area_data_size(a);
}

/* ---- guards -------------------------------------------------------------------------------------------------------------- */

static void guard_set(uint32_t page, size_t n)
{
	void *p = (void *)page_address(page);

	if (os_guard_install(p, n << PAGE_SHIFT))
		return;
	if (os_protect_none(p, n << PAGE_SHIFT))
		os_decommit(p, n << PAGE_SHIFT);
}

static void guard_clear(uint32_t page, size_t n)
{
	void *p = (void *)page_address(page);

	if (!os_guard_supported() || !os_guard_remove(p, n << PAGE_SHIFT))
		os_unprotect(p, n << PAGE_SHIFT);
}

/* ---- descriptors and lists; under area_lock -------------------------------------------------------------------------------- */

static void live_add(struct area *a)
{
	a->prev = NULL;
	a->next = live;
	if (live)
		live->prev = a;
	live = a;
	nr_live++;
	live_bytes += area_data_size(a);
	a->state = AREA_LIVE;
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
	live_bytes -= area_data_size(a);
}

static struct area *descriptor_get(void)
{
	struct area *a;

	lock_acquire(&area_lock);
	a = spare;
	if (a)
		spare = a->next;
	lock_release(&area_lock);
	return a ? a : meta_alloc(sizeof(struct area), COST_SLAB);
}

static void descriptor_put(struct area *a)
{
	lock_acquire(&area_lock);
	a->state = AREA_UNUSED;
	a->next = spare;
	spare = a;
	lock_release(&area_lock);
}

/* The area is in no list and its pages are accessible. */
static void area_release(struct area *a, bool clean)
{
	uint32_t page = a->page, n = a->nr_pages;

	arena_clear_owner(page, n, a->guard_pages + 1);
	descriptor_put(a);
	buddy_free(page, n, clean);
}

/* ---- retained areas --------------------------------------------------------------------------------------------------------- */

static void retained_drop(unsigned i)
{
	retained_bytes -= run_bytes(retained[i]);
	nr_retained--;
	for (; i < nr_retained; i++)
		retained[i] = retained[i + 1];
}

static struct area *retained_take(size_t pages)
{
	struct area *a = NULL;
	unsigned i;

	lock_acquire(&area_lock);
	for (i = nr_retained; i-- > 0;) {
		uint32_t have = retained[i]->nr_pages;

		if (have >= pages && have <= pages + pages / 8) {
			a = retained[i];
			retained_drop(i);
			live_add(a);
			break;
		}
	}
	lock_release(&area_lock);
	return a;
}

/* The oldest ones, while there are too many or they hold more than `limit`; linked by next.  Under area_lock. */
static struct area *retained_excess(size_t limit)
{
	struct area *excess = NULL;

	while (nr_retained && (nr_retained == RETAIN_AREAS || retained_bytes > limit)) {
		struct area *a = retained[0];

		retained_drop(0);
		a->next = excess;
		excess = a;
	}
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

static void retained_put(struct area *a)
{
	struct area *excess;

	lock_acquire(&area_lock);
	live_remove(a);
	if (run_bytes(a) > RETAIN_AREA_MAX) {
		a->next = NULL;
		excess = a;
	} else {
		excess = retained_excess(RETAIN_BYTES - run_bytes(a));
		a->state = AREA_RETAINED;
		retained[nr_retained++] = a;
		retained_bytes += run_bytes(a);
	}
	lock_release(&area_lock);
	release_all(excess);
}

size_t area_shrink(void)
{
	struct area *excess;

	lock_acquire(&area_lock);
	excess = retained_excess(0);
	lock_release(&area_lock);
	return release_all(excess);
}

/* ---- quarantine --------------------------------------------------------------------------------------------------------------- */

/* A held area costs no data, but about a page of state map that its start keeps resident; half of the byte budget may go there. */
static bool held_over_budget(void)
{
	uint64_t most = os_guard_supported() ? HELD_AREAS_GUARDED : HELD_AREAS_MPROTECT;
	uint64_t fit = MAX(quarantine_budget() / 2 / PAGE_SIZE, HELD_AREAS_MIN);

	return nr_held > MIN(most, fit) || held_bytes > MIN(HELD_BYTES_MAX, arena_size / 4);
}

/* The oldest, when `all` or when there are too many. */
static struct area *held_take(bool all)
{
	struct area *a = NULL;

	lock_acquire(&area_lock);
	if (held_first && (all || held_over_budget())) {
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

static void held_release(struct area *a)
{
	guard_clear(a->page, a->nr_pages);
	area_release(a, true);
}

void area_drain(void)
{
	struct area *a;

	while ((a = held_take(true)) != NULL)
		held_release(a);
}

static void held_put(struct area *a)
{
	struct area *old;

	lock_acquire(&area_lock);
	live_remove(a);
	a->state = AREA_QUARANTINED;
	lock_release(&area_lock);
	/* Out of the list of live areas first: area_check_all reads their slack. */
	guard_set(a->page + a->guard_pages, a->nr_pages - 2 * a->guard_pages);
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

/* ---- allocation ------------------------------------------------------------------------------------------------------------- */

/* A run for `pages` data pages at the alignment, with its guards; what is left over on both sides goes back. */
static struct area *area_new(size_t pages, size_t align)
{
	size_t guards = area_flags ? 1 : 0, extra = align > PAGE_SIZE ? (align >> PAGE_SHIFT) - 1 : 0;
	size_t total = pages + 2 * guards + extra, lead;
	struct area *a;
	uint32_t page;
	bool clean;

	if (total > (size_t)arena_nr_blocks * BLOCK_PAGES)
		return NULL;
	a = descriptor_get();
	if (!a)
		return NULL;
	page = buddy_alloc(total, &clean);
	if (page == NO_PAGE) {
		descriptor_put(a);
		return NULL;
	}
	lead = extra ? (ALIGN_UP(page_address(page + (uint32_t)guards), align) >> PAGE_SHIFT) - (page_address(page) >> PAGE_SHIFT) - guards : 0;
	if (lead)
		buddy_free(page, lead, clean);
	if (extra > lead)
		buddy_free(page + (uint32_t)(total - (extra - lead)), extra - lead, clean);
	a->page = page + (uint32_t)lead;
	a->nr_pages = (uint32_t)(pages + 2 * guards);
	a->guard_pages = (uint32_t)guards;
	a->clean = clean;
	a->addr = area_data(a);
	return a;
}

static void area_trace(const struct area *a, bool free, stack_handle stack)
{
	if (unlikely(area_flags & SLAB_F_TRACE))
		debug_trace("vmalloc", free, a->addr, a->size, stack);
}

static void area_stamp(struct area *a, size_t size, enum slab_api api, stack_handle stack)
{
	a->size = size;
	a->api = (uint8_t)api;
	a->alloc_stack = stack;
	a->free_stack = 0;
	a->free_thread = 0;
	a->alloc_thread = area_flags & SLAB_F_TRACK ? thread_index() : 0;
	a->when = area_flags & SLAB_F_TRACK ? jiffies_now() : 0;
}

/* Red zone bytes behind the user's, and the shadow of the whole run. */
static void area_fill_slack(const struct area *a)
{
	slab_shadow->live(page_address(a->page), page_address(a->page + a->nr_pages), a->addr, area_usable(a), true);
	if (area_flags & SLAB_F_REDZONE)
		mem_set((void *)(a->addr + a->size), SLUB_RED_ACTIVE, area_data(a) + area_data_size(a) - (a->addr + a->size));
}

/* Known to be empty and unowned: make it part of the memmap, guarded and live. */
static void area_publish(struct area *a)
{
	if (a->guard_pages) {
		guard_set(a->page, 1);
		guard_set(a->page + a->nr_pages - 1, 1);
	}
	arena_set_owner(a->page, a->nr_pages, (uint64_t)(uintptr_t)a | OWNER_AREA);
	lock_acquire(&area_lock);
	live_add(a);
	lock_release(&area_lock);
}

static struct area *area_get(size_t pages, size_t align)
{
	struct area *a = NULL;

	if (!area_flags && align <= PAGE_SIZE)
		a = retained_take(pages);
	if (a) {
		a->clean = false;
		return a;
	}
	a = area_new(pages, align);
	if (!a && area_shrink())
		a = area_new(pages, align);
	if (a)
		area_publish(a);
	return a;
}

/* `room` data bytes are wanted, `size` of them asked for. */
static void *area_alloc_room(size_t size, size_t room, size_t align, enum slab_api api, bool zero, stack_handle stack)
{
	struct area *a;

	if (room > arena_size || align > arena_size)
		return NULL;
	a = area_get((MAX(room, 1) + PAGE_SIZE - 1) >> PAGE_SHIFT, align);
	if (!a)
		return NULL;
	area_stamp(a, size, api, stack);
	area_fill_slack(a);
	if (zero && !a->clean)
		mem_set((void *)a->addr, 0, size);
	STORE_RELEASE(*state_of(a->addr), (uint8_t)SLAB_STATE_LARGE);
	area_trace(a, false, stack);
	return (void *)a->addr;
}

void *area_alloc(size_t size, size_t align, enum slab_api api, bool zero, const struct unwind_regs *regs)
{
	stack_handle stack = regs && area_flags & SLAB_F_TRACK ? unwind_save(regs) : 0;

	return area_alloc_room(size, size, align, api, zero, stack);
}

/* ---- free --------------------------------------------------------------------------------------------------------------------- */

static void report_area(const struct area *a, enum slab_finding_kind kind, enum slab_found_at at, const struct damage *d,
                        const struct unwind_regs *regs)
{
	struct slab_finding f;

	finding_init(&f, kind, at, d->addr, regs);
	f.size = d->size;
	f.expected = d->expected;
	f.found = d->found;
	f.have_object = true;
	object_describe_area(a, &f.object);
	f.object.state = SLAB_OBJ_LIVE;
	finding_report(&f);
}

static unsigned area_check_slack(struct area *a, enum slab_found_at at, const struct unwind_regs *regs)
{
	uintptr_t end = area_data(a) + area_data_size(a);
	struct damage d;

	if (!(area_flags & SLAB_F_REDZONE) || check_bytes(a->addr + a->size, end, SLUB_RED_ACTIVE, &d))
		return 0;
	report_area(a, SLAB_RIGHT_REDZONE, at, &d, regs);
	mem_set((void *)d.addr, SLUB_RED_ACTIVE, d.size);
	return 1;
}

static void area_check_api(struct area *a, enum slab_api api, size_t size_given, const struct unwind_regs *regs)
{
	struct slab_finding f;
	bool mismatch = mismatch_of_apis((enum slab_api)a->api, api);

	if (!(area_flags & SLAB_F_TRACK) || (!mismatch && (size_given == SIZE_MAX || size_given == a->size)))
		return;
	finding_init(&f, mismatch ? SLAB_ALLOC_DEALLOC_MISMATCH : SLAB_SIZED_DELETE_MISMATCH, SLAB_AT_FREE, a->addr, regs);
	f.size = mismatch ? 0 : size_given;
	f.api_used = api;
	f.have_object = true;
	object_describe_area(a, &f.object);
	f.object.state = SLAB_OBJ_LIVE;
	finding_report(&f);
}

void area_free(struct area *a, enum slab_api api, size_t size_given, const struct unwind_regs *regs)
{
	area_check_api(a, api, size_given, regs);
	area_check_slack(a, SLAB_AT_FREE, regs);
	if (area_flags)
		slab_shadow->bad(area_data(a), area_data_size(a), SLAB_MARK_PAGES);
	if (area_flags & SLAB_F_TRACK) {
		a->free_stack = regs ? unwind_save(regs) : 0;
		a->free_thread = thread_index();
		a->when = jiffies_now();
	}
	area_trace(a, true, a->free_stack);
	if (!area_flags)
		retained_put(a);
	else if (area_held)
		held_put(a);
	else {
		lock_acquire(&area_lock);
		live_remove(a);
		lock_release(&area_lock);
		guard_clear(a->page, a->nr_pages);
		area_release(a, false);
	}
}

/* ---- realloc -------------------------------------------------------------------------------------------------------------------- */

/* The run changes by whole pages at its end. */
static void area_resize_run(struct area *a, uint32_t pages)
{
	arena_change_owner(a->page, a->nr_pages, pages, (uint64_t)(uintptr_t)a | OWNER_AREA);
	lock_acquire(&area_lock);
	live_bytes += ((size_t)pages << PAGE_SHIFT) - run_bytes(a);
	a->nr_pages = pages;
	lock_release(&area_lock);
}

static bool area_resize_in_place(struct area *a, size_t size)
{
	size_t pages = (size + PAGE_SIZE - 1) >> PAGE_SHIFT, have = a->nr_pages;
	bool clean;

	if (pages > have) {
		if (!buddy_extend(a->page + a->nr_pages, pages - have, &clean))
			return false;
		area_resize_run(a, (uint32_t)pages);
	} else if (have - pages > have / 4) {
		uint32_t tail = a->page + (uint32_t)pages;

		area_resize_run(a, (uint32_t)pages);
		buddy_free(tail, have - pages, false);
	}
	a->size = size;
	if (pages > have)
		area_fill_slack(a);
	return true;
}

static void *area_move(struct area *a, size_t size, const struct unwind_regs *regs)
{
	stack_handle stack = regs && area_flags & SLAB_F_TRACK ? unwind_save(regs) : 0;
	size_t room = !area_flags && size > a->size ? size + size / 2 : size;
	void *p = area_alloc_room(size, room, 16, (enum slab_api)a->api, false, stack);

	if (!p && room > size)
		p = area_alloc_room(size, size, 16, (enum slab_api)a->api, false, stack);
	if (p)
		mem_copy(p, (void *)a->addr, MIN(size, a->size));
	return p;
}

/* The guard behind the area moves up by `extra` pages. */
static bool area_grow_guarded(struct area *a, size_t extra)
{
	uint32_t guard = a->page + a->nr_pages - 1;
	bool clean;

	if (!buddy_extend(guard + 1, extra, &clean))
		return false;
	guard_set(guard + (uint32_t)extra, 1);
	area_resize_run(a, a->nr_pages + (uint32_t)extra);
	guard_clear(guard, 1);
	return true;
}

/* Check mode stays in place within the same pages, and grows in place what is too large to be copied each time; else it moves, which
 * catches the pointers that were forgotten. */
static bool area_stays(struct area *a, size_t size)
{
	size_t room = ALIGN_UP(size, PAGE_SIZE), have = area_data_size(a);

	if (size <= a->size)
		return room == have;
	return a->size >= GROW_IN_PLACE_MIN && (room == have || area_grow_guarded(a, (room - have) >> PAGE_SHIFT));
}

/* NULL: no memory, nothing changed; another address: the caller frees the old one. */
void *area_realloc(struct area *a, size_t size, const struct unwind_regs *regs)
{
	if (size > arena_size)
		return NULL;
	if (!area_flags)
		return area_resize_in_place(a, size) ? (void *)a->addr : area_move(a, size, regs);
	area_check_slack(a, SLAB_AT_REALLOC, regs);
	if (!area_stays(a, size))
		return area_move(a, size, regs);
	area_stamp(a, size, (enum slab_api)a->api, regs && area_flags & SLAB_F_TRACK ? unwind_save(regs) : 0);
	area_fill_slack(a);
	area_trace(a, false, a->alloc_stack);
	return (void *)a->addr;
}

/* ---- views ------------------------------------------------------------------------------------------------------------------------ */

/* Areas may be freed while we look, so only what the state byte still calls live is believed, and only under the lock: held_put
 * takes the area out of the list before the bytes go away. */
size_t area_check_all(enum slab_found_at at, const struct unwind_regs *regs)
{
	struct area *a, *bad;
	struct damage d;
	uintptr_t after = 0;
	size_t found = 0;

	if (!(area_flags & SLAB_F_REDZONE))
		return 0;
	for (;;) {
		bad = NULL;
		lock_acquire(&area_lock);
		for (a = live; a; a = a->next) {
			uintptr_t end = area_data(a) + area_data_size(a);

			if (a->addr > after && (!bad || a->addr < bad->addr) && READ_ONCE(*state_of(a->addr)) == SLAB_STATE_LARGE &&
			    !check_bytes(a->addr + a->size, end, SLUB_RED_ACTIVE, &d))
				bad = a;
		}
		lock_release(&area_lock);
		if (!bad)
			return found;
		after = bad->addr;
		found += area_check_slack(bad, at, regs);
	}
}

uint64_t area_live_bytes(void)
{
	return READ_ONCE(live_bytes);
}

void area_get_stats(struct area_stats *s)
{
	lock_acquire(&area_lock);
	s->areas = nr_live;
	s->bytes = live_bytes;
	s->retained_bytes = retained_bytes;
	s->quarantined_bytes = held_bytes;
	s->quarantined = nr_held;
	lock_release(&area_lock);
}
