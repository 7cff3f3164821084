/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/arena.h - the memmap: what each page of the arena is, and whose. */
#ifndef MEMSAN_SLAB_ARENA_H
#define MEMSAN_SLAB_ARENA_H

#include "slab/slab.h"

struct slab;

/* The analogue of struct page, one per 4 KiB of the arena.  `owner` says what the page is; readers load it without a
 * lock.  Pages inside a large area of whole blocks keep 0 and are found through the block's own word. */
struct page {
	uint64_t owner;
	uint32_t next, prev; /* free run's head: page number + 1 in its list, 0 ends it; under the buddy lock */
};
_Static_assert(sizeof(struct page) <= 32, "the memmap takes at most 32 bytes a page");

/* The owner word: a pointer to a 16-byte aligned descriptor, or a free run's order and cleanliness, with a tag
 * below. */
#define OWNER_TAG 7u
#define OWNER_NONE 0u
#define OWNER_SLAB 1u
#define OWNER_AREA 2u
#define OWNER_FREE 3u /* head of a free run: order << 8, OWNER_DIRTY */
/* Sticky with NONE and FREE only: objects were here before, so a pointer to them is a stale one. */
#define OWNER_USED_BEFORE 8u
#define OWNER_DIRTY 16u /* the run may hold old bytes (and memory); clean runs read as zero */
#define OWNER_POINTER(w) ((void *)((w) & ~(uint64_t)15))

#define BLOCK_ORDER 10
#define BLOCK_PAGES (1u << BLOCK_ORDER)
#define BLOCK_SIZE (PAGE_SIZE << BLOCK_ORDER)
#define NO_PAGE UINT32_MAX

extern struct page *arena_memmap;
/* an owner word per block: an area that covers it all, a free block, or 0: see its pages */
extern uint64_t *arena_blocks;
extern uint32_t arena_nr_blocks;    /* blocks that can be reserved in all */
extern uint32_t arena_ready_blocks; /* blocks that are usable; under the buddy lock, read without it: grows only */

/* Without a state map no object can be in a cache without checks. */
bool arena_init(bool state_map_wanted);
/* Make blocks [0, n) usable with their maps.  Under the buddy lock.  False: no memory. */
bool arena_reach(uint32_t n);
/* Under the buddy lock: no more than half of `limit` bytes of address space for the arena and its maps, but what is in
 * use stays. */
void arena_shrink(uint64_t limit);

static inline uintptr_t page_address(uint32_t page)
{
	return arena_base + ((uintptr_t)page << PAGE_SHIFT);
}
static inline uint32_t page_of(uintptr_t addr)
{
	return (uint32_t)((addr - arena_base) >> PAGE_SHIFT);
}
extern size_t arena_usable_size; /* bytes from arena_base on; grows only, and covers every pointer ever handed out */

static inline bool arena_usable(uintptr_t addr)
{
	return addr - arena_base < LOAD_ACQUIRE(arena_usable_size);
}
/* The owner word that speaks for an address in the usable part. */
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
/* The whole run [page, page + n) belongs to `owner`. */
void arena_set_owner(uint32_t page, uint32_t n, uint64_t owner);
/* The run belongs to nobody; objects that started in its first `used` pages are remembered as such. */
void arena_clear_owner(uint32_t page, uint32_t n, uint32_t used);
/* An area's run changes from old_n to new_n pages; what it loses belongs to nobody. */
void arena_resize_owner(uint32_t page, uint32_t old_n, uint32_t new_n, uint64_t owner);

#endif
