/* SPDX-License-Identifier: BSD-2-Clause */
/* fence/slots.c - slots: pages between guard pages, each for one object.  Decides which slot is used next, and opens
 * and closes slots.
 *
 *     | guard | data | guard | data | guard | …     slot i: guard i, data i; its right guard is slot i+1's left one
 *             ^ canary, object flush left or right, canary
 *
 * There is a range of slots for objects of 1, 2, 4 and 8 pages; sampling uses the first alone, with fence.num_objects
 * slots.  All pages start as guards, which are installed for megabytes at once.  So an allocation is one system call:
 * the data pages become memory.  A free is one system call: the data pages become guards again, and their memory goes
 * back.  Free slots queue up and are taken oldest first: sampling uses every slot once before the first comes again;
 * fence=all takes fresh slots, and takes freed slots only when no fresh ones are left or when the freed slots cost more
 * than a budget (fence.held_size).  So a stale pointer meets a guard for a long time.
 *
 * A freed slot has no page.  It costs its descriptor, and eight bytes of page table for each of its pages, because the
 * kernel keeps the mark of a guard there.  For an object of one page that is 64 bytes, and no mapping (bench/fence
 * --held).  In an instrumented program its shadow costs a kilobyte more, which cannot be given back by itself.
 *
 * fork copies page tables, and the child's end frees them: 50 ms of kernel time for a million freed slots.  So before a
 * fork each chunk (2 MiB, the memory of one page of page tables) whose slots are all freed becomes closed: a mapping
 * that nothing may access and that has no page tables.  Neighbors share one mapping.  An access there faults as before,
 * and the slots keep their descriptors, so the report is the same, in the parent and in the child.  A chunk opens
 * again, with its guards, when its first slot is used again or after a report.  A program that does not fork pays for
 * this with a counter in each chunk.  Weakness accepted: one live object keeps its chunk's page tables.
 *
 * Half the cost of removing a guard is the system call itself, and a page fault costs more than the page.  So fence=all
 * opens its next AHEAD slots of one page together:
 *
 *     fresh, or queue of freed slots ──AHEAD at once──► open, unused ───one by one──► LIVE ──► closed at once, freed
 *
 * Weakness accepted: once slots are used again, the few oldest freed slots lie open for a while before they are handed
 * out.  Accesses by a stale pointer are not seen there.  They do no harm to the next object, which is zeroed when it is
 * handed out.
 *
 * Without guard regions (before Linux 6.13) pages are protected instead.  Each open slot then makes two more mappings,
 * and the kernel limits the number of a process's mappings (vm.max_map_count).  A quarter of that number is left to the
 * program.  When the rest is used up, fence=all prints one line and becomes sampling.
 */
#include "config.h"

#include "fence/fence_internal.h"

/* Each range holds at least this many freed slots, whatever the budget. */
#define HELD_LEAST 1024u
#define STEP_BYTES ((size_t)4 << 20)
#define DATA_SHARE 16 /* of a limit of data that the program sets, for each range */
#define CHUNK_SHIFT 21
#define CHUNK_SIZE ((uintptr_t)1 << CHUNK_SHIFT)
#define CHUNK_CLOSED 0x8000u
#define CHUNKS_STEP ((size_t)64 << 10)
#define CLOSED_RUNS_MAX 2048u /* two mappings each, of 65530 (vm.max_map_count) */

bool fence_all;
uintptr_t fence_base;
size_t fence_size;

struct slot_range fence_ranges[FENCE_RANGES];
static uint64_t live_max; /* most open slots, else the program would lack mappings; written once */
static uint64_t held_max; /* bytes that freed slots of fence=all may cost before they are used again; written once */
static uint64_t held;     /* their cost now; under slots_lock */

/* A counter for each chunk of fence=all's pool: the slots that have data pages in it and do not wait in a queue; and
 * CHUNK_CLOSED.  The reserve is empty without guard regions.  Under slots_lock, as is the next one. */
static struct stepped_reserve chunks;
static uint32_t closed_runs; /* chunks side by side that are closed, counted as one: mappings of their own */

/* Guards fresh slots, the queues and the slots opened ahead.  The only system calls made under it are those that make
 * pages usable. */
static struct ranked_lock slots_lock = RANKED_LOCK_INIT(LOCK_RANK_LEAF);

/* ---- addresses ------------------------------------------------------------------------------- */

static struct slot_range *range_of(uintptr_t addr)
{
	for (unsigned k = 0; k < FENCE_RANGES; k++)
		if (fence_ranges[k].nr_max &&
		    addr - fence_ranges[k].base < fence_ranges[k].nr_max * fence_ranges[k].stride + PAGE_SIZE)
			return &fence_ranges[k];
	return NULL;
}

/* The slot whose data pages or left guard hold addr; *guard: addr is in the guard. */
struct fence_slot *slot_of(uintptr_t addr, struct slot_range **range, bool *guard)
{
	struct slot_range *r = range_of(addr);
	uint32_t page, i;

	if (!r)
		return NULL;
	*range = r;
	/* Counts in pages: the number is small enough for a 32-bit division. */
	page = (uint32_t)((addr - r->base) >> PAGE_SHIFT);
	i = page / (r->pages + 1);
	*guard = page % (r->pages + 1) == 0;
	return slot_known(r, i) ? slot_at(r, i) : NULL;
}

/* ---- pages ----------------------------------------------------------------------------------- */

/* Atomic; some pages were closed by mprotect although there are guard regions. */
static bool closed_both_ways;

bool page_open(uintptr_t p, size_t n)
{
	if (!os_guard_supported())
		return os_unprotect((void *)p, n);
	return os_guard_remove((void *)p, n) && (likely(!READ_ONCE(closed_both_ways)) || os_unprotect((void *)p, n));
}

/* Gives the memory of the pages back.  Locked pages cannot become guards, so os_decommit unlocks them; the program no
 * longer uses them. */
void page_close(uintptr_t p, size_t n)
{
	if (os_guard_install((void *)p, n))
		return;
	os_decommit((void *)p, n);
	if (os_guard_supported()) {
		if (os_guard_install((void *)p, n))
			return;
		WRITE_ONCE(closed_both_ways, true);
	}
	os_protect_none((void *)p, n);
}

/* ---- chunks: everything under slots_lock ----------------------------------------------------- */

static size_t chunk_number(uintptr_t addr)
{
	return (addr >> CHUNK_SHIFT) - (fence_base >> CHUNK_SHIFT);
}

static uint16_t *chunk_at(uintptr_t addr)
{
	return (uint16_t *)(void *)chunks.base + chunk_number(addr);
}

static bool chunk_closed(uintptr_t at)
{
	return at - fence_base < fence_size && (chunk_number(at) + 1) * sizeof(uint16_t) <= chunks.committed &&
	       *chunk_at(at) & CHUNK_CLOSED;
}

static void chunk_mark(uintptr_t at, bool closed)
{
	uint32_t beside = chunk_closed(at - CHUNK_SIZE) + chunk_closed(at + CHUNK_SIZE);

	*chunk_at(at) = (uint16_t)((*chunk_at(at) & ~CHUNK_CLOSED) | (closed ? CHUNK_CLOSED : 0));
	closed_runs += closed ? 1 - beside : beside - 1;
}

/* All of the closed chunk becomes guards before any of it becomes accessible. */
static bool chunk_open(uintptr_t at)
{
	if (!os_guard_install((void *)at, CHUNK_SIZE) || !os_commit((void *)at, CHUNK_SIZE, false))
		return false;
	chunk_mark(at, false);
	return true;
}

/* Opens the chunk of that address if it is closed.  When there are enough mappings already, its neighbors on the left
 * are opened too, so that no run becomes two. */
static bool chunk_reach(uintptr_t addr)
{
	uintptr_t at = ALIGN_DOWN(addr, CHUNK_SIZE);

	while (chunk_closed(at)) {
		bool split = chunk_closed(at - CHUNK_SIZE) && chunk_closed(at + CHUNK_SIZE);

		if (!chunk_open(at))
			return false;
		if (!split || closed_runs <= CLOSED_RUNS_MAX)
			break;
		at -= CHUNK_SIZE;
	}
	return true;
}

static bool slot_reach(const struct slot_range *r, const struct fence_slot *s)
{
	uintptr_t data = slot_data(r, s);

	return !chunks.base || (chunk_reach(data) && chunk_reach(data + (r->pages << PAGE_SHIFT) - 1));
}

static void slot_count(const struct slot_range *r, const struct fence_slot *s, int by)
{
	uintptr_t data = slot_data(r, s), last = data + (r->pages << PAGE_SHIFT) - 1;

	if (!chunks.base)
		return;
	*chunk_at(data) = (uint16_t)(*chunk_at(data) + by);
	if (chunk_number(last) != chunk_number(data))
		*chunk_at(last) = (uint16_t)(*chunk_at(last) + by);
}

/* Did a report make a page accessible in the chunk?  It stays so until its slot is used again. */
static bool chunk_has_opened(const struct slot_range *r, uintptr_t at)
{
	size_t from = (at - r->base) / r->stride, to = (at + CHUNK_SIZE - 1 - r->base) / r->stride;

	for (size_t i = from - (from > 0); i <= to && i < r->fresh; i++)
		if (__atomic_load_n(&slot_at(r, i)->opened, __ATOMIC_RELAXED))
			return true;
	return false;
}

static bool chunk_may_close(const struct slot_range *r, uintptr_t at)
{
	return *chunk_at(at) == 0 && !chunk_has_opened(r, at);
}

static void chunks_close_range(struct slot_range *r)
{
	uintptr_t at = ALIGN_UP(r->base, CHUNK_SIZE), end = r->base + r->fresh * r->stride, to;

	for (; at + CHUNK_SIZE <= end; at = MAX(to, at + CHUNK_SIZE)) {
		for (to = at; to + CHUNK_SIZE <= end && chunk_may_close(r, to); to += CHUNK_SIZE)
			;
		if (to == at || (closed_runs >= CLOSED_RUNS_MAX && !chunk_closed(at - CHUNK_SIZE)))
			continue;
		if (!os_retire((void *)at, to - at))
			return;
		for (uintptr_t c = at; c < to; c += CHUNK_SIZE)
			chunk_mark(c, true);
	}
}

void fence_fork_prepare(void)
{
	if (!chunks.base || os_filter_set())
		return;
	lock_acquire(&slots_lock);
	for (unsigned k = 0; k < FENCE_RANGES; k++)
		if (fence_ranges[k].nr_max)
			chunks_close_range(&fence_ranges[k]);
	lock_release(&slots_lock);
}

bool slot_reach_page(uintptr_t addr)
{
	bool mine = lock_mine(&slots_lock), ok;

	if (!chunks.base)
		return true;
	if (!mine)
		lock_acquire(&slots_lock);
	ok = chunk_reach(addr);
	if (!mine)
		lock_release(&slots_lock);
	return ok;
}

/* ---- slots ----------------------------------------------------------------------------------- */

/* Makes pages up to `end` usable, and guards.  Under slots_lock. */
static bool range_reach(struct slot_range *r, uintptr_t end)
{
	size_t n;

	if (end <= r->ready)
		return true;
	n = MIN(ALIGN_UP(end - r->ready, STEP_BYTES), r->base + r->nr_max * r->stride + PAGE_SIZE - r->ready);
	if (os_guard_supported() && (!os_commit((void *)r->ready, n, false) || !os_guard_install((void *)r->ready, n)))
		return false;
	if (chunks.base && !stepped_reserve_reach(&chunks, (chunk_number(r->ready + n) + 1) * sizeof(uint16_t)))
		return false;
	r->ready += n;
	return true;
}

static struct fence_slot *slot_fresh(struct slot_range *r)
{
	size_t i = r->fresh;

	if (i == r->nr_max || !stepped_reserve_reach(&r->slots, (i + 1) * sizeof(struct fence_slot)) ||
	    !range_reach(r, r->base + (i + 1) * r->stride + PAGE_SIZE))
		return NULL;
	__atomic_store_n(&r->fresh, (uint32_t)i + 1, __ATOMIC_RELEASE);
	slot_count(r, slot_at(r, i), 1);
	return slot_at(r, i);
}

/* What a freed slot costs while it waits, in bytes. */
static uint64_t slot_cost(const struct slot_range *r)
{
	return sizeof(struct fence_slot) + (r->stride >> PAGE_SHIFT) * sizeof(uint64_t) +
	       (slab_accesses_checked ? r->stride >> 3 : 0);
}

static struct fence_slot *slot_oldest(struct slot_range *r)
{
	struct fence_slot *s = r->first ? slot_at(r, r->first - 1) : NULL;

	if (!s || !slot_reach(r, s))
		return NULL;
	slot_count(r, s, 1);
	r->first = s->next;
	if (!r->first)
		r->last = 0;
	r->nr_free--;
	held -= MIN(held, slot_cost(r));
	return s;
}

/* Under slots_lock. */
static struct fence_slot *slot_next(struct slot_range *r)
{
	bool hold = !fence_all || held < held_max || r->nr_free < HELD_LEAST;
	struct fence_slot *s = hold ? slot_fresh(r) : slot_oldest(r);

	return s ? s : hold ? slot_oldest(r) : slot_fresh(r);
}

/* Drops everything that was written to a page that a report had opened. */
static void slot_reset(const struct slot_range *r, const struct fence_slot *s)
{
	if (s->opened & SLOT_OPENED_DATA) {
		page_close(slot_data(r, s), r->pages << PAGE_SHIFT);
		slab_guard_count_closed();
	}
}

/* Opens the next slots together, as many as possible.  Under slots_lock. */
static void slots_open_ahead(struct slot_range *r)
{
	struct os_range pages[FENCE_AHEAD];
	struct fence_slot *s;
	size_t opened;

	r->nr_ahead = r->next_ahead = 0;
	while (r->nr_ahead < FENCE_AHEAD && (s = slot_next(r)) != NULL) {
		slot_reset(r, s);
		s->open = false;
		pages[r->nr_ahead] = (struct os_range){ (void *)slot_data(r, s), PAGE_SIZE };
		r->ahead[r->nr_ahead++] = (uint32_t)(s - slot_at(r, 0));
	}
	opened = os_guard_open_many(pages, r->nr_ahead);
	for (size_t i = 0; i < opened; i++)
		slot_at(r, r->ahead[i])->open = true;
}

static struct fence_slot *slot_ahead(struct slot_range *r)
{
	if (r->next_ahead == r->nr_ahead)
		slots_open_ahead(r);
	return r->next_ahead < r->nr_ahead ? slot_at(r, r->ahead[r->next_ahead++]) : NULL;
}

/* Counters are written under slots_lock; readers take no lock. */
static void count(uint64_t *counter, uint64_t by)
{
	__atomic_store_n(counter, *counter + by, __ATOMIC_RELAXED);
}

/* Under slots_lock. */
static void queue_append(struct slot_range *r, struct fence_slot *s)
{
	uint32_t index = (uint32_t)(s - slot_at(r, 0)) + 1;

	s->next = 0;
	if (r->last)
		slot_at(r, r->last - 1)->next = index;
	else
		r->first = index;
	r->last = index;
	r->nr_free++;
	held += slot_cost(r);
	slot_count(r, s, -1);
}

static bool slot_open(struct slot_range *r, struct fence_slot *s)
{
	slot_reset(r, s);
	s->open = page_open(slot_data(r, s), r->pages << PAGE_SHIFT);
	if (s->open)
		return true;
	lock_acquire(&slots_lock);
	queue_append(r, s);
	count(&live_counters.fence_live, -1ull);
	count(&live_counters.fence_allocs, -1ull);
	lock_release(&slots_lock);
	return false;
}

struct fence_slot *slot_take(struct slot_range *r, bool *no_mappings)
{
	bool ahead = fence_all && r->pages == 1 && os_guard_supported();
	struct fence_slot *s = NULL;

	lock_acquire(&slots_lock);
	*no_mappings = live_counters.fence_live >= live_max;
	if (!*no_mappings)
		s = ahead ? slot_ahead(r) : slot_next(r);
	count(&live_counters.fence_live, s != NULL);
	count(&live_counters.fence_allocs, s != NULL);
	count(&live_counters.fence_skipped_capacity, s == NULL);
	lock_release(&slots_lock);
	if (s && !(ahead && s->open) && !slot_open(r, s)) {
		*no_mappings = true;
		s = NULL;
	}
	return s;
}

void slot_put(struct slot_range *r, struct fence_slot *s)
{
	lock_acquire(&slots_lock);
	queue_append(r, s);
	count(&live_counters.fence_live, -1ull);
	count(&live_counters.fence_frees, 1);
	lock_release(&slots_lock);
}

void slot_lose(void)
{
	lock_acquire(&slots_lock);
	count(&live_counters.fence_live, -1ull);
	count(&live_counters.fence_frees, 1);
	lock_release(&slots_lock);
}

/* ---- the reserve ----------------------------------------------------------------------------- */

/* The range ends at `end`, or where its usable pages end if that is higher. */
static void range_cut(struct slot_range *r, uintptr_t end)
{
	end = MAX(end, r->ready);
	/* The last usable page must be a guard: a slot without a guard behind it is dropped. */
	r->nr_max = end - r->base < PAGE_SIZE ? 0 : MIN(r->nr_max, (end - r->base - PAGE_SIZE) / r->stride);
}

void fence_limit_space(uint64_t limit)
{
	if (!fence_size || fence_size < limit / 4)
		return;
	lock_acquire(&slots_lock);
	for (unsigned k = 0; k < FENCE_RANGES; k++) {
		struct slot_range *r = &fence_ranges[k];
		uintptr_t end = r->base + r->nr_max * r->stride + PAGE_SIZE;

		if (r->nr_max && r->ready < end)
			os_release_part((void *)r->ready, end - r->ready);
		range_cut(r, r->ready);
		stepped_reserve_shrink(&r->slots, r->nr_max * sizeof(struct fence_slot));
	}
	lock_release(&slots_lock);
}

/* Guards count as data too: an object of 16 bytes costs two pages of the limit. */
void fence_limit_data(uint64_t limit)
{
	if (!fence_size)
		return;
	lock_acquire(&slots_lock);
	for (unsigned k = 0; k < FENCE_RANGES; k++)
		range_cut(&fence_ranges[k], fence_ranges[k].base + MIN(limit / DATA_SHARE, fence_size));
	lock_release(&slots_lock);
}

static size_t range_bytes(size_t slots, unsigned pages)
{
	return slots * ((pages + 1) << PAGE_SHIFT) + PAGE_SIZE;
}

static size_t slots_of(unsigned k, size_t slots)
{
	return k == 0 ? slots : fence_all && (size_t)PAGE_SIZE << (k - 1) < options.fence_max_size ? slots >> k : 0;
}

/* All ranges lie in one reserve, so one compare tells whether an address is in the pool.  Inaccessible pages on both
 * sides keep the kernel from merging the pool's mapping with a neighbor's, because gdb's gcore stops dumping a mapping
 * at its first guard. */
static bool ranges_reserve(size_t slots)
{
	size_t total = 0, at;
	void *p;

	for (unsigned k = 0; k < FENCE_RANGES; k++)
		total += range_bytes(slots_of(k, slots), 1u << k);
	p = os_reserve_data(total + 2 * PAGE_SIZE, PAGE_SIZE);
	if (!p)
		return false;
	at = (uintptr_t)p + PAGE_SIZE;
	for (unsigned k = 0; k < FENCE_RANGES; k++) {
		struct slot_range *r = &fence_ranges[k];

		r->nr_max = slots_of(k, slots);
		if (r->nr_max &&
		    !stepped_reserve_init(&r->slots, ALIGN_UP(r->nr_max * sizeof(struct fence_slot), PAGE_SIZE),
		                          fence_all ? (size_t)64 << 10 : PAGE_SIZE))
			r->nr_max = 0;
		r->pages = 1u << k;
		r->stride = (r->pages + 1) << PAGE_SHIFT;
		r->base = r->ready = at;
		at += range_bytes(slots_of(k, slots), r->pages);
	}
	fence_base = (uintptr_t)p + PAGE_SIZE;
	fence_size = total;
	if (fence_all && os_guard_supported())
		stepped_reserve_init(&chunks, (chunk_number(fence_base + total) + 1) * sizeof(uint16_t), CHUNKS_STEP);
	return true;
}

/* The budget for freed slots.  Under strict overcommitment, or a limit of data, the kernel charges all pages of the
 * pool to the process, although the pages are empty.  Most of that limit must be left to the program. */
static uint64_t held_limit(void)
{
	uint64_t charge = os_charge_limit() / 4, memory = os_memory_size();
	uint64_t most = MIN(options.fence_held_size, memory / 16);

	return MIN(most, charge / (2 * PAGE_SIZE) * slot_cost(&fence_ranges[0]));
}

size_t slots_init(size_t slots)
{
	uint64_t room = os_charge_limit() / 4, addresses = os_address_space_limit();
	size_t total = 0;

	room = MIN(room, addresses);
	/* Under a limit of address space the pool must leave most of it to the program. Under a limit of data, which
	 * counts the pool's guards too, it is smaller still: there are the ranges of larger slots, and the rest of the
	 * program's objects go to slab, which needs that memory. */
	while (slots > 16 && range_bytes(slots, 1) * 4 > room)
		slots /= 2;
	while (!ranges_reserve(slots) && slots > 16)
		slots /= 2;
	if (!fence_size)
		return 0;
	live_max = os_guard_supported() ? UINT64_MAX : os_mappings_limit() * 3 / 4 / 2;
	held_max = held_limit();
	lock_register_for_fork(&slots_lock);
	for (unsigned k = 0; k < FENCE_RANGES; k++)
		total += fence_ranges[k].nr_max;
	return total;
}
