/* SPDX-License-Identifier: BSD-2-Clause */
/* fence/layout.h - how fenced objects lie in memory: the one description, for the runtime, for scans and for tools.
 *
 *     fence_ranges[0..3]                    a range: slots of 1, 2, 4 or 8 pages
 *       base, stride, pages ───────────►    | guard | data | guard | data | guard | …
 *       slots.base ──► struct fence_slot       slot 0         slot 1         slot 2        [0, fresh) were ever used
 *
 * An address leads to its slot by division.  For an address in a guard page fence_slot_nearest chooses one of the two
 * neighbors.  The runtime reads its own memory; all others read through a view (slab/source.h says why).
 *
 * fence_view_each and fence_view_find trust no value that they read: the process may be damaged, the core file
 * invented.
 */
#ifndef MEMSAN_FENCE_LAYOUT_H
#define MEMSAN_FENCE_LAYOUT_H

#include "lib/lib.h"
#include "slab/source.h"

#define FENCE_LAYOUT "fence" /* object_layout.name */
#define FENCE_RANGES 4

enum slot_state { SLOT_UNUSED, SLOT_LIVE, SLOT_FREED };
#define SLOT_OPENED_LEFT 1u
#define SLOT_OPENED_DATA 2u
#define SLOT_OPENED_RIGHT 4u
#define SLOT_TOLD 8u /* the canaries tell nothing new: a bad write was reported, or the program dropped their bytes */
#define SLOT_CHANGED 16u /* the program may have changed how the data pages of the live object are mapped */
/* The descriptor of one object's pages.  The thread that takes or frees the slot writes it; readers take a snapshot. */
struct fence_slot {
	uintptr_t addr; /* the user's pointer */
	uint32_t state; /* atomic */
	uint32_t size;
	uint32_t next; /* in the queue of freed slots; under slots_lock */
	stack_handle alloc_stack, free_stack;
	uint32_t alloc_thread, free_thread, when;
	uint32_t owner;             /* fence_set_owner; atomic */
	uint8_t api : 4, align : 4; /* align: 16 << align was asked for */
	uint8_t opened;    /* opened: SLOT_OPENED_* for pages that a report made accessible, SLOT_TOLD; atomic */
	bool short_canary; /* the canary does not fill the whole page */
	bool open; /* opened ahead: its pages are memory already; while the slot is not in use, under slots_lock */
};
_Static_assert(sizeof(struct fence_slot) <= 64, "what a slot costs besides its page");

#define FENCE_AHEAD 32u
/* Slots of the same number of pages. */
struct slot_range {
	uintptr_t base;
	size_t stride, nr_max;
	unsigned pages;               /* data pages of a slot */
	struct stepped_reserve slots; /* struct fence_slot each */
	uintptr_t ready;              /* pages below are usable; under slots_lock */
	uint32_t fresh; /* slots from here on were never used; written under slots_lock, read without it */
	uint32_t first, last, nr_free; /* queue of freed slots, index + 1; under slots_lock */
	uint32_t ahead[FENCE_AHEAD];   /* slots opened ahead; under slots_lock, as are the next two */
	uint32_t nr_ahead, next_ahead;
};

/* The slot to which an address in the guard page between two slots belongs: the live one, or the nearer one if both or
 * neither are live.  NULL: neither was ever used.  Either argument may be NULL. */
struct fence_slot *fence_slot_nearest(struct fence_slot *left, struct fence_slot *right, uintptr_t addr);
/* `number`: the slot's number in its range. */
void fence_slot_describe(const struct slot_range *r, const struct fence_slot *s, size_t number,
                         struct slab_object *obj);

/* ---- through a view -------------------------------------------------------------------------- */

/* Was the process that wrote the layout built from the same structures as this program? */
bool fence_layout_known(const struct object_layout *l);
/* Calls fn for each live object. */
void fence_view_each(const struct mem_view *mem, const struct object_layout *l,
                     void (*fn)(void *ctx, const struct slab_object *o), void *ctx);
/* The object, live or freed, in whose pages addr lies, or in whose guard page (*guard). */
bool fence_view_find(const struct mem_view *mem, const struct object_layout *l, uint64_t addr, struct slab_object *o,
                     bool *guard);

#endif
