/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/vmalloc.c - large requests: whole pages, in check mode between guard pages. */
#include "slab/area.h"
#include "slab/arena.h"
#include "slab/buddy.h"
#include "slab/budget.h"
#include "slab/finding.h"
#include "slab/flags.h"
#include "slab/harden.h"
#include "slab/object.h"
#include "slab/reclaim.h"
#include "slab/redzone.h"
#include "slab/slab.h"
#include "slab/trace_hook.h"
#include "slab/vmalloc.h"

/*     check mode                                     production
 *     | guard | data … data+slack | guard |          | data … |
 *             ^addr                                   ^addr
 *
 * Data starts at its first page. In check mode the rest of the last page is red zone, and is verified at free.
 * Guards cost two system calls, so production has none, except for memsan_vmalloc, which promises them. area.c
 * decides what becomes of freed areas.
 *
 * In production too a freed area faults if that costs little. These areas are those of memsan_vmalloc (as after the
 * kernel's vunmap), and areas so large that most of their memory would go back to the system anyway (as after the
 * munmap of other allocators). They record stacks, so a report can explain the fault. With harden=basic, the first
 * free of a block that is larger than all that were freed before is such a free too, from 128 KiB on. glibc does the
 * same until its threshold has grown. This costs a process some fifty unmappings at most.
 *
 * A buffer that grows step by step is copied a logarithmic number of times. In production a realloc that must move a
 * large area reserves half its size more in address space. Pages that are not touched cost nothing.
 *
 * In check mode a realloc moves the area, because that catches pointers that were not updated. But when the size
 * changes by less than an eighth, the new run has spare pages behind the data, a quarter of its size. They are guards
 * until further small steps take them for data (or give data pages back, when the area shrinks step by step). So the
 * first step moves the area, and later ones do so once in a quarter of its size:
 *
 *     | guard | data … data+slack | spare … spare | guard |
 */

#define GROW_IN_PLACE_MIN ((size_t)1 << 20)
#define OUTGROWN_PAGES_MIN 16                     /* smaller ones are not worth a system call */
#define SMALL_STEP 8                              /* a change by less than this part of the size */
#define SPARE_SHARE 4                             /* this part of the data pages is added as spare ones */
#define UNMAP_MIN (BUDGET_KEEP_MAX << PAGE_SHIFT) /* the buddy would keep no more than this for reuse */
#define UNMAP_FIRST_MIN ((size_t)128 << 10)       /* glibc's first threshold for mmap */
#define UNMAP_FIRST_STEP 8                        /* larger than all before by this part of the size */

static unsigned area_flags; /* of the cache "vmalloc"; written once by area_init */
static bool area_held;

void area_init(void)
{
	area_flags = flags_for_cache("vmalloc");
	if (READ_ONCE(budget_lean))
		buddy_pack();
	area_held = area_flags != 0 && options.quarantine_size != 0;
	lock_register_for_fork(&area_lock);
}

void slab_limit_data(uint64_t limit)
{
	if (budget_limit(limit))
		buddy_pack();
}

size_t area_usable(const struct area *a)
{
	return area_flags || area_lead(a) || !a->size ? a->size : area_data_size(a);
}

/* ---- canaries of hardened production --------------------------------------------------------- */

/* Does such an area get canaries? One of 0 bytes is a guard. */
static size_t lead_of(size_t size, size_t align, enum slab_api api)
{
	return size && harden_on && !area_flags && api < SLAB_API_CACHE ? MIN(MAX(align, AREA_LEAD), PAGE_SIZE) : 0;
}

/* The data bytes that an object of that size takes. */
static size_t room_of(size_t size, size_t lead)
{
	return lead ? lead + size + sizeof(uint64_t) : size;
}

static uintptr_t canary_end(const struct area *a)
{
	uintptr_t end = a->addr + a->size, data_end = area_data(a) + area_data_size(a);

	return end + MIN(data_end - end, AREA_CANARY);
}

/* The program may have closed the pages; canaries of such an area are not verified either. */
static void canary_fill(const struct area *a)
{
	if (!area_lead(a) || READ_ONCE(a->changed))
		return;
	harden_fill(area_key_at(a), a->addr);
	harden_fill(a->addr + a->size, canary_end(a));
}

/* Describes damage for the caller to report. The program may have closed or dropped pages, also those of canaries. */
static bool canary_find_damage(const struct area *a, enum slab_found_at at, const struct unwind_regs *regs,
                               struct slab_finding *f)
{
	bool left;
	struct damage d;

	if (!area_lead(a) || READ_ONCE(a->torn) || READ_ONCE(a->changed))
		return false;
	left = !harden_intact(area_key_at(a), a->addr, &d);
	if (!left && harden_intact(a->addr + a->size, canary_end(a), &d))
		return false;
	finding_init_damage(f, left ? SLAB_LEFT_REDZONE : SLAB_RIGHT_REDZONE, at, &d, regs);
	object_describe_area(a, &f->object);
	f->object.state = SLAB_OBJ_LIVE;
	f->attack = true;
	return true;
}

/* A freed area is retained. */
static void mark_freed(const struct area *a)
{
	if (area_is_marked(a))
		harden_fill(area_key_at(a), area_key_at(a) + AREA_MARK);
}

static bool freed_find_damage(struct area *a, enum slab_found_at at, const struct unwind_regs *regs,
                              struct slab_finding *f)
{
	struct damage d;

	if (harden_intact(area_key_at(a), area_key_at(a) + AREA_MARK, &d))
		return false;
	finding_init_damage(f, SLAB_POISON_OVERWRITTEN, at, &d, regs);
	object_describe_area(a, &f->object);
	f->object.state = SLAB_OBJ_FREE;
	f->attack = true;
	return true;
}

static void verify_freed(struct area *a)
{
	struct slab_finding f;

	if (area_is_marked(a) && freed_find_damage(a, SLAB_AT_ALLOC, NULL, &f))
		finding_report(&f);
}

/* ---- allocation ------------------------------------------------------------------------------ */

/* Gives back a part of a run that was taken too large. */
static void area_trim(uint32_t page, size_t n, bool clean)
{
	if (!n)
		return;
	slab_shadow->bad(page_address(page), n << PAGE_SHIFT, SLAB_MARK_UNUSED);
	buddy_free(page, n, clean);
}

/* Takes a run for `pages` data pages, with its guards. The alignment is that of the address `lead` bytes behind the
 * start of the data. Pages left over on both sides go back. */
static struct area *area_new(size_t pages, size_t align, size_t lead, size_t guards, size_t spare)
{
	/* The buddy aligns a power of two of pages to its own size. */
	bool aligned = !guards && !lead && pages == align >> PAGE_SHIFT && pages <= BLOCK_PAGES;
	size_t extra = align > PAGE_SIZE && !aligned ? (align >> PAGE_SHIFT) - 1 : 0;
	size_t run = pages + 2 * guards + spare, total = run + extra, front = 0;
	uintptr_t start;
	struct area *a;
	uint32_t page;
	bool clean;

	if (total > (size_t)arena_nr_blocks * BLOCK_PAGES)
		return NULL;
	a = area_descriptor_get();
	if (!a)
		return NULL;
	area_give_way(total);
	page = buddy_alloc(total, &clean);
	if (page == NO_PAGE) {
		area_descriptor_put(a);
		return NULL;
	}
	start = page_address(page + (uint32_t)guards) + lead;
	if (extra)
		front = (ALIGN_UP(start, align) - start) >> PAGE_SHIFT;
	area_trim(page, front, clean);
	area_trim(page + (uint32_t)(total - (extra - front)), extra - front, clean);
	WRITE_ONCE(a->page, page + (uint32_t)front);
	WRITE_ONCE(a->nr_pages, (uint32_t)run);
	WRITE_ONCE(a->guard_pages, (uint32_t)guards);
	WRITE_ONCE(a->spare_pages, (uint32_t)spare);
	a->stepped = false;
	a->outgrown = false;
	a->clean = clean;
	WRITE_ONCE(a->opened, false);
	WRITE_ONCE(a->changed, false);
	WRITE_ONCE(a->torn, false);
	WRITE_ONCE(a->addr, area_data(a));
	return a;
}

/* Does free unmap this area, in production? */
static bool area_unmaps(enum slab_api api, size_t size)
{
	return options.quarantine_size != 0 &&
	       (api == SLAB_API_VMALLOC || (api != SLAB_API_PAGES && (size > UNMAP_MIN || harden_full)));
}

/* Two threads may both be the first. */
static bool area_unmaps_first(enum slab_api api, size_t size)
{
	static size_t largest = UNMAP_FIRST_MIN - UNMAP_FIRST_MIN / UNMAP_FIRST_STEP;
	size_t before = READ_ONCE(largest);

	if (likely(size < before + before / UNMAP_FIRST_STEP) || !harden_on || api == SLAB_API_PAGES ||
	    !options.quarantine_size || READ_ONCE(budget_lean))
		return false;
	WRITE_ONCE(largest, size);
	return true;
}

static bool area_tracked(enum slab_api api, size_t size)
{
	return area_flags & SLAB_F_TRACK || (!area_flags && area_unmaps(api, size));
}

static stack_handle area_save_stack(enum slab_api api, size_t size, const struct unwind_regs *regs)
{
	return regs && area_tracked(api, size) ? unwind_save(regs) : 0;
}

static void area_trace(const struct area *a, bool free, stack_handle stack)
{
	if (unlikely(area_flags & SLAB_F_TRACE))
		trace_tell("vmalloc", free, a->addr, a->size, stack);
}

static void area_stamp(struct area *a, size_t size, enum slab_api api, stack_handle stack)
{
	WRITE_ONCE(a->size, size);
	WRITE_ONCE(a->api, (uint8_t)api);
	WRITE_ONCE(a->alloc_stack, stack);
	WRITE_ONCE(a->free_stack, 0);
	WRITE_ONCE(a->free_thread, 0);
	WRITE_ONCE(a->alloc_thread, area_tracked(api, size) ? thread_index() : 0);
	WRITE_ONCE(a->when, area_tracked(api, size) ? jiffies_now() : 0);
}

static void area_fill_redzone(const struct area *a)
{
	if (area_flags & SLAB_F_REDZONE)
		mem_set((void *)(a->addr + a->size), SLUB_RED_ACTIVE,
		        area_data(a) + area_data_size(a) - (a->addr + a->size));
}

/* Fills the red zone behind the user's bytes, and the shadow of the whole run. */
static void area_fill_slack(const struct area *a)
{
	slab_shadow->live(page_address(a->page), page_address(a->page + a->nr_pages), a->addr, area_usable(a), true);
	area_fill_redzone(a);
}

/* The same after a change of size in place. The shadow changes between the smaller size and the guard behind the data;
 * all of it would take as long as copying an eighth of the area. */
static void area_refill_slack(const struct area *a, size_t before)
{
	uintptr_t from = ALIGN_DOWN(a->addr + MIN(before, area_usable(a)), PAGE_SIZE);

	slab_shadow->live(from, area_data(a) + area_data_size(a) + a->guard_pages * PAGE_SIZE, from,
	                  a->addr + area_usable(a) - from, true);
	area_fill_redzone(a);
}

/* The area has 0 bytes, so its one data page is a guard too. Its free puts a fresh page there. */
static void area_close(struct area *a)
{
	WRITE_ONCE(a->changed, true);
	WRITE_ONCE(a->torn, true);
	area_guard_set(page_of(area_data(a)), area_data_size(a) >> PAGE_SHIFT);
	slab_shadow->live(page_address(a->page), page_address(a->page + a->nr_pages), a->addr, 0, true);
}

/* Enters a run without owner and data into the memmap as a guarded, live area. */
static void area_publish(struct area *a)
{
	if (a->guard_pages) {
		area_guard_set(a->page, 1);
		area_guard_set(a->page + a->nr_pages - 1 - a->spare_pages, (size_t)a->spare_pages + 1);
	}
	arena_set_owner(a->page, a->nr_pages, (uint64_t)(uintptr_t)a | OWNER_AREA);
	area_make_live(a);
}

/* Retained areas are for malloc only: memsan_vmalloc promises guard pages, and memsan_alloc_pages aligned pages, in
 * production too. */
static struct area *area_get(size_t pages, size_t align, size_t lead, enum slab_api api, size_t spare)
{
	size_t guards = (area_flags && !READ_ONCE(budget_lean)) || api == SLAB_API_VMALLOC ? 1 : 0;
	struct area *a = NULL;

	if (!guards && !area_flags && api != SLAB_API_PAGES)
		a = area_take_retained(pages, align, lead);
	if (a) {
		verify_freed(a);
		a->clean = a->outgrown = false;
		return a;
	}
	a = area_new(pages, align, lead, guards, guards ? spare : 0);
	if (!a && spare)
		a = area_new(pages, align, lead, guards, 0);
	if (!a && area_shrink())
		a = area_new(pages, align, lead, guards, 0);
	if (a)
		area_publish(a);
	return a;
}

/* `room` data bytes are taken for the `size` that the caller asked for; `spare` pages behind them if there are any. */
static void *area_alloc_room(size_t size, size_t room, size_t spare, size_t align, enum slab_api api, bool zero,
                             stack_handle stack)
{
	size_t lead = lead_of(size, align, api);
	struct area *a;

	if (room > arena_size || align > arena_size || !os_may_commit(room))
		return NULL;
	a = area_get((MAX(room_of(room, lead), 1) + PAGE_SIZE - 1) >> PAGE_SHIFT, align, lead, api, spare);
	if (!a)
		return NULL;
	WRITE_ONCE(a->addr, area_data(a) + lead);
	area_stamp(a, size, api, stack);
	WRITE_ONCE(a->align, (uint8_t)(__builtin_ctzl(align) - 4));
	if (unlikely(!size && room == size))
		area_close(a);
	else
		area_fill_slack(a);
	canary_fill(a);
	if (zero && !a->clean)
		mem_set((void *)a->addr, 0, size);
	STORE_RELEASE(a->live, a->addr);
	area_trace(a, false, stack);
	reclaim_near_limit();
	return (void *)a->addr;
}

void *area_alloc(size_t size, size_t align, enum slab_api api, bool zero, const struct unwind_regs *regs)
{
	return area_alloc_room(size, size, 0, align, api, zero, area_save_stack(api, size, regs));
}

/* ---- free ------------------------------------------------------------------------------------ */

/* Describes damage of the red zone for the caller to report. */
static bool slack_find_damage(const struct area *a, enum slab_found_at at, const struct unwind_regs *regs,
                              struct slab_finding *f)
{
	uintptr_t end = area_data(a) + area_data_size(a);
	struct damage d;

	if (!area_flags)
		return canary_find_damage(a, at, regs, f);
	if (!(area_flags & SLAB_F_REDZONE) || READ_ONCE(a->torn) ||
	    bytes_intact(a->addr + a->size, end, SLUB_RED_ACTIVE, &d))
		return false;
	finding_init_damage(f, SLAB_RIGHT_REDZONE, at, &d, regs);
	object_describe_area(a, &f->object);
	f->object.state = SLAB_OBJ_LIVE;
	return true;
}

static void slack_repair(const struct slab_finding *f)
{
	if (!area_flags)
		harden_fill(f->addr, f->addr + f->size);
	else
		mem_set((void *)f->addr, SLUB_RED_ACTIVE, f->size);
}

void area_check_slack(const struct area *a, enum slab_found_at at, const struct unwind_regs *regs)
{
	struct slab_finding f;

	if (!slack_find_damage(a, at, regs, &f))
		return;
	finding_report(&f);
	slack_repair(&f);
}

static void area_check_api(struct area *a, enum slab_api api, size_t size_given, const struct unwind_regs *regs)
{
	struct slab_finding f;
	bool tracked = area_flags & SLAB_F_TRACK, of_malloc = a->api < SLAB_API_CACHE && api < SLAB_API_CACHE;
	/* Every area knows its family. malloc and new are told apart only in check mode. */
	bool mismatch = (mismatch_of_apis((enum slab_api)a->api, api) || mismatch_of_forms(api, a->align)) &&
	                (tracked || !of_malloc);

	if (!mismatch && (size_given == SIZE_MAX || size_given == a->size || !(tracked || harden_full)))
		return;
	finding_init(&f, mismatch ? SLAB_ALLOC_DEALLOC_MISMATCH : SLAB_SIZED_DELETE_MISMATCH, SLAB_AT_FREE, a->addr,
	             regs);
	f.size = mismatch ? 0 : size_given;
	f.api_used = api;
	f.have_object = true;
	object_describe_area(a, &f.object);
	f.object.state = SLAB_OBJ_LIVE;
	f.attack = !tracked && !mismatch;
	finding_report(&f);
}

/* A buffer that grows does not need its old size again soon. The first page has the mark. */
static void outgrown_decommit(const struct area *a)
{
	if (a->outgrown && !READ_ONCE(a->changed) && !os_memory_is_locked())
		os_decommit((void *)(area_data(a) + PAGE_SIZE), area_data_size(a) - PAGE_SIZE);
}

void area_free(struct area *a, enum slab_api api, size_t size_given, const struct unwind_regs *regs)
{
	enum slab_api of = (enum slab_api)a->api;
	size_t bytes = area_data_size(a);
	bool unmap = !area_flags && (area_unmaps(of, bytes) || area_unmaps_first(of, bytes));

	area_check_api(a, api, size_given, regs);
	area_check_slack(a, SLAB_AT_FREE, regs);
	if (area_flags)
		slab_shadow->bad(area_data(a), area_data_size(a), SLAB_MARK_PAGES);
	if (area_flags & SLAB_F_TRACK || unmap) {
		WRITE_ONCE(a->free_stack, regs ? unwind_save(regs) : 0);
		WRITE_ONCE(a->free_thread, thread_index());
		WRITE_ONCE(a->when, jiffies_now());
	}
	area_trace(a, true, a->free_stack);
	if (area_held || unmap) {
		area_quarantine(a);
	} else if (!area_flags && !a->guard_pages && a->api != SLAB_API_PAGES) {
		outgrown_decommit(a);
		mark_freed(a);
		area_retain(a);
	} else {
		area_dispose(a);
	}
}

/* ---- realloc --------------------------------------------------------------------------------- */

/* The run grows or shrinks by whole pages at its end. */
static void area_resize_run(struct area *a, uint32_t pages)
{
	arena_resize_owner(a->page, a->nr_pages, pages, (uint64_t)(uintptr_t)a | OWNER_AREA);
	area_set_pages(a, pages, 0);
}

static bool area_step_is_small(const struct area *a, size_t size)
{
	return (size > a->size ? size - a->size : a->size - size) < a->size / SMALL_STEP;
}

/* A buffer that grew before, and was freed, left retained areas where it grows now. */
static bool area_extend(const struct area *a, size_t n)
{
	uint32_t end = a->page + a->nr_pages;
	bool clean;

	while (!buddy_extend(end, n, &clean)) {
		if (!area_give_way_at(buddy_free_end(end, n)))
			return false;
	}
	return true;
}

static bool area_resize_run_in_place(struct area *a, size_t size)
{
	size_t pages = (room_of(size, area_lead(a)) + PAGE_SIZE - 1) >> PAGE_SHIFT, have = a->nr_pages,
	       before = area_usable(a);

	if (pages > have) {
		if (!area_extend(a, pages - have))
			return false;
		area_resize_run(a, (uint32_t)pages);
	} else if (size < a->size && have - pages > have / 4) {
		uint32_t tail = a->page + (uint32_t)pages;
		bool changed = READ_ONCE(a->changed);

		if (likely(!changed) || arena_renew(tail, have - pages)) {
			area_resize_run(a, (uint32_t)pages);
			slab_shadow->bad(page_address(tail), (have - pages) << PAGE_SHIFT, SLAB_MARK_RUN);
			buddy_free(tail, have - pages, changed);
		}
	}
	WRITE_ONCE(a->size, size);
	if (pages > have)
		area_refill_slack(a, before);
	canary_fill(a);
	return true;
}

/* area_check_all skips the area while its size and its canary disagree. */
static bool area_resize_in_place(struct area *a, size_t size)
{
	bool stays;

	if (!area_lead(a))
		return area_resize_run_in_place(a, size);
	area_set_resizing(a, true);
	stays = area_resize_run_in_place(a, size);
	area_set_resizing(a, false);
	return stays;
}

/* A realloc writes to the slack, or copies the whole area. Its owner may have closed both; the mremap of other
 * allocators works then too. */
static void area_reopen(struct area *a)
{
	if (unlikely(READ_ONCE(a->changed)))
		os_unprotect((void *)area_data(a), area_data_size(a));
}

static void *area_move(struct area *a, size_t size, const struct unwind_regs *regs)
{
	stack_handle stack = area_save_stack((enum slab_api)a->api, size, regs);
	size_t room = !area_flags && size > a->size ? size + size / 2 : size;
	bool stepped = area_flags && area_step_is_small(a, size);
	size_t spare = stepped && size > a->size ? (size >> PAGE_SHIFT) / SPARE_SHARE + 1 : 0;
	enum slab_api api = api_resized((enum slab_api)a->api);
	void *p = area_alloc_room(size, room, MIN(spare, GUARD_REGION_PAGES - 2), 16, api, false, stack);
	struct area *moved;

	if (!p && room > size)
		p = area_alloc_room(size, size, 0, 16, api, false, stack);
	moved = p ? area_at((uintptr_t)p) : NULL;
	if (moved) {
		moved->stepped = stepped;
		area_reopen(a);
		mem_copy(p, (void *)a->addr, MIN(size, a->size));
		a->outgrown = size > a->size && a->nr_pages >= OUTGROWN_PAGES_MIN;
	}
	return p;
}

/* The page behind the data. */
static uint32_t area_first_guard(const struct area *a)
{
	return a->page + a->nr_pages - 1 - a->spare_pages;
}

/* `n` spare pages become data. */
static bool area_take_spare(struct area *a, size_t n)
{
	if (n > a->spare_pages || !area_guard_clear(area_first_guard(a), n))
		return false;
	area_set_pages(a, a->nr_pages, a->spare_pages - (uint32_t)n);
	return true;
}

/* The last `n` data pages become spare ones. Their memory goes back. Not when much of the run would be spare. */
static bool area_give_spare(struct area *a, size_t n)
{
	size_t spare = a->spare_pages + n;

	if (n >= GUARD_REGION_PAGES || spare > a->nr_pages / SPARE_SHARE)
		return false;
	area_guard_set(area_first_guard(a) - (uint32_t)n, n);
	area_set_pages(a, a->nr_pages, (uint32_t)spare);
	return true;
}

/* Moves the guard behind the area up by `extra` pages. */
static bool area_grow_guarded(struct area *a, size_t extra)
{
	uint32_t guard = area_first_guard(a), spare = a->spare_pages;
	size_t more = extra - spare;
	bool clean;

	if (extra <= spare)
		return area_take_spare(a, extra);
	if (!area_guard_clear(guard, (size_t)spare + 1))
		return false;
	if (!buddy_extend(guard + spare + 1, more, &clean)) {
		area_guard_set(guard, (size_t)spare + 1);
		return false;
	}
	area_guard_set(guard + (uint32_t)extra, 1);
	area_resize_run(a, a->nr_pages + (uint32_t)more);
	return true;
}

/* `extra` data pages more, in place. Under a limit of data areas have no guards. */
static bool area_grow(struct area *a, size_t extra)
{
	bool clean;

	if (a->guard_pages)
		return area_grow_guarded(a, extra);
	if (!buddy_extend(a->page + a->nr_pages, extra, &clean))
		return false;
	area_resize_run(a, a->nr_pages + (uint32_t)extra);
	return true;
}

/* In check mode an area stays in place when it shrinks within the same pages, and when its size changes in small steps
 * (from the second one on). An area that is too large to be copied each time also grows in place, if it can. Otherwise
 * the area moves, which catches pointers that were not updated. */
static bool area_stays(struct area *a, size_t size)
{
	size_t room = ALIGN_UP(size, PAGE_SIZE), have = area_data_size(a);
	bool step = a->stepped && area_step_is_small(a, size), large = a->size >= GROW_IN_PLACE_MIN;

	if (room == have)
		return size <= a->size || step || large;
	if (size > a->size && large)
		return area_grow(a, (room - have) >> PAGE_SHIFT);
	if (!a->guard_pages)
		return false;
	if (size <= a->size)
		return step && area_give_spare(a, (have - room) >> PAGE_SHIFT);
	return step && area_take_spare(a, (room - have) >> PAGE_SHIFT);
}

/* There is no memory to move to. What an area loses by shrinking becomes slack. */
static bool area_must_stay(struct area *a, size_t size)
{
	size_t room = ALIGN_UP(size, PAGE_SIZE), have = area_data_size(a);

	return room <= have || area_grow(a, (room - have) >> PAGE_SHIFT);
}

/* The area gets its new size in place, when `stays` allows it and has made room. */
static bool area_restamp(struct area *a, size_t size, const struct unwind_regs *regs,
                         bool (*stays)(struct area *, size_t))
{
	stack_handle stack = regs && area_flags & SLAB_F_TRACK ? unwind_save(regs) : 0;
	size_t before = a->size;
	bool in_place;

	area_set_resizing(a, true);
	in_place = stays(a, size);
	if (in_place) {
		area_reopen(a);
		area_stamp(a, size, api_resized((enum slab_api)a->api), stack);
		area_refill_slack(a, before);
		WRITE_ONCE(a->torn, false);
	}
	area_set_resizing(a, false);
	return in_place;
}

/* NULL: no memory, and nothing changed. Another address: the caller frees the old area. */
void *area_realloc(struct area *a, size_t size, const struct unwind_regs *regs)
{
	void *moved;

	if (size > arena_size || (size > a->size && !os_may_commit(size)))
		return NULL;
	area_check_slack(a, SLAB_AT_REALLOC, regs);
	if (!area_flags)
		return area_resize_in_place(a, size) ? (void *)a->addr : area_move(a, size, regs);
	if (!area_restamp(a, size, regs, area_stays)) {
		moved = area_move(a, size, regs);
		if (moved || !area_restamp(a, size, regs, area_must_stay))
			return moved;
	}
	area_trace(a, false, a->alloc_stack);
	return (void *)a->addr;
}

/* ---- views ----------------------------------------------------------------------------------- */

/* The acquire pairs with area_alloc_room: the red zone of a live area is filled. */
static bool slack_damaged(const struct area *a)
{
	struct slab_finding f;
	struct damage d;

	if (!area_flags)
		return LOAD_ACQUIRE(a->live) && canary_find_damage(a, SLAB_AT_CHECK_ALL, NULL, &f);
	return LOAD_ACQUIRE(a->live) && !READ_ONCE(a->torn) &&
	       !bytes_intact(a->addr + a->size, area_data(a) + area_data_size(a), SLUB_RED_ACTIVE, &d);
}

struct slack_search {
	struct slab_finding finding;
	enum slab_found_at at;
	const struct unwind_regs *regs;
	bool found;
};

static void slack_describe(struct area *a, void *ctx)
{
	struct slack_search *search = ctx;

	search->found = slack_find_damage(a, search->at, search->regs, &search->finding);
}

/* Repairs the damage if it is still as it was. Called after the report, which shows the damaged bytes. */
static void slack_repair_found(struct area *a, void *ctx)
{
	struct slack_search *search = ctx;
	struct slab_finding now;

	if (a->addr == search->finding.object.addr && slack_find_damage(a, search->at, search->regs, &now))
		slack_repair(&now);
}

static bool freed_describe(struct area *a, void *ctx)
{
	struct slack_search *search = ctx;

	return freed_find_damage(a, search->at, search->regs, &search->finding);
}

static bool freed_repair(struct area *a, void *ctx)
{
	struct slack_search *search = ctx;

	if (a->addr != search->finding.object.addr)
		return false;
	mark_freed(a);
	return true;
}

/* harden=basic: freed areas that wait for the next owner. The report comes before the repair, because it shows the
 * damaged bytes. */
static size_t check_retained(struct slack_search *search)
{
	size_t found = 0;

	while (harden_on && !area_flags && area_any_retained(freed_describe, search)) {
		finding_report(&search->finding);
		area_any_retained(freed_repair, search);
		found++;
	}
	return found;
}

/* Areas may be freed or resized meanwhile. So only an area that is still live is looked at, and only under the lock:
 * a free takes the area out of the list before the bytes go away. */
size_t area_check_all(enum slab_found_at at, const struct unwind_regs *regs)
{
	struct slack_search search;
	uintptr_t after = 0;
	size_t found = 0;

	if (!(area_flags & SLAB_F_REDZONE) && !harden_on)
		return 0;
	search.at = at;
	search.regs = regs;
	while ((after = area_find_live(after, slack_damaged, slack_describe, &search)) != 0) {
		if (!search.found)
			continue;
		finding_report(&search.finding);
		area_find_live(after - 1, slack_damaged, slack_repair_found, &search);
		found++;
	}
	return found + check_retained(&search);
}
