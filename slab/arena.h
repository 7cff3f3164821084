/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/arena.h - the memmap: what each page of the arena is, and which slab or area owns it. */
#ifndef MEMSAN_SLAB_ARENA_H
#define MEMSAN_SLAB_ARENA_H

#include "slab/slab.h"

struct slab;

/* The kernel's struct page, one for each 4 KiB of the arena. `owner` says what the page is; readers load it without
 * a lock. A large area that covers whole blocks writes the words of those blocks instead, and their pages keep 0. */
struct page {
	uint64_t owner;
	uint32_t next, prev; /* head of a free run: page number + 1 in its list, 0 ends it; under the buddy lock */
};
_Static_assert(sizeof(struct page) <= 32, "the memmap takes at most 32 bytes a page");

/* The owner word: a tag in the low bits, and above it a pointer to a 16-byte aligned descriptor or, for a free run,
 * its order and whether it is dirty. */
#define OWNER_TAG 7u
#define OWNER_NONE 0u
#define OWNER_SLAB 1u
#define OWNER_AREA 2u
#define OWNER_FREE 3u /* head of a free run: order << 8, OWNER_DIRTY */
/* Only with NONE and FREE, where it stays. Objects were here before, so a pointer to this page is stale. */
#define OWNER_USED_BEFORE 8u
#define OWNER_DIRTY 16u /* the run may hold old bytes (and memory); clean runs read as zero */
#define OWNER_POINTER(w) ((void *)((w) & ~(uint64_t)15))

#define BLOCK_ORDER 10
#define BLOCK_PAGES (1u << BLOCK_ORDER)
#define BLOCK_SIZE (PAGE_SIZE << BLOCK_ORDER)
#define NO_PAGE UINT32_MAX

extern struct page *arena_memmap;
/* an owner word for each block: the area that covers all of it, a free block, or 0 (the pages' own words count) */
extern uint64_t *arena_blocks;
extern uint32_t arena_nr_blocks;    /* most blocks that can become usable */
extern uint32_t arena_ready_blocks; /* blocks that are usable; only grows; written under the buddy lock, read without */

/* Without a state map every cache must have checks. */
bool arena_init(bool state_map_wanted);
extern uint64_t arena_random; /* where the arena is, in hardened production; set before arena_init, else 0 */
/* Makes blocks [0, n) and their maps usable. Called under the buddy lock. False: no memory. */
bool arena_reach(uint32_t n);
/* The run [page, page + n) is about to be handed out: makes it accessible. Called under the buddy lock. False: no
 * memory. */
bool arena_commit(uint32_t page, size_t n);
/* Makes one page that slab_is_unused accessible, after a report. It reads as zero again when it is handed out. False:
 * the kernel refused. Signal-safe. */
bool arena_open_unused(uintptr_t addr);
/* Gives the memory of a free run back; arena_commit brings it back. */
void arena_decommit(uint32_t page, size_t n);
/* Did part of the run's address space go back too? */
bool arena_has_gone(uint32_t page, size_t n);
/* How many of the n pages from `page` on may be accessed. */
size_t arena_committed_part(uint32_t page, size_t n);
/* Replaces pages that the program changed by fresh ones, mapped as the arena's pages around them. They read as zero.
 * False: the kernel refused, and some pages may be as they were. */
bool arena_renew(uint32_t page, size_t n);
/* Reduces the arena and its maps to half of `limit` bytes of address space, but not below what is in use. Called
 * under the buddy lock. */
void arena_shrink(uint64_t limit);

static inline uintptr_t page_address(uint32_t page)
{
	return arena_base + ((uintptr_t)page << PAGE_SHIFT);
}
static inline uint32_t page_of(uintptr_t addr)
{
	return (uint32_t)((addr - arena_base) >> PAGE_SHIFT);
}
static inline bool arena_usable(uintptr_t addr)
{
	return addr - arena_base < LOAD_ACQUIRE(arena_usable_size);
}
/* The owner word of an address in the usable part: its block's, or else its page's. */
static inline uint64_t arena_owner(uintptr_t addr)
{
	uint32_t page = page_of(addr);
	uint64_t w = LOAD_ACQUIRE(arena_memmap[page].owner);

	return (w & OWNER_TAG) != OWNER_NONE
	               ? w
	               : LOAD_ACQUIRE(arena_blocks[page >> BLOCK_ORDER]) | (w & OWNER_USED_BEFORE);
}
static inline struct slab *slab_of(uintptr_t addr)
{
	uint64_t w = LOAD_ACQUIRE(arena_memmap[page_of(addr)].owner);

	return (w & OWNER_TAG) == OWNER_SLAB ? OWNER_POINTER(w) : NULL;
}
/* From now on the whole run [page, page + n) belongs to `owner`. */
void arena_set_owner(uint32_t page, uint32_t n, uint64_t owner);
/* The run has no owner any more. Its first `used` pages keep the mark that objects started in them. */
void arena_clear_owner(uint32_t page, uint32_t n, uint32_t used);
/* An area's run grows or shrinks from old_n to new_n pages. Pages that it loses have no owner. */
void arena_resize_owner(uint32_t page, uint32_t old_n, uint32_t new_n, uint64_t owner);

#endif
