/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/leak_internal.h - shared between the files of leak/ only. */
#ifndef MEMSAN_LEAK_INTERNAL_H
#define MEMSAN_LEAK_INTERNAL_H

#include "leak/leak.h"

/* ---- the scan: mark.c ------------------------------------------------------------------------------------------------ */

/* What a page of the arena is, in 32 bits: 0 nothing, else a page of a slab or of a large area. */
#define PAGE_AREA (1u << 31)         /* the rest: index into areas */
#define PAGE_CACHE(info) ((info) & 0xffu)
#define PAGE_IN_SLAB(info) ((info) >> 8 & 0xffu)
#define PAGE_DISPLACED (1u << 16)    /* objects may start behind their slot's start */
#define PAGE_NOTED (1u << 17)        /* an annotated object is in this slab (areas: see the table) */

struct scan_cache { uint64_t reciprocal; uint32_t slot_size, offset, object_size, nr_objects; };
struct scan_area { uint64_t start, size; bool noted; };      /* offset in the arena */
struct scan_span { uint64_t addr, size; };

/* Annotations of the scan: sorted by nothing, few. */
#define SCAN_NOTES_MAX 4096
struct scan_note { uint64_t start; struct scan_span part; bool no_scan; };

enum scan_mode {
	SCAN_MARK,      /* pointers to starts: white becomes black; interior ones are remembered */
	SCAN_POSSIBLE,  /* any pointer: white becomes possible */
	SCAN_LEAD,      /* among the lost: who is reached by an earlier one */
	SCAN_HOLD,      /* among the lost: what a leader holds */
};

#define CANDIDATES 16u
#define RING 16u

struct leak_scan {
	const struct mem_view *mem;
	struct slab_view heap;
	uint64_t base, used;
	uint32_t *pages;           /* by page of the arena */
	uint64_t *white;           /* a bit per 16 bytes: a live object starts here and was not reached */
	uint64_t *inner;           /* it was pointed into; then: it is possible; then: it leads */
	uint64_t *pending;         /* reached, but the stack was full; then: visited among the lost */
	uint64_t *starts;          /* in slabs with displaced objects: a live object starts here; not cleared */
	struct scan_area *areas;
	uint32_t nr_areas, max_areas;
	struct scan_cache caches[SLAB_VIEW_CACHES];
	struct scan_note *notes;
	uint32_t nr_notes;

	enum scan_mode mode;
	bool overflowed;
	uint64_t candidates[CANDIDATES];  /* see mark.c; 0: none */
	uint32_t first_candidate, nr_candidates;
	struct scan_span ring[RING];      /* taken off the stack, on their way into the processor's cache */
	uint32_t ring_first, ring_count;
	struct scan_span *stack;
	size_t top, max_stack;
	struct scan_span current;  /* being read: where a fault happened */
	void *volatile fault_env[5];
	char *buffer;              /* for views that must be read */

	unsigned wanted;
	leak_visit_fn visit;
	void *visit_ctx;
	struct leak_scan_stats stats;
	void *memory;
	size_t memory_size;
};

/* Follows every pointer from what is on the stack. */
void scan_drain(struct leak_scan *s);
/* The object that starts at this offset, or 0 bytes. */
uint64_t scan_object_size(const struct leak_scan *s, uint64_t off);
void scan_push_object(struct leak_scan *s, uint64_t off);
static inline bool scan_bit(const uint64_t *map, uint64_t off)
{
	return map[off >> 10] >> (off >> 4 & 63) & 1;
}
static inline void scan_bit_set(uint64_t *map, uint64_t off)
{
	map[off >> 10] |= (uint64_t)1 << (off >> 4 & 63);
}
static inline void scan_bit_clear(uint64_t *map, uint64_t off)
{
	map[off >> 10] &= ~((uint64_t)1 << (off >> 4 & 63));
}

/* ---- annotate.c ------------------------------------------------------------------------------------------------------------------ */

/* Everything that the program has said, into a scan that has no roots yet. */
void annotations_apply(struct leak_scan *s);

/* ---- snapshot.c ------------------------------------------------------------------------------------------------------------------ */

struct snapshot_info {
	uint32_t nr_threads, nr_silent;
	uint64_t pause_us;         /* the program stood still */
	const char *why;           /* what went wrong, or NULL */
};
/* Runs fn in a copy of this process (or, when this thread is the only one and the program is over, right here) with what is known of its
 * threads.  In the copy fn may use what it likes of this process, but write only to shared memory.  False: it did not run to its end. */
bool snapshot_run(bool in_place, void (*fn)(void *ctx, const struct leak_thread *threads, uint32_t nr), void *ctx,
                  struct snapshot_info *info);

#endif
