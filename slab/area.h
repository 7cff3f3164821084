/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/area.h - large areas: their descriptors and lists. */
#ifndef MEMSAN_SLAB_AREA_H
#define MEMSAN_SLAB_AREA_H

#include "slab/arena.h"
#include "slab/key.h"

enum area_state { AREA_UNUSED, AREA_LIVE, AREA_QUARANTINED, AREA_RETAINED };
/* A large object: whole pages, in check mode between two guard pages. Descriptors are recycled and never unmapped. */
struct area {
	uint32_t page, nr_pages; /* the run, guards and spare pages included */
	uint32_t guard_pages;    /* on each side: 0 or 1 */
	uint8_t state;           /* enum area_state; written under area_lock */
	uint8_t api;
	bool clean;     /* retained: reads as zero */
	bool opened;    /* a guard page was opened after a report, and may hold anything */
	bool resizing;  /* size and red zone disagree for the moment; under area_lock */
	bool outgrown;  /* production: a realloc to more bytes moved it */
	bool stepped;   /* a realloc changed the size a little and moved the area; the next one need not */
	bool changed;   /* the program may have changed how its data pages are mapped (changed.c) */
	bool torn;      /* the program may have closed or dropped the page of the red zone */
	uint8_t align;  /* 16 << align was asked for */
	uintptr_t addr; /* the user's pointer */
	/* addr while the object is live, else 0. A free exchanges it, so only one of several racing threads wins. */
	uintptr_t live;
	size_t size; /* as requested */
	stack_handle alloc_stack, free_stack;
	uint32_t alloc_thread, free_thread, when;
	uint32_t spare_pages; /* guarded pages behind the data, in front of the last guard, for growth in place */
	/* in the list of live areas, the quarantine's queue or the unused descriptors; under area_lock */
	struct area *next, *prev;
} __attribute__((aligned(16)));

static inline uintptr_t area_data(const struct area *a)
{
	return page_address(READ_ONCE(a->page) + READ_ONCE(a->guard_pages));
}
static inline size_t area_data_size(const struct area *a)
{
	return (size_t)(READ_ONCE(a->nr_pages) - 2 * READ_ONCE(a->guard_pages) - READ_ONCE(a->spare_pages))
	       << PAGE_SHIFT;
}
static inline struct area *area_at(uintptr_t addr)
{
	uint64_t w = arena_owner(addr);

	return (w & OWNER_TAG) == OWNER_AREA ? OWNER_POINTER(w) : NULL;
}

/* In hardened production malloc's areas have canaries (vmalloc.c):
 *
 *     | … | key 64 bytes | the program's | key, up to 64 bytes | … |      freed, retained:  | … | key 128 bytes | … |
 *                        ^addr                                                                           ^addr
 *
 * The key in front is at the start of the data, unless the object is aligned to more than 64 bytes; then there may be
 * up to a page in front of addr. */
#define AREA_LEAD ((size_t)64)
#define AREA_CANARY ((size_t)64)
#define AREA_MARK (AREA_LEAD + AREA_CANARY)
/* Does the area begin with bytes of the key while it is retained? */
static inline bool area_is_marked(const struct area *a)
{
	return harden_on && !a->guard_pages && !READ_ONCE(a->changed);
}
/* The bytes that the canaries take at least; 0: the area has none. */
static inline size_t area_lead(const struct area *a)
{
	return READ_ONCE(a->addr) - area_data(a);
}
/* Where the key in front begins, and the one of a freed area. */
static inline uintptr_t area_key_at(const struct area *a)
{
	return READ_ONCE(a->addr) - MIN(area_lead(a), AREA_LEAD);
}

extern struct ranked_lock area_lock; /* guards the lists of areas and their descriptors' links */

struct area *area_descriptor_get(void);
void area_descriptor_put(struct area *a);
void area_make_live(struct area *a);
void area_set_pages(struct area *a, uint32_t pages, uint32_t spare_pages);
void area_set_resizing(struct area *a, bool resizing);
/* Finds the lowest live area above `after` that `wanted` accepts, passes it to `take`, and returns its address, or 0.
 * Both callbacks run under area_lock, so the area cannot go away. */
uintptr_t area_find_live(uintptr_t after, bool (*wanted)(const struct area *a), void (*take)(struct area *a, void *ctx),
                         void *ctx);
/* A guard region is written into every page table entry: two megabytes of tables and 10 ms for each gigabyte. Large
 * guards are better as a mapping (VMA) of their own, as all guards are without guard regions. budget.c bounds their
 * number. */
#define GUARD_REGION_PAGES ((size_t)(16 << 20) >> PAGE_SHIFT)
void area_guard_set(uint32_t page, size_t n);
/* False: some pages may have stayed closed. All open pages read as zero. */
bool area_guard_clear(uint32_t page, size_t n);
/* A freed area is passed to exactly one of these: kept for reuse, held back as guarded address space, or given back at
 * once. If the program changed how its pages are mapped, area_retain and area_dispose give back fresh ones, and
 * area_quarantine guards fresh ones. */
void area_retain(struct area *a);
void area_quarantine(struct area *a);
void area_dispose(struct area *a);
/* One of about that size, live again, or NULL. Its data begin `lead` bytes in front of an aligned address. */
struct area *area_take_retained(size_t pages, size_t align, size_t lead);
/* Calls fn for each retained area, also those that had to leave and were found damaged, under the areas' lock, until it
 * returns true. Returns whether it did. */
bool area_any_retained(bool (*fn)(struct area *a, void *ctx), void *ctx);
/* All retained areas go back to the buddy. Returns their pages. */
size_t area_shrink(void);
/* Called before pages are taken for a slab or an area. If the buddy has too few dirty pages, or more memory than ever
 * would be in use or held, the oldest retained areas give up theirs. */
void area_give_way(size_t pages);
/* The retained area whose run begins at `page` goes back to the buddy. False: there is none, or it was overwritten. */
bool area_give_way_at(uint32_t page);
void area_decay(void); /* retained areas beyond the recent peak go back */
void area_drain(void); /* all areas in quarantine go back */
struct area_stats {
	uint64_t areas, bytes, retained_bytes, quarantined_bytes, quarantined;
};
void area_get_stats(struct area_stats *s);

#endif
