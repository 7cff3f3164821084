/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/buddy.c - the page allocator: runs of pages, split and merged by powers of two. */
#include "slab/arena.h"
#include "slab/buddy.h"
#include "slab/budget.h"
#include "slab/slab.h"

/* Knuth's buddy system (TAOCP 2.5), as in the kernel's mm/page_alloc.c: a free run of 2^k pages lies at a multiple
 * of 2^k, its buddy is at page ^ 2^k, and two free buddies become one.
 *
 *     order 0..9    free lists threaded through the memmap            (4 KiB … 2 MiB)
 *     order 10      a block: a word in arena_blocks, no list          (4 MiB)
 *     larger        several adjacent blocks, found by a first-fit scan of arena_blocks; the unused end of the arena
 *                   counts as free
 *
 * A request for n pages takes the next power of two and gives the tail back at once (alloc_pages_exact). So a run's
 * owner may also give back, or extend, any part of it.
 *
 * Dirty runs hold memory that was used and is probably still resident. Clean ones were never touched, or were given
 * back, and read as zero. The two are kept in separate lists and never merge. Dirty runs are taken first, so a loop of
 * malloc and free makes no system call and no page fault. Pages that went back are clean and merge. Dirty memory goes
 * back to the system, largest runs first,
 *
 *     when there is more than `kept`     at once, because a program that has fallen idle makes no calls that would
 *                                        return it later
 *     when it was not needed             every quarter of a second: the least dirty memory that there was in that time
 *     when fresh pages are taken         as long as used, dirty and retained pages (area.c) together are more than the
 *                                        program ever used: then dirty runs are too small, or lie at the wrong place
 *
 * `kept` follows the program. It is small at first, so what was a peak goes back. If as much is asked for again within
 * a quarter of a second, giving it back was a mistake, and `kept` grows to four times its size. It halves with each
 * quarter of a second in which the program's memory did not go up and down that far. So a program that takes and frees
 * the same memory again and again pays for a few mistakes, and a program that frees its memory for good keeps little.
 * (glibc's malloc likewise raises the size from which it uses mmap when such a block is freed.)
 *
 * Within a block dirty and clean runs do not merge, but a block whose pages are all free becomes one block.
 * Otherwise a loop that takes and frees a run of two and a half blocks would leave a torn block behind each time.
 *
 * Accepted weakness: a free run of less than a block may be missed because one half is dirty and the other clean,
 * and another block is taken instead. When the arena cannot grow, everything is given back and the search repeated. */

#define DIRTY 1
#define CLEAN 0

#define DECAY_JIFFIES (JIFFIES_HZ / 4)

static struct ranked_lock buddy_lock = RANKED_LOCK_INIT(LOCK_RANK_BUDDY); /* guards all of this file's state */
static uint32_t heads[2][BLOCK_ORDER]; /* page number + 1, 0: empty; [DIRTY] and [CLEAN] */
static uint32_t nonempty[2];           /* bit per order */
static uint32_t top_block;             /* blocks from here on were never used */
static uint32_t free_blocks[2];        /* below top_block */
static uint32_t first_free_block[2];   /* no block of the kind is free below this one */
static size_t dirty_pages, free_pages; /* in lists and blocks below top_block */
static size_t dirty_low, dirty_high;   /* the least and the most dirty_pages since decay_start */
static size_t peak_used; /* the most pages that were ever used, without retained ones; read without the lock */
static size_t kept = BUDGET_KEEP_MIN; /* dirty pages; read without the lock */
static size_t purged;                 /* what went back at once last, less what was asked for again since */
static uint32_t purged_at;            /* jiffies */
static uint32_t few_dirty;            /* block + 1: became free last, with few dirty pages; 0: none */
static uint32_t few_dirty_pages;      /* so many */
static uint32_t decay_start;          /* jiffies */
static bool pack;                     /* buddy_pack; never false again */
static bool purging;                  /* one thread at a time gives memory back */

static uint64_t free_word(unsigned order, int dirty)
{
	return (uint64_t)order << 8 | (dirty ? OWNER_DIRTY : 0) | OWNER_FREE;
}

static bool word_is_free(uint64_t w)
{
	return (w & OWNER_TAG) == OWNER_FREE;
}

static void count_free(int dirty, size_t n)
{
	WRITE_ONCE(free_pages, free_pages + n);
	WRITE_ONCE(dirty_pages, dirty_pages + (dirty ? n : 0));
}

static void count_used(int dirty, size_t n)
{
	WRITE_ONCE(free_pages, free_pages - n);
	WRITE_ONCE(dirty_pages, dirty_pages - (dirty ? n : 0));
}

/* The word of a block that is in use counts its free pages, those in lists, above bit 16. */
#define FREE_IN_BLOCK(n) ((uint64_t)(n) << 16)

static void block_count(uint32_t page, uint64_t by)
{
	uint64_t *w = &arena_blocks[page >> BLOCK_ORDER];

	STORE_RELEASE(*w, *w + by);
}

/* ---- lists: everything below is under the buddy lock until the outward functions ------------- */

static void list_add(uint32_t page, unsigned order, int dirty)
{
	struct page *p = &arena_memmap[page];
	uint32_t head = heads[dirty][order];

	p->next = head;
	p->prev = 0;
	if (head)
		arena_memmap[head - 1].prev = page + 1;
	heads[dirty][order] = page + 1;
	nonempty[dirty] |= 1u << order;
	STORE_RELEASE(p->owner, free_word(order, dirty) | (p->owner & OWNER_USED_BEFORE));
	block_count(page, FREE_IN_BLOCK(1u << order));
	count_free(dirty, (size_t)1 << order);
}

static void list_remove(uint32_t page, unsigned order, int dirty)
{
	struct page *p = &arena_memmap[page];

	if (p->prev)
		arena_memmap[p->prev - 1].next = p->next;
	else
		heads[dirty][order] = p->next;
	if (p->next)
		arena_memmap[p->next - 1].prev = p->prev;
	if (!heads[dirty][order])
		nonempty[dirty] &= ~(1u << order);
	STORE_RELEASE(p->owner, p->owner & OWNER_USED_BEFORE);
	block_count(page, -FREE_IN_BLOCK(1u << order));
	count_used(dirty, (size_t)1 << order);
}

static void block_add(uint32_t block, int dirty)
{
	STORE_RELEASE(arena_blocks[block], free_word(BLOCK_ORDER, dirty));
	free_blocks[dirty]++;
	first_free_block[dirty] = MIN(first_free_block[dirty], block);
	count_free(dirty, BLOCK_PAGES);
}

static int block_remove(uint32_t block)
{
	int dirty = arena_blocks[block] & OWNER_DIRTY ? DIRTY : CLEAN;

	STORE_RELEASE(arena_blocks[block], (uint64_t)0);
	free_blocks[dirty]--;
	count_used(dirty, BLOCK_PAGES);
	return dirty;
}

#define COLLECT_DIRTY (BLOCK_PAGES / 4)

/* All pages of the block are free: takes them out of their lists and makes them a free block. */
static void block_collect(uint32_t block)
{
	uint32_t page = block << BLOCK_ORDER, end = page + BLOCK_PAGES, nr_dirty = 0;

	while (page < end) {
		uint64_t w = arena_memmap[page].owner;
		unsigned order = w >> 8 & 0xff;

		nr_dirty += w & OWNER_DIRTY ? 1u << order : 0;
		list_remove(page, order, w & OWNER_DIRTY ? DIRTY : CLEAN);
		page += 1u << order;
	}
	if (nr_dirty < COLLECT_DIRTY) {
		few_dirty = block + 1;
		few_dirty_pages = nr_dirty;
	}
	block_add(block, DIRTY);
}

/* Memory went back to the system. If some of what went back a moment ago is still waited for, it goes on being. */
static void note_purged(size_t n)
{
	uint32_t now = jiffies_now();

	if (!n)
		return;
	purged = purged && now - purged_at < DECAY_JIFFIES ? MIN(purged, n) : n;
	purged_at = now;
}

/* How many pages count as dirty that are not? */
static size_t overcounted(void)
{
	return few_dirty && arena_blocks[few_dirty - 1] == free_word(BLOCK_ORDER, DIRTY) ? BLOCK_PAGES - few_dirty_pages
	                                                                                 : 0;
}

/* The block counts as dirty as a whole, but little of it is. When too much memory is dirty, that goes back first. */
static void clean_few_dirty(void)
{
	uint32_t block = few_dirty - 1;

	few_dirty = 0;
	if (arena_blocks[block] != free_word(BLOCK_ORDER, DIRTY) || os_memory_is_locked())
		return;
	note_purged(BLOCK_PAGES);
	block_remove(block);
	arena_decommit(block << BLOCK_ORDER, BLOCK_PAGES);
	block_add(block, CLEAN);
}

/* Merges with free buddies of the same kind, order by order, as far as possible. */
static void free_run(uint32_t page, unsigned order, int dirty)
{
	while (order < BLOCK_ORDER) {
		uint32_t buddy = page ^ 1u << order;

		/* If the page is in use, its owner may be changing the word now, but never to the word of a free
		 * run. */
		if ((READ_ONCE(arena_memmap[buddy].owner) & ~(uint64_t)OWNER_USED_BEFORE) != free_word(order, dirty))
			break;
		list_remove(buddy, order, dirty);
		page &= ~(1u << order);
		order++;
	}
	if (order == BLOCK_ORDER) {
		block_add(page >> BLOCK_ORDER, dirty);
		return;
	}
	list_add(page, order, dirty);
	if (arena_blocks[page >> BLOCK_ORDER] == FREE_IN_BLOCK(BLOCK_PAGES))
		block_collect(page >> BLOCK_ORDER);
}

/* Cuts any run into aligned powers of two. */
static void free_range(uint32_t page, size_t n, int dirty)
{
	while (n) {
		unsigned order = page ? (unsigned)__builtin_ctz(page) : BLOCK_ORDER;
		unsigned fits = 63 - (unsigned)__builtin_clzl(n);

		order = MIN(MIN(order, fits), (unsigned)BLOCK_ORDER);
		free_run(page, order, dirty);
		page += 1u << order;
		n -= (size_t)1 << order;
	}
}

/* ---- taking ---------------------------------------------------------------------------------- */

static uint32_t take_free_block(int dirty)
{
	uint32_t b;

	if (!free_blocks[dirty])
		return NO_PAGE;
	for (b = first_free_block[dirty]; b < top_block && arena_blocks[b] != free_word(BLOCK_ORDER, dirty); b++)
		;
	first_free_block[dirty] = b;
	if (b == top_block)
		return NO_PAGE;
	block_remove(b);
	return b << BLOCK_ORDER;
}

static uint32_t take_order(unsigned order, int dirty)
{
	uint32_t candidates = nonempty[dirty] >> order << order;
	unsigned have;
	uint32_t page;

	if (candidates) {
		have = (unsigned)__builtin_ctz(candidates);
		page = heads[dirty][have] - 1;
		list_remove(page, have, dirty);
	} else {
		have = BLOCK_ORDER;
		page = take_free_block(dirty);
		if (page == NO_PAGE)
			return NO_PAGE;
	}
	while (have > order) {
		have--;
		list_add(page + (1u << have), have, dirty);
	}
	return page;
}

/* Takes the lowest n adjacent blocks. The last of them may be beyond top_block. */
static uint32_t take_blocks(uint32_t n, int *dirty)
{
	uint32_t b, start = MIN(first_free_block[CLEAN], first_free_block[DIRTY]);

	*dirty = CLEAN;
	for (b = start; b < top_block && b - start < n; b++) {
		if (!word_is_free(arena_blocks[b]))
			start = b + 1;
	}
	start = MIN(start, top_block);
	if (n > arena_nr_blocks - start || !arena_reach(start + n))
		return NO_PAGE;
	for (b = start; b < start + n && b < top_block; b++)
		*dirty |= block_remove(b);
	WRITE_ONCE(top_block, MAX(top_block, start + n));
	return start << BLOCK_ORDER;
}

/* The number of pages of the free run that starts at `page`; 0: the page is not free. Blocks beyond top_block are free
 * one by one. */
static size_t free_run_at(uint32_t page)
{
	uint32_t block = page >> BLOCK_ORDER;
	uint64_t w;

	if (block >= top_block)
		return block < arena_nr_blocks ? BLOCK_PAGES : 0;
	w = (page & (BLOCK_PAGES - 1)) == 0 && word_is_free(arena_blocks[block]) ? arena_blocks[block]
	                                                                         : READ_ONCE(arena_memmap[page].owner);
	return word_is_free(w) ? (size_t)1 << (w >> 8 & 0xff) : 0;
}

static int take_run_at(uint32_t page, size_t n)
{
	int dirty;

	if (n == BLOCK_PAGES)
		return page >> BLOCK_ORDER >= top_block ? CLEAN : block_remove(page >> BLOCK_ORDER);
	dirty = arena_memmap[page].owner & OWNER_DIRTY ? DIRTY : CLEAN;
	list_remove(page, (unsigned)__builtin_ctzl(n), dirty);
	return dirty;
}

/* The lowest n free pages side by side from `page` on, below `end`. A free run is aligned to its size, so no run begins
 * below an aligned start and ends above it. */
static uint32_t gap_between(uint32_t page, uint32_t end, size_t n, size_t align)
{
	uint32_t start = (uint32_t)ALIGN_UP(page, align);
	size_t run;

	for (; page < end && (page < start || page - start < n); page += (uint32_t)MAX(run, 1u)) {
		run = free_run_at(page);
		if (!run)
			start = (uint32_t)ALIGN_UP(page + 1, align);
	}
	return page >= start && page - start >= n ? start : NO_PAGE;
}

/* The free runs that begin at `page`, at least n pages. */
static void take_gap_at(uint32_t page, size_t n, int *dirty)
{
	size_t have, run;

	*dirty = CLEAN;
	for (have = 0; have < n; have += run) {
		run = free_run_at(page + (uint32_t)have);
		*dirty |= take_run_at(page + (uint32_t)have, run);
	}
	if (have > n)
		free_range(page + (uint32_t)n, have - n, *dirty);
}

/* Where memory is counted as soon as it may be written (RLIMIT_DATA): the lowest n free pages side by side;
 * less than a block in a block that is in use.  Powers of two would leave up to half of each run unused,
 * and the program would meet its limit early. */
#define GAP_LOOKS 16 /* blocks */
static uint32_t take_gap(size_t n, int *dirty)
{
	/* Callers rely on the alignment of runs of a power of two. Slabs take such runs often, and the lists have
	 * others. */
	bool power = (n & (n - 1)) == 0;
	size_t align = power ? MIN(n, (size_t)BLOCK_PAGES) : 1;
	unsigned looks = power ? GAP_LOOKS : UINT32_MAX;
	uint32_t page = NO_PAGE;

	if (n >= BLOCK_PAGES)
		page = gap_between(0, top_block << BLOCK_ORDER, n, align);
	for (uint32_t b = 0; b < top_block && n < BLOCK_PAGES && page == NO_PAGE && looks; b++)
		if ((arena_blocks[b] & OWNER_TAG) == OWNER_NONE && arena_blocks[b] >= FREE_IN_BLOCK(n) && looks--)
			page = gap_between(b << BLOCK_ORDER, (b + 1) << BLOCK_ORDER, n, align);
	if (page != NO_PAGE)
		take_gap_at(page, n, dirty);
	return page;
}

/* The kernel lets no more pages become accessible (RLIMIT_DATA, RLIMIT_AS). The lists do not tell accessible runs from
 * others. */
static uint32_t take_accessible(size_t n, int *dirty)
{
	uint32_t end = MIN((uint32_t)arena_committed_part(0, (size_t)top_block * BLOCK_PAGES), top_block * BLOCK_PAGES);
	size_t align = (n & (n - 1)) == 0 ? MIN(n, (size_t)BLOCK_PAGES) : 1;
	uint32_t page = gap_between(0, end, n, align);

	while (page != NO_PAGE && page + n <= end && arena_has_gone(page, n))
		page = gap_between(((page >> BLOCK_ORDER) + 1) << BLOCK_ORDER, end, n, align);
	if (page == NO_PAGE || page + n > end)
		return NO_PAGE;
	take_gap_at(page, n, dirty);
	return page;
}

static uint32_t take_run(size_t n, int *dirty)
{
	unsigned order = n > 1 ? 64 - (unsigned)__builtin_clzl(n - 1) : 0;
	size_t blocks = (n + BLOCK_PAGES - 1) / BLOCK_PAGES;
	size_t whole = blocks * BLOCK_PAGES;
	uint32_t page = NO_PAGE;

	if (READ_ONCE(pack)) {
		page = take_gap(n, dirty);
		whole = page == NO_PAGE ? whole : n;
	}
	if (page == NO_PAGE && order < BLOCK_ORDER) {
		whole = (size_t)1 << order;
		*dirty = DIRTY;
		page = take_order(order, DIRTY);
		if (page == NO_PAGE) {
			*dirty = CLEAN;
			page = take_order(order, CLEAN);
		}
		if (page == NO_PAGE)
			whole = BLOCK_PAGES;
	}
	if (page == NO_PAGE && blocks <= arena_nr_blocks)
		page = take_blocks((uint32_t)blocks, dirty);
	if (page != NO_PAGE && whole > n)
		free_range(page + (uint32_t)n, whole - n, *dirty);
	return page;
}

/* ---- giving memory back ---------------------------------------------------------------------- */

/* Takes the largest dirty run out of the lists. *n: its pages. */
static uint32_t take_largest_dirty(size_t *n)
{
	uint32_t page = take_free_block(DIRTY);
	unsigned order;

	*n = BLOCK_PAGES;
	if (page != NO_PAGE || !nonempty[DIRTY])
		return page;
	order = 31 - (unsigned)__builtin_clz(nonempty[DIRTY]);
	page = heads[DIRTY][order] - 1;
	list_remove(page, order, DIRTY);
	*n = (size_t)1 << order;
	return page;
}

/* Parts that went back one by one may have become a whole block. */
static void clean_blocks_go(void)
{
	for (uint32_t b = first_free_block[CLEAN]; os_places_only() && b < top_block; b++)
		if (arena_blocks[b] == free_word(BLOCK_ORDER, CLEAN))
			arena_decommit(b << BLOCK_ORDER, BLOCK_PAGES);
}

/* Drops the lock around each system call. Meanwhile the run that goes back is in no list. */
static size_t purge_locked(size_t keep)
{
	size_t done = 0, n;

	if (purging)
		return 0;
	purging = true;
	while (dirty_pages > keep) {
		uint32_t page = take_largest_dirty(&n);

		if (page == NO_PAGE)
			break;
		lock_release(&buddy_lock);
		arena_decommit(page, n);
		lock_acquire(&buddy_lock);
		free_range(page, n, CLEAN);
		done += n;
	}
	clean_blocks_go();
	purging = false;
	dirty_low = MIN(dirty_low, dirty_pages);
	return done;
}

size_t buddy_purge(size_t keep)
{
	size_t done;

	lock_acquire(&buddy_lock);
	done = purge_locked(keep);
	lock_release(&buddy_lock);
	return done;
}

static size_t retained_pages(void)
{
	return READ_ONCE(budget_area_retained) >> PAGE_SHIFT;
}

static size_t used_pages(void)
{
	size_t used = buddy_used_pages();

	return used - MIN(used, retained_pages());
}

/* Used and held pages together may be this many: a little more than the peak, so that few system calls are made. */
static size_t most_pages(void)
{
	size_t peak = READ_ONCE(peak_used);

	return peak + peak / 32 + BUDGET_KEEP_MIN / 8;
}

/* A quarter of a second or more has passed. */
static void decay_interval(uint32_t passed)
{
	if (dirty_low > BUDGET_KEEP_MIN && !os_memory_is_locked())
		purge_locked(dirty_pages - (dirty_low - BUDGET_KEEP_MIN));
	if (dirty_high < kept / 4)
		WRITE_ONCE(kept, MAX(BUDGET_KEEP_MIN, kept >> MIN(passed / DECAY_JIFFIES, 31u)));
	dirty_low = dirty_pages;
	dirty_high = dirty_pages - overcounted();
}

/* Called when there are more than a few dirty pages. */
static void decay(void)
{
	uint32_t now = jiffies_now(), passed = now - decay_start;
	size_t limit;

	if (passed >= DECAY_JIFFIES) {
		decay_start = now;
		decay_interval(passed);
	}
	limit = budget_dirty_pages(kept, used_pages());
	if (dirty_pages > limit && few_dirty)
		clean_few_dirty();
	/* What goes back is no longer locked, and the program wants all of its memory locked. */
	if (dirty_pages > limit && !os_memory_is_locked())
		note_purged(purge_locked(limit / 2));
}

/* Giving memory back was a mistake if so large a share of it is soon asked for again. */
#define AGAIN_SHARE 8

/* The n pages that were just taken are clean. */
static void took_clean(size_t n)
{
	size_t used = used_pages(), total = used + dirty_pages + retained_pages(), most;

	if (unlikely(purged)) {
		purged -= MIN(purged, AGAIN_SHARE * n);
		/* A block of which a part was used counts as dirty as a whole. */
		if (!purged && jiffies_now() - purged_at < DECAY_JIFFIES)
			WRITE_ONCE(kept, MIN(MIN(4 * kept, 2 * peak_used + BLOCK_PAGES), BUDGET_KEEP_MAX));
	}
	WRITE_ONCE(peak_used, MAX(peak_used, used));
	most = most_pages();
	if (total > most && dirty_pages && !os_memory_is_locked())
		purge_locked(dirty_pages - MIN(dirty_pages, total - most + peak_used / 16));
}

/* ---- outward --------------------------------------------------------------------------------- */

void buddy_init(void)
{
	lock_register_for_fork(&buddy_lock);
}

void buddy_pack(void)
{
	WRITE_ONCE(pack, true);
}

void slab_limit_space(uint64_t limit)
{
	lock_acquire(&buddy_lock);
	if (arena_nr_blocks)
		arena_shrink(limit);
	lock_release(&buddy_lock);
}

/* A thread of the parent that was giving memory back does not exist in the child. The run that it had taken is lost to
 * the child. */
void buddy_fork_child(void)
{
	purging = false;
	os_lock_memory(false); /* a child does not inherit locks */
}

uint32_t buddy_alloc(size_t n, bool *clean)
{
	int dirty = CLEAN;
	uint32_t page;

	lock_acquire(&buddy_lock);
	page = take_run(n, &dirty);
	if (page == NO_PAGE && dirty_pages) {
		purge_locked(0);
		page = take_run(n, &dirty);
	}
	if (page != NO_PAGE && !arena_commit(page, n)) {
		free_range(page, n, dirty);
		page = take_accessible(n, &dirty);
	}
	dirty_low = MIN(dirty_low, dirty_pages);
	if (page != NO_PAGE && !dirty)
		took_clean(n);
	lock_release(&buddy_lock);
	*clean = !dirty;
	return page;
}

void buddy_free(uint32_t page, size_t n, bool clean)
{
	lock_acquire(&buddy_lock);
	free_range(page, n, clean ? CLEAN : DIRTY);
	dirty_high = MAX(dirty_high, dirty_pages - overcounted());
	if (dirty_pages > BUDGET_KEEP_MIN)
		decay();
	lock_release(&buddy_lock);
}

size_t buddy_missing(size_t n)
{
	size_t dirty = READ_ONCE(dirty_pages), total = buddy_used_pages() + dirty + n, most = most_pages();

	return MAX(n - MIN(n, dirty), MIN(n, total - MIN(total, most)));
}

size_t buddy_dirty_pages(void)
{
	return READ_ONCE(dirty_pages);
}

size_t buddy_used_pages(void)
{
	size_t mapped = (size_t)READ_ONCE(top_block) * BLOCK_PAGES, free = READ_ONCE(free_pages);

	return mapped - MIN(free, mapped);
}

size_t buddy_keeps(void)
{
	return READ_ONCE(kept);
}

void buddy_decay(void)
{
	if (READ_ONCE(dirty_pages) <= BUDGET_KEEP_MIN)
		return;
	lock_acquire(&buddy_lock);
	decay();
	lock_release(&buddy_lock);
}

static size_t free_pages_at(uint32_t page, size_t n)
{
	size_t have = 0, run;

	while (have < n && (run = free_run_at(page + (uint32_t)have)) != 0)
		have += run;
	return have;
}

bool buddy_extend(uint32_t page, size_t n, bool *clean)
{
	size_t have, run, fresh = 0;
	uint32_t last, p;
	int dirty = CLEAN, kind;
	bool usable;

	lock_acquire(&buddy_lock);
	have = free_pages_at(page, n);
	last = (uint32_t)((page + have - 1) >> BLOCK_ORDER);
	if (have < n || !arena_reach(last + 1)) {
		lock_release(&buddy_lock);
		return false;
	}
	for (p = page; p < page + have; p += (uint32_t)run) {
		run = free_run_at(p);
		kind = take_run_at(p, run);
		fresh += kind == CLEAN ? run : 0;
		dirty |= kind;
	}
	WRITE_ONCE(top_block, MAX(top_block, last + 1));
	if (have > n)
		free_range(page + (uint32_t)n, have - n, dirty);
	usable = arena_commit(page, n);
	if (!usable)
		free_range(page, n, dirty);
	dirty_low = MIN(dirty_low, dirty_pages);
	if (usable && fresh)
		took_clean(MIN(fresh, n));
	lock_release(&buddy_lock);
	*clean = !dirty;
	return usable;
}

uint32_t buddy_free_end(uint32_t page, size_t n)
{
	size_t have;

	lock_acquire(&buddy_lock);
	have = free_pages_at(page, n);
	lock_release(&buddy_lock);
	return page + (uint32_t)MIN(have, n);
}

void buddy_count(uint64_t counts[BLOCK_ORDER + 1])
{
	unsigned order;
	uint32_t link;

	lock_acquire(&buddy_lock);
	for (order = 0; order < BLOCK_ORDER; order++) {
		counts[order] = 0;
		for (int dirty = CLEAN; dirty <= DIRTY; dirty++)
			for (link = heads[dirty][order]; link; link = arena_memmap[link - 1].next)
				counts[order]++;
	}
	counts[BLOCK_ORDER] = free_blocks[CLEAN] + free_blocks[DIRTY] + (arena_ready_blocks - top_block);
	lock_release(&buddy_lock);
}

void buddy_get_stats(struct buddy_stats *s)
{
	lock_acquire(&buddy_lock);
	s->mapped_pages = (size_t)top_block * BLOCK_PAGES;
	s->free_pages = free_pages;
	s->dirty_pages = dirty_pages;
	lock_release(&buddy_lock);
}

/* ---- every invariant, for tests; under the lock ---------------------------------------------- */

static const char *verify_lists(size_t *total, size_t *dirty_total)
{
	for (int dirty = CLEAN; dirty <= DIRTY; dirty++) {
		for (unsigned order = 0; order < BLOCK_ORDER; order++) {
			uint32_t link, prev = 0;

			if (!heads[dirty][order] != !(nonempty[dirty] >> order & 1))
				return "a list and its bit in the mask disagree";
			for (link = heads[dirty][order]; link; prev = link, link = arena_memmap[link - 1].next) {
				uint64_t w = arena_memmap[link - 1].owner & ~(uint64_t)OWNER_USED_BEFORE;
				uint32_t page = link - 1, buddy = page ^ 1u << order;

				if (w != free_word(order, dirty))
					return "a page in a list is not tagged as such";
				if (page & ((1u << order) - 1))
					return "a free run is not aligned";
				if (arena_memmap[page].prev != prev)
					return "a list's links disagree";
				if ((arena_memmap[buddy].owner & ~(uint64_t)OWNER_USED_BEFORE) == w)
					return "two free buddies did not merge";
				*total += (size_t)1 << order;
				*dirty_total += dirty ? (size_t)1 << order : 0;
			}
		}
	}
	return NULL;
}

static const char *verify_locked(void)
{
	size_t total = 0, dirty_total = 0, tagged = 0, in_block;
	const char *wrong = verify_lists(&total, &dirty_total);
	uint32_t b, i;

	for (b = 0; b < top_block && !wrong; b++) {
		if (word_is_free(arena_blocks[b])) {
			if (b < first_free_block[arena_blocks[b] & OWNER_DIRTY ? DIRTY : CLEAN])
				wrong = "a free block below the first free block";
			total += BLOCK_PAGES;
			dirty_total += arena_blocks[b] & OWNER_DIRTY ? BLOCK_PAGES : 0;
			tagged += BLOCK_PAGES;
			continue;
		}
		for (i = in_block = 0; i < BLOCK_PAGES; i++) {
			uint64_t w = arena_memmap[b << BLOCK_ORDER | i].owner;

			in_block += word_is_free(w) ? (size_t)1 << (w >> 8 & 0xff) : 0;
		}
		tagged += in_block;
		if ((arena_blocks[b] & OWNER_TAG) == OWNER_NONE && arena_blocks[b] != FREE_IN_BLOCK(in_block))
			wrong = "a block's count is not what its lists hold";
		if (in_block == BLOCK_PAGES)
			wrong = "a free block is in pieces";
	}
	if (!wrong && tagged != total)
		wrong = "a page is tagged free but in no list";
	if (!wrong && (total != free_pages || dirty_total != dirty_pages))
		wrong = "the counters are not what the lists hold";
	return wrong;
}

const char *buddy_verify(void)
{
	const char *wrong;

	lock_acquire(&buddy_lock);
	wrong = verify_locked();
	lock_release(&buddy_lock);
	return wrong;
}
