/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/budget.h - how much memory may be held back for reuse or in quarantine, and by whom.
 *
 *     file          what it holds                       how much
 *     tcache.c      a thread's free objects             256 objects or 64 KiB in each class
 *                   those of threads that ended         64 KiB in each of 8 blocks
 *     transfer.c    halves of bins                      an eighth of what is out of the cache's slabs, or 8 KiB
 *     cache.c       empty slabs                         an eighth of the cache's slabs, and a small one
 *     area.c        retained areas                      the latest peak of live bytes, less the bytes live now, and no
 *                                                       more than buddy.c keeps
 *     buddy.c       free pages that hold old bytes      512 KiB … 64 MiB, as the program asks for them again, and a
 *                                                       16th of what is in use
 *     quarantine.c  freed objects of checked caches     quarantine.size, quarantine.percent of the live heap
 *     guard_slab.c  slabs in quarantine as a whole      descriptors: half of that; 64 GiB of addresses
 *     area.c        areas in quarantine                 page tables: half of that; 64 GiB of addresses
 *
 * reclaim.c says when held memory goes back, and in which order. budget.c and reclaim.c are two files because the files
 * above call budget.c, and reclaim.c calls the files above.
 */
#ifndef MEMSAN_SLAB_BUDGET_H
#define MEMSAN_SLAB_BUDGET_H

#include "slab/slab.h"

/* The counters that the budgets follow. They are hidden, so code addresses them directly and not through the global
 * offset table. */
#pragma GCC visibility push(hidden)
extern int64_t budget_checked_bytes; /* slots out of their slabs, in caches with flags; atomic */
extern uint64_t budget_queued_bytes; /* of these, in the queue of the quarantine; under quarantine_lock */
extern size_t budget_area_bytes;     /* of live areas; under area_lock */
extern size_t budget_area_peak;      /* the most of these in this interval; under area_lock */
extern size_t budget_area_retained;  /* bytes of retained areas; under area_lock, read without */
/* A small limit of data: a program that fits in it must still fit, so malloc's areas have no guards, which would take
 * twice a block of a power of two from the buddy, and red zones are small. */
extern bool budget_lean;
#pragma GCC visibility pop

#define BUDGET_BIN_OBJECTS 256u
#define BUDGET_BIN_BYTES ((size_t)64 << 10)
#define BUDGET_TRANSFER_BYTES ((size_t)8 << 10)

/* Free pages that the buddy keeps: at least, and at most (buddy.c). */
#define BUDGET_KEEP_MIN ((size_t)(512 << 10) >> PAGE_SHIFT)
#define BUDGET_KEEP_MAX ((size_t)(64 << 20) >> PAGE_SHIFT)

/* The most objects that a bin of such objects has room for. */
static inline uint32_t budget_bin_limit(size_t object_size)
{
	return (uint32_t)MIN(BUDGET_BIN_OBJECTS, MAX(2, BUDGET_BIN_BYTES / object_size));
}

/* How many objects of a cache may wait between threads' bins and their slabs (transfer.c). */
static inline uint64_t budget_transfer(uint64_t nr_out, size_t slot_size)
{
	return MAX(nr_out / 8, BUDGET_TRANSFER_BYTES / slot_size);
}

#define BUDGET_RETAINED_AREAS 64
#define BUDGET_RETAINED_AREA_MAX ((size_t)32 << 20) /* larger ones are not retained */

/* A loop that frees many objects and allocates them again should not build all of its slabs anew each time. */
static inline uint32_t budget_empty_slabs(uint32_t nr_slabs, bool small)
{
	return nr_slabs / 8 + small;
}

static inline size_t budget_dirty_pages(size_t kept, size_t used_pages)
{
	return kept + used_pages / 16;
}

/* Both under area_lock. */
static inline void budget_area_add(size_t bytes)
{
	WRITE_ONCE(budget_area_bytes, budget_area_bytes + bytes);
	budget_area_peak = MAX(budget_area_peak, budget_area_bytes);
}
static inline void budget_area_sub(size_t bytes)
{
	WRITE_ONCE(budget_area_bytes, budget_area_bytes - bytes);
}

void budget_init(void);
bool budget_limit(uint64_t limit); /* of data, in bytes; is budget_lean? */
/* Bytes of retained areas, `most` at most. Under area_lock. */
size_t budget_retained_bytes(size_t most);
/* Bytes that the quarantine may hold now. */
uint64_t budget_quarantine(void);
/* Is this more than the limit for slabs that are guarded as a whole, or for areas in quarantine? */
bool budget_guarded_exceeded(uint64_t descriptor_bytes, uint64_t address_bytes);
bool budget_held_areas_exceeded(size_t nr, size_t address_bytes);

#endif
