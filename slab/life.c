/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/life.c - the start of the process, the end of a thread, fork. */
#include "slab/arena.h"
#include "slab/buddy.h"
#include "slab/budget.h"
#include "slab/cache.h"
#include "slab/class.h"
#include "slab/directory.h"
#include "slab/flags.h"
#include "slab/harden.h"
#include "slab/mempool.h"
#include "slab/quarantine.h"
#include "slab/reclaim.h"
#include "slab/slab.h"
#include "slab/tcache.h"
#include "slab/unwritten.h"
#include "slab/vmalloc.h"

static void malloc_cache_init(unsigned class, const char *name, unsigned flags)
{
	struct slab_cache *c = &malloc_caches[class];

	if (!harden_on)
		cache_init(c, name, class_size(class), 16, flags, (uint8_t) class);
	else if (!flags)
		cache_init_hardened(c, name, class_slot_hardened(class), (uint8_t) class);
	else /* a checked cache must have room for what class_of sends there */
		cache_init(c, name, class_slot_hardened(class), 16, flags, (uint8_t) class);
}

/* A checked cache aligns its objects by itself, so none of these is checked. */
static void aligned_caches_init(void)
{
	char name[SLAB_NAME_MAX];
	struct fmt_buf b;
	unsigned i;

	for (i = SLAB_NR_CLASSES + 1; harden_on && i <= SLAB_NR_MALLOC; i++) {
		fmt_init(&b, name, sizeof(name));
		fmt_printf(&b, "aligned-%zu", class_slot_aligned(i));
		if (!flags_for_cache(name))
			cache_init_hardened(&malloc_caches[i], name, class_slot_aligned(i), (uint8_t)i);
	}
}

bool slab_init(void)
{
	bool any_fast = false;
	unsigned i;

	if (arena_size)
		return true;
	budget_init();
	harden_init();
	unwritten_start();
	if (harden_on)
		class_harden();
	for (i = 1; i <= SLAB_NR_CLASSES; i++) {
		char name[SLAB_NAME_MAX];
		struct fmt_buf b;

		fmt_init(&b, name, sizeof(name));
		fmt_printf(&b, "malloc-%zu", class_size(i));
		malloc_cache_init(i, name, flags_for_cache(name));
		any_fast |= malloc_caches[i].fast;
	}
	aligned_caches_init();
	cache_init_zero(&slab_caches[SLAB_FIRST_ZERO], SLAB_ZERO_SMALL);
	cache_init_zero(&slab_caches[SLAB_FIRST_ZERO + 1], PAGE_SIZE);
	tcache_any_fast = any_fast;
	area_init();
	reclaim_init();
	quarantine_init();
	buddy_init();
	if (!arena_init(any_fast))
		return false;
	directory_init(slab_caches, mempool_table_place());
	return true;
}

void slab_thread_exit(void)
{
	struct tcache_block *b = tcache_close();

	if (!b)
		return;
	quarantine_flush_block(b, NULL);
	tcache_park(b);
}

/* ---- fork: the locks are lib's to take; this is the rest ------------------------------------- */

void slab_copy_child(void)
{
	buddy_fork_child();
}

/* Only the calling thread exists in the child. What the other threads had cached goes back. Their blocks are whole
 * or lack an object that was on its way (tcache.c), and every lock is free. */
static void flush_block(struct tcache_block *b)
{
	quarantine_flush_block(b, NULL);
	tcache_flush_all(b);
}

void slab_fork_child(void)
{
	buddy_fork_child();
	tcache_fork_child(flush_block);
}
