/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/reclaim.c - when memory that is held goes back, and in which order. */
#include "slab/area.h"
#include "slab/arena.h"
#include "slab/buddy.h"
#include "slab/cache.h"
#include "slab/quarantine.h"
#include "slab/reclaim.h"
#include "slab/shrinker.h"
#include "slab/slab.h"
#include "slab/tcache.h"
#include "slab/transfer.h"

/*     when                                   what goes back, in this order
 *
 *     an allocation fails: reclaim_all       quarantine, guarded slabs; areas in quarantine; all that slab_trim gives;
 *                                            what the program's shrinkers can spare
 *     the program asks: slab_trim            this thread's bins, those of ended threads, and objects between bins;
 *                                            empty slabs; retained areas; free pages
 *     now and then, in each thread: decay    half of each bin that did not run empty; objects between bins, retained
 *                                            areas and free pages beyond what was needed lately
 *     15/16 of the arena are in use          what the program's shrinkers can spare, once a second at most
 *
 * Each step gives the next one more memory to return: freed objects leave slabs empty, and slabs and areas become
 * pages.
 *
 * Three steps are taken elsewhere, when memory is short in the middle of a request. Before the buddy is asked for pages
 * that were never used, the oldest retained areas go back (area_give_way). When it has no pages, all retained areas go
 * back (area_get). When only smaller runs are left, all free pages go back (buddy_alloc). budget.h says how much may be
 * held until then. */

#define NEAR_LIMIT_JIFFIES JIFFIES_HZ

static uint32_t last_near_limit; /* jiffies, 0: never yet; atomic */

static void shrink_cache(struct slab_cache *c, void *ctx)
{
	(void)ctx;
	cache_shrink(c);
}

/* The bins of other threads stay as they are, but for those of threads that have ended. */
bool slab_trim(size_t pad)
{
	struct tcache_block *b = tcache_block();

	if (b)
		tcache_flush_all(b);
	tcache_flush_parked();
	transfer_flush();
	cache_for_each(shrink_cache, NULL);
	area_shrink();
	return buddy_purge(pad >> PAGE_SHIFT) != 0;
}

static void reclaim_deep(void *regs)
{
	quarantine_drain(regs);
	area_drain();
	slab_trim(0);
}

/* Shrinkers are the program's, and run on its stack. */
__cold_path void reclaim_all(const struct unwind_regs *regs)
{
	deep_run(reclaim_deep, (void *)regs);
	slab_shrink_all();
}

void reclaim_near_limit(void)
{
	size_t most = (size_t)READ_ONCE(arena_nr_blocks) * BLOCK_PAGES;
	uint32_t now, last;

	if (likely(!READ_ONCE(shrinker_list)) || buddy_used_pages() < most - most / 16)
		return;
	now = MAX(jiffies_now(), 1u);
	last = __atomic_load_n(&last_near_limit, __ATOMIC_RELAXED);
	if ((!last || now - last >= NEAR_LIMIT_JIFFIES) &&
	    __atomic_compare_exchange_n(&last_near_limit, &last, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		slab_shrink_all();
}

/* Each thread does this on its trips to slab caches, because no other thread is sure to do so. */
static void decay(struct tcache_block *b)
{
	tcache_decay(b);
	transfer_decay();
	area_decay();
	buddy_decay();
	reclaim_near_limit();
}

void reclaim_init(void)
{
	tcache_set_tick(decay);
}
