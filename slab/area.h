/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/area.h - large areas: their descriptors and lists. */
#ifndef MEMSAN_SLAB_AREA_H
#define MEMSAN_SLAB_AREA_H

#include "slab/arena.h"

enum area_state { AREA_UNUSED, AREA_LIVE, AREA_QUARANTINED, AREA_RETAINED };
/* A large object: whole pages, in check mode between two guard pages.  Descriptors are recycled and never unmapped. */
struct area {
	uint32_t page, nr_pages; /* the run with its guards */
	uint32_t guard_pages;    /* on each side: 0 or 1 */
	uint8_t state;           /* enum area_state; written under area_lock */
	uint8_t api;
	bool clean;     /* retained: reads as zero */
	bool opened;    /* a guard was opened after a report: its page may hold anything */
	bool resizing;  /* size and red zone disagree for the moment; under area_lock */
	uintptr_t addr; /* the user's pointer */
	/* the same while the object is live, else 0: free exchanges it, one of several racing threads wins */
	uintptr_t live;
	size_t size; /* as requested */
	stack_handle alloc_stack, free_stack;
	uint32_t alloc_thread, free_thread, when;
	struct area *next, *prev; /* all live ones, the quarantine's queue, or unused descriptors; under area_lock */
} __attribute__((aligned(16)));

static inline uintptr_t area_data(const struct area *a)
{
	return page_address(READ_ONCE(a->page) + READ_ONCE(a->guard_pages));
}
static inline size_t area_data_size(const struct area *a)
{
	return (size_t)(READ_ONCE(a->nr_pages) - 2 * READ_ONCE(a->guard_pages)) << PAGE_SHIFT;
}
static inline struct area *area_at(uintptr_t addr)
{
	uint64_t w = arena_owner(addr);

	return (w & OWNER_TAG) == OWNER_AREA ? OWNER_POINTER(w) : NULL;
}

extern struct ranked_lock area_lock; /* guards the lists of areas and their descriptors' links */

struct area *area_descriptor_get(void);
void area_descriptor_put(struct area *a);
void area_make_live(struct area *a);
void area_set_pages(struct area *a, uint32_t pages);
void area_set_resizing(struct area *a, bool resizing);
/* Both are called under the lock. */
uintptr_t area_find_live(uintptr_t after, bool (*wanted)(const struct area *a), void (*take)(struct area *a, void *ctx),
                         void *ctx);
void area_guard_set(uint32_t page, size_t n);
bool area_guard_clear(uint32_t page, size_t n); /* the pages read as zero afterwards */
/* What becomes of a live area that was freed; exactly one of the three. */
void area_retain(struct area *a);
void area_quarantine(struct area *a);
void area_dispose(struct area *a);
struct area *area_take_retained(size_t pages); /* live again, or NULL */
/* Retained areas go back to the buddy; pages. */
size_t area_shrink(void);
/* Fresh pages are about to be taken: the oldest retained areas serve first, where the buddy has too few that were used
 * before. */
void area_give_way(size_t pages);
void area_decay(void); /* those that nobody took back for a while */
void area_drain(void); /* quarantined ones too */
struct area_stats {
	uint64_t areas, bytes, retained_bytes, quarantined_bytes, quarantined;
};
void area_for_each_live(void (*fn)(const struct area *a, void *ctx), void *ctx);
void area_get_stats(struct area_stats *s);

#endif
