/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/buddy.h - the page allocator. */
#ifndef MEMSAN_SLAB_BUDDY_H
#define MEMSAN_SLAB_BUDDY_H

#include "slab/arena.h"

void buddy_init(void);
/* From now on runs that are no power of two lie side by side: slower, but without loss. */
void buddy_pack(void);
void buddy_fork_child(void);
/* A run of exactly n pages, or NO_PAGE. *clean: all its bytes are zero. */
uint32_t buddy_alloc(size_t n, bool *clean);
/* Any run of pages may be given back, also a part of one that was allocated whole. */
void buddy_free(uint32_t page, size_t n, bool clean);
/* Takes the n pages at `page`, right behind an allocated run, if all of them are free. */
bool buddy_extend(uint32_t page, size_t n, bool *clean);
/* The first of the n pages that is not free, or page + n. */
uint32_t buddy_free_end(uint32_t page, size_t n);
/* Gives memory of free runs back to the system until at most `keep` dirty pages are left. Returns the pages given
 * back. */
size_t buddy_purge(size_t keep);
size_t buddy_dirty_pages(void); /* free, and probably resident */
/* How many of n pages that are about to be taken should be retained areas' rather than fresh ones; takes no lock. */
size_t buddy_missing(size_t n);
size_t buddy_used_pages(void); /* pages that are not free; takes no lock */
size_t buddy_keeps(void);      /* how many dirty pages it keeps for reuse now; takes no lock */
/* Gives back memory that was not needed for a while, if it is time for that. */
void buddy_decay(void);
/* Checks every invariant, for tests: lists, tags, merging. NULL, or a description of the error. */
const char *buddy_verify(void);
/* Counts free runs by order; runs of the last order are blocks. */
void buddy_count(uint64_t counts[BLOCK_ORDER + 1]);
struct buddy_stats {
	size_t mapped_pages, free_pages, dirty_pages;
};
void buddy_get_stats(struct buddy_stats *s);

#endif
