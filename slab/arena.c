/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/arena.c - the one reserved range that all user objects live in, and the arrays that describe it. */
#include "slab/arena.h"
#include "slab/slab.h"

/* The arena and its maps are reserved at once and made usable together, block by block (4 MiB), from the bottom up:
 *
 *     arena      ███████████████░░░░░░░░░░░░░░░ … 1 TiB   PROT_NONE beyond the usable part
 *     state map  ███▌                                     1 byte per 16 bytes   /16      if a cache is without checks
 *     coarse map .                                        2 bytes per KiB       /512     likewise
 *     memmap     ▌                                        16 bytes per page     /256
 *     blocks     .                                        8 bytes per block     /524288
 *
 * So one subtraction and one comparison with the usable part tell whether an address is ours, and such an address may
 * be looked up in every map. The state map decides whether an unchecked object is live. The memmap leads from any
 * address to its object, and to the descriptor that records the liveness of a checked or large object. A large area
 * does not write a page entry for each of its pages (a gigabyte has 262,144): the block array names the area for each
 * block that it covers whole.
 *
 * Accepted weakness: a reader loads an entry first, and then the descriptor that it points to. A reader without locks
 * may see a descriptor that has since been recycled. Descriptors are never unmapped, and readers check the values that
 * they read. So the answer may be outdated, but the reader never faults. */

uintptr_t arena_base;
size_t arena_size;
uint8_t *arena_state;
size_t arena_state_limit;
uintptr_t arena_state_zero;
uint16_t *arena_coarse;
size_t arena_usable_size;
struct page *arena_memmap;
uint64_t *arena_blocks;
uint32_t arena_nr_blocks;
uint32_t arena_ready_blocks;
uint32_t slab_guards_closed;

static size_t committed; /* bytes of the late blocks that are accessible; written under the buddy lock */
static bool opened;      /* atomic: some page beyond was made accessible after a report */
uint64_t arena_random;

static struct stepped_reserve state_map, coarse_map, page_map, block_map; /* under the buddy lock */
static bool has_state_map;                                                /* set by arena_init */

#define STATE_PER_BLOCK (BLOCK_SIZE / 16)
#define COARSE_PER_BLOCK ((BLOCK_SIZE >> COARSE_SHIFT) * sizeof(uint16_t))
#define PAGES_PER_BLOCK (BLOCK_PAGES * sizeof(struct page))
/* The arena grows by a quarter of its size, within these limits, if less is asked for. */
#define GROW_MIN_BLOCKS 1
#define GROW_MAX_BLOCKS 16
/* From this block on production's heap may get huge pages, as the system's setting says. */
#define HUGE_FROM_BLOCK 8

/* The pages of late blocks become accessible only when the first run that reaches so far is handed out, in steps. So an
 * access beyond the used part faults. The other blocks become accessible as a whole.
 *
 *     check                  all blocks are late. What is between the steps' ends and the runs, and was never owned, is
 *                            poisoned in the shadow: little memory of the shadow is written before the heap is.
 *     hardened production    those of a small heap, where a pointer that is far off faults, as it does behind the break
 *                            in glibc's. A large heap grows by large steps in any allocator.
 *     production             none */
static uint32_t late_blocks(void)
{
	if (options.mode == MODE_CHECK)
		return UINT32_MAX;
	return options.harden == HARDEN_OFF ? 0 : HUGE_FROM_BLOCK;
}

/* Where code is instrumented the step is a block: the checks of libc's functions see the poison, and a report does not
 * wait for the fault. */
#define COMMIT_STEP ((size_t)512 << 10)
#define PRODUCTION_STEP_MIN ((size_t)128 << 10)
#define PRODUCTION_STEP_SHARE 8

static size_t commit_target(size_t end)
{
	if (options.mode != MODE_CHECK)
		return end + MAX(PRODUCTION_STEP_MIN, ALIGN_DOWN(committed / PRODUCTION_STEP_SHARE, PAGE_SIZE));
	return ALIGN_UP(end, slab_accesses_checked ? BLOCK_SIZE : COMMIT_STEP);
}

static size_t reserve_cost(size_t size)
{
	size_t blocks = size / BLOCK_SIZE, state = has_state_map ? STATE_PER_BLOCK + COARSE_PER_BLOCK : 0;

	return size + blocks * (state + PAGES_PER_BLOCK + sizeof(uint64_t));
}

/* The maps are one reserve, since each takes some system calls. A page between two of them is never usable. */
static bool reserve_maps(size_t blocks)
{
	const struct {
		struct stepped_reserve *map;
		size_t size, step;
	} maps[] = {
		{ &page_map, blocks * PAGES_PER_BLOCK, PAGES_PER_BLOCK },
		{ &block_map, blocks * sizeof(uint64_t), PAGE_SIZE },
		{ &state_map, blocks * STATE_PER_BLOCK, STATE_PER_BLOCK },
		{ &coarse_map, blocks * COARSE_PER_BLOCK, COARSE_PER_BLOCK },
	};
	unsigned n = has_state_map ? 4 : 2;
	size_t total = 0;
	char *p;

	for (unsigned i = 0; i < n; i++)
		total += ALIGN_UP(maps[i].size, maps[i].step) + PAGE_SIZE;
	p = os_reserve(total, PAGE_SIZE);
	for (unsigned i = 0; p && i < n; i++) {
		size_t size = ALIGN_UP(maps[i].size, maps[i].step);

		stepped_reserve_part(maps[i].map, p, size, maps[i].step);
		p += size + PAGE_SIZE;
	}
	return p != NULL;
}

/* The arena with its maps takes at most half of the address space limit minus a thread's stack. Under a small limit it
 * may take a quarter. It may take three quarters where nothing is mapped that is not used. */
#define THREAD_STACK ((size_t)8 << 20)

#define EMULATED_MAX ((size_t)8 << 30)

static size_t arena_size_for(size_t size, uint64_t limit)
{
	uint64_t most = MAX(limit / 4, limit / 2 - MIN(limit / 2, THREAD_STACK));

	if (os_places_only())
		most = limit - limit / 4;

	while (size > BLOCK_SIZE && reserve_cost(size) > most)
		size = ALIGN_DOWN(size - size / 16, BLOCK_SIZE);
	return MAX(size, BLOCK_SIZE);
}

/* Hardened production's arena is anywhere in 48 TiB between the shadow and where programs and libraries are mapped. The
 * kernel would put it right below the libraries: an address of one would tell the address of the other. */
#define PLACES_FROM ((uintptr_t)0x20 << 40)
#define PLACES_SIZE ((uintptr_t)0x30 << 40)

static void *reserve_somewhere(size_t size)
{
	void *p = NULL;
	unsigned i;

	for (i = 0; arena_random && !p && i < 2; i++) {
		uint64_t random = arena_random << 16 * i;

		p = os_places_only() ? os_reserve_random_steps(random, size, BLOCK_SIZE)
		                     : os_reserve_at(PLACES_FROM + ALIGN_DOWN(random % PLACES_SIZE, BLOCK_SIZE), size);
	}
	return p ? p : os_reserve_steps(size, BLOCK_SIZE, true);
}

bool arena_init(bool state_map_wanted)
{
	void *base = NULL;
	size_t size;

	has_state_map = state_map_wanted;
	size = ALIGN_UP((size_t)options.arena_size, BLOCK_SIZE);
	size = arena_size_for(os_is_emulated() ? MIN(size, EMULATED_MAX) : size, os_address_space_limit());

	for (; size >= BLOCK_SIZE; size = ALIGN_DOWN(size / 2, BLOCK_SIZE)) {
		base = reserve_somewhere(size);
		if (base && reserve_maps(size / BLOCK_SIZE))
			break;
		if (base)
			os_release(base, size);
		base = NULL;
	}
	if (!base)
		return false;
	arena_state = (uint8_t *)state_map.base;
	arena_coarse = (uint16_t *)coarse_map.base;
	arena_memmap = (struct page *)page_map.base;
	arena_blocks = (uint64_t *)block_map.base;
	arena_nr_blocks = (uint32_t)(size / BLOCK_SIZE);
	arena_base = (uintptr_t)base;
	arena_size = size;
	arena_state_zero = (uintptr_t)arena_state - (arena_base >> 4);
	return true;
}

/* Are the pages of this block left to the system's setting of huge pages? Where huge pages are always on, the first
 * byte of a small heap would bring in two megabytes, and guard pages would break them up. */
static bool block_huge(uint32_t block)
{
	return options.mode == MODE_PRODUCTION && block >= HUGE_FROM_BLOCK;
}

size_t arena_committed_part(uint32_t page, size_t n)
{
	size_t have = READ_ONCE(committed) >> PAGE_SHIFT;

	if (page >> BLOCK_ORDER >= late_blocks())
		return n;
	return page >= have ? 0 : MIN(n, have - page);
}

static bool commit_blocks(uint32_t from, uint32_t to)
{
	bool huge = block_huge(from);

	if ((has_state_map && !(stepped_reserve_reach(&state_map, to * STATE_PER_BLOCK) &&
	                        stepped_reserve_reach(&coarse_map, to * COARSE_PER_BLOCK))) ||
	    !stepped_reserve_reach(&page_map, to * PAGES_PER_BLOCK) ||
	    !stepped_reserve_reach(&block_map, to * sizeof(uint64_t)))
		return false;
	from = MAX(from, MIN(late_blocks(), to));
	if (from == to)
		return true;
	if (!os_commit((void *)(arena_base + from * BLOCK_SIZE), (to - from) * BLOCK_SIZE, huge))
		return false;
	if (huge && options.huge_pages)
		os_want_huge((void *)(arena_base + from * BLOCK_SIZE), (to - from) * BLOCK_SIZE);
	return true;
}

bool arena_reach(uint32_t n)
{
	uint32_t from = arena_ready_blocks;
	uint32_t ahead = from / 4 < GROW_MIN_BLOCKS ? GROW_MIN_BLOCKS : MIN(from / 4, GROW_MAX_BLOCKS);
	uint32_t to = MIN(MAX(n, from + ahead), arena_nr_blocks);

	if (n <= from)
		return true;
	if (n > arena_nr_blocks)
		return false;
	if (!commit_blocks(from, to)) {
		to = n;
		if (!commit_blocks(from, to))
			return false;
	}
	if (has_state_map)
		meta_account(COST_STATE_MAP, (int64_t)((to - from) * (STATE_PER_BLOCK + COARSE_PER_BLOCK)));
	meta_account(COST_MEMMAP, (int64_t)((to - from) * (PAGES_PER_BLOCK + sizeof(uint64_t))));
	/* Pairs with the loads in arena_usable and slab_free_fast: a thread that sees the limit may use the maps
	 * below it. */
	STORE_RELEASE(arena_usable_size, to * BLOCK_SIZE);
	if (has_state_map)
		STORE_RELEASE(arena_state_limit, to * STATE_PER_BLOCK);
	STORE_RELEASE(arena_ready_blocks, to);
	return true;
}

static bool commit_to(size_t to)
{
	if (READ_ONCE(opened) && os_places_only())
		os_release_part((void *)(arena_base + committed), to - committed);
	if (!os_commit((void *)(arena_base + committed), to - committed, false))
		return false;
	/* A report opened some page before its time, and the program wrote to it. */
	if (READ_ONCE(opened)) {
		os_decommit((void *)(arena_base + committed), to - committed);
		slab_guard_count_closed();
	}
	WRITE_ONCE(committed, to);
	return true;
}

/* Production ends at a fault there, as glibc's malloc does. */
bool slab_is_unused(uintptr_t addr)
{
	return options.mode == MODE_CHECK && arena_contains((void *)addr) && addr - arena_base >= READ_ONCE(committed);
}

bool arena_open_unused(uintptr_t addr)
{
	void *page = (void *)ALIGN_DOWN(addr, PAGE_SIZE);

	WRITE_ONCE(opened, true);
	return os_places_only() ? os_open_empty(page, PAGE_SIZE) : os_unprotect(page, PAGE_SIZE);
}

/* Under a small limit of address space free blocks are not mapped: the program's own mappings need the room. A bit for
 * each block; who changes it owns the block, or holds the buddy lock. */
#define GONE_BLOCKS (OS_PLACES_LIMIT / BLOCK_SIZE)
static uint64_t gone[GONE_BLOCKS / 64];

static bool block_gone(uint32_t block)
{
	return block < GONE_BLOCKS && READ_ONCE(gone[block / 64]) >> block % 64 & 1;
}

bool arena_has_gone(uint32_t page, size_t n)
{
	for (uint32_t b = page >> BLOCK_ORDER; b <= (page + n - 1) >> BLOCK_ORDER; b++)
		if (block_gone(b))
			return true;
	return false;
}

bool slab_has_gone(uintptr_t addr)
{
	return arena_usable(addr) && arena_has_gone(page_of(addr), 1);
}

void arena_decommit(uint32_t page, size_t n)
{
	size_t part = arena_committed_part(page, n);
	uint32_t block = page >> BLOCK_ORDER;

	if (!os_places_only() || os_filter_set() || n != BLOCK_PAGES || part != n || block >= GONE_BLOCKS) {
		os_decommit((void *)page_address(page), part << PAGE_SHIFT);
		return;
	}
	if (block_gone(block))
		return;
	__atomic_fetch_or(&gone[block / 64], 1ull << block % 64, __ATOMIC_RELAXED);
	os_release_part((void *)page_address(page), BLOCK_SIZE);
}

static bool blocks_come_back(uint32_t page, size_t n)
{
	for (uint32_t b = page >> BLOCK_ORDER; b <= (page + n - 1) >> BLOCK_ORDER; b++) {
		if (!block_gone(b))
			continue;
		if (!os_commit((void *)(arena_base + b * BLOCK_SIZE), BLOCK_SIZE, block_huge(b)))
			return false;
		__atomic_fetch_and(&gone[b / 64], ~(1ull << b % 64), __ATOMIC_RELAXED);
	}
	return true;
}

/* Only check mode has a shadow to write. */
bool arena_commit(uint32_t page, size_t n)
{
	size_t late = (size_t)MIN(arena_ready_blocks, late_blocks()) * BLOCK_SIZE, before = committed;
	size_t start = (size_t)page << PAGE_SHIFT, end = MIN(start + (n << PAGE_SHIFT), late);

	if (os_places_only() && !blocks_come_back(page, n))
		return false;
	if (end <= committed)
		return true;
	if (!commit_to(MIN(commit_target(end), late)) && !commit_to(end))
		return false;
	if (options.mode != MODE_CHECK)
		return true;
	if (start > before)
		slab_shadow->bad(arena_base + before, start - before, SLAB_MARK_UNUSED);
	if (committed > end)
		slab_shadow->bad(arena_base + end, committed - end, SLAB_MARK_UNUSED);
	return true;
}

static bool renew_run(uint32_t page, size_t n, bool huge)
{
	void *p = (void *)page_address(page);

	if (!os_renew(p, n << PAGE_SHIFT, huge))
		return false;
	if (huge && options.huge_pages)
		os_want_huge(p, n << PAGE_SHIFT);
	return true;
}

bool arena_renew(uint32_t page, size_t n)
{
	uint32_t border = HUGE_FROM_BLOCK << BLOCK_ORDER;
	size_t below = page < border ? MIN(n, border - page) : 0;

	if (below && !renew_run(page, below, block_huge(0)))
		return false;
	return below == n || renew_run(page + (uint32_t)below, n - below, block_huge(HUGE_FROM_BLOCK));
}

/* No pointer into the part that is given back was ever handed out. The program may map something else there. */
void arena_shrink(uint64_t limit)
{
	size_t size = MAX(arena_size_for((size_t)arena_nr_blocks * BLOCK_SIZE, limit),
	                  (size_t)arena_ready_blocks * BLOCK_SIZE);
	uint32_t blocks = (uint32_t)(size / BLOCK_SIZE);
	size_t released;

	if (blocks >= arena_nr_blocks)
		return;
	released = (size_t)(arena_nr_blocks - blocks) * BLOCK_SIZE;
	__atomic_store_n(&arena_size, size, __ATOMIC_RELAXED); /* other threads compare with the old or the new value */
	arena_nr_blocks = blocks;
	os_release_unused((void *)(arena_base + size), released);
	if (has_state_map) {
		stepped_reserve_shrink(&state_map, blocks * STATE_PER_BLOCK);
		stepped_reserve_shrink(&coarse_map, blocks * COARSE_PER_BLOCK);
	}
	stepped_reserve_shrink(&page_map, blocks * PAGES_PER_BLOCK);
	stepped_reserve_shrink(&block_map, blocks * sizeof(uint64_t));
}

/* Writes page entries for the blocks that the run only touches, and block entries for those that it covers whole. An
 * area that covers whole blocks also writes its first page, which leads to the area without a look at the block
 * word. */
static void arena_set_owner_pages(uint32_t page, uint32_t end, uint64_t owner)
{
	for (; page < end; page++)
		STORE_RELEASE(arena_memmap[page].owner, owner);
}

void arena_set_owner(uint32_t page, uint32_t n, uint64_t owner)
{
	uint32_t end = page + n;

	STORE_RELEASE(arena_memmap[page].owner, owner);
	while (page < end) {
		if ((page & (BLOCK_PAGES - 1)) == 0 && end - page >= BLOCK_PAGES && (owner & OWNER_TAG) == OWNER_AREA) {
			STORE_RELEASE(arena_blocks[page >> BLOCK_ORDER], owner);
			page += BLOCK_PAGES;
		} else {
			STORE_RELEASE(arena_memmap[page].owner, owner);
			page++;
		}
	}
}

void arena_clear_owner(uint32_t page, uint32_t n, uint32_t used)
{
	uint32_t end = page + n, used_end = page + used;

	/* This is the tail of an area. The pages before it in this block have their own entries by now. */
	if (n && (READ_ONCE(arena_blocks[page >> BLOCK_ORDER]) & OWNER_TAG) == OWNER_AREA &&
	    (page & (BLOCK_PAGES - 1)) != 0)
		STORE_RELEASE(arena_blocks[page >> BLOCK_ORDER], (uint64_t)0);
	if (n)
		STORE_RELEASE(arena_memmap[page].owner, (uint64_t)(used ? OWNER_USED_BEFORE : 0));
	while (page < end) {
		if ((page & (BLOCK_PAGES - 1)) == 0 &&
		    (READ_ONCE(arena_blocks[page >> BLOCK_ORDER]) & OWNER_TAG) == OWNER_AREA) {
			STORE_RELEASE(arena_blocks[page >> BLOCK_ORDER], (uint64_t)0);
			page += BLOCK_PAGES;
		} else {
			STORE_RELEASE(arena_memmap[page].owner, (uint64_t)(page < used_end ? OWNER_USED_BEFORE : 0));
			page++;
		}
	}
}

/* The area now covers the block in which it ended as a whole, or no longer does. The block's page entries must not
 * contradict its word. */
void arena_resize_owner(uint32_t page, uint32_t old_n, uint32_t new_n, uint64_t owner)
{
	uint32_t block = ALIGN_DOWN(page + old_n, BLOCK_PAGES), i;

	if (new_n < old_n) {
		if (page + new_n > ALIGN_UP(page, BLOCK_PAGES))
			arena_set_owner_pages(ALIGN_DOWN(page + new_n, BLOCK_PAGES), page + new_n, owner);
		arena_clear_owner(page + new_n, old_n - new_n, 0);
		return;
	}
	if (block < page || page + new_n < block + BLOCK_PAGES) {
		arena_set_owner(page + old_n, new_n - old_n, owner);
		return;
	}
	arena_set_owner(block, page + new_n - block, owner);
	for (i = block; i < page + old_n; i++)
		if (i != page)
			STORE_RELEASE(arena_memmap[i].owner, (uint64_t)0);
}
