/* SPDX-License-Identifier: BSD-2-Clause */
/* fence/fence_internal.h - shared between the files of fence/ only. */
#ifndef MEMSAN_FENCE_INTERNAL_H
#define MEMSAN_FENCE_INTERNAL_H

#include "fence/fence.h"
#include "fence/layout.h"

/* ---- slots.c --------------------------------------------------------------------------------- */

enum { FENCE_SAMPLE, FENCE_ALL, FENCE_OFF };                                    /* option fence */
enum { FENCE_SIDE_AUTO, FENCE_SIDE_LEFT, FENCE_SIDE_RIGHT, FENCE_SIDE_RANDOM }; /* option fence.side */

static inline struct fence_slot *slot_at(const struct slot_range *r, size_t i)
{
	return (struct fence_slot *)r->slots.base + i;
}

static inline uintptr_t slot_data(const struct slot_range *r, const struct fence_slot *s)
{
	return r->base + (size_t)(s - slot_at(r, 0)) * r->stride + PAGE_SIZE;
}

static inline bool slot_known(const struct slot_range *r, size_t i)
{
	return i < __atomic_load_n(&r->fresh, __ATOMIC_ACQUIRE);
}
extern struct slot_range fence_ranges[FENCE_RANGES];

/* Reserves address space for that many slots, or fewer.  Returns how many; 0: none. */
size_t slots_init(size_t slots);
/* The slot whose data pages or left guard hold addr; *guard: addr is in the guard.  NULL with *range set: the slot was
 * never used. */
struct fence_slot *slot_of(uintptr_t addr, struct slot_range **range, bool *guard);
/* A slot with accessible data pages.  Their contents are unknown when the slot was opened ahead (`fence_all`, one
 * page).  NULL: all slots are in use, or the kernel refused to open one (*no_mappings is set then). */
struct fence_slot *slot_take(struct slot_range *r, bool *no_mappings);
/* Puts a closed slot at the end of the queue of freed slots. */
void slot_put(struct slot_range *r, struct fence_slot *s);
bool page_open(uintptr_t p, size_t n);
/* Makes the pages guards again and gives their memory back to the kernel. */
void page_close(uintptr_t p, size_t n);
/* Before a page of the pool is opened: opens its chunk.  False: the kernel refused.  Signal-safe. */
bool slot_reach_page(uintptr_t addr);
/* Instead of slot_put, for a slot that can never be used again. */
void slot_lose(void);

/* ---- canary.c -------------------------------------------------------------------------------- */

/* KFENCE fills the whole page.  With fence=all that would take a tenth of an allocation's time, and the extra bytes
 * would show only damage far from the object. */
#define CANARY_SPAN_ALL 256

uint8_t canary_at(uintptr_t addr);
void canary_fill(uintptr_t from, uintptr_t to);
/* The first byte in [from, to) that does not hold its canary, or 0.  `bytes`: a copy of the range, aligned as `from`
 * is. */
uintptr_t canary_find_bad(uintptr_t from, uintptr_t to, const uint8_t *bytes);
/* The last such byte, or 0. */
uintptr_t canary_find_last_bad(uintptr_t from, uintptr_t to, const uint8_t *bytes);
/* The slot has canaries from canary_start to its object, and from the object's end to canary_end. */
uintptr_t canary_start(const struct slot_range *r, const struct fence_slot *s);
uintptr_t canary_end(const struct slot_range *r, const struct fence_slot *s);
void canary_prefetch(uintptr_t object);

/* ---- gate.c, covered.c, filter.c ------------------------------------------------------------- */

void gate_init(void);
uint32_t gate_random(void); /* xorshift, each thread its own */
bool covered_init(size_t objects);
void covered_add(uint32_t hash, int n);
bool covered_has(uint32_t hash);
void filter_init(void);
bool filter_matches_only(stack_handle stack);

/* ---- report.c -------------------------------------------------------------------------------- */

/* Reports damage in a canary of `o`: `size` bytes from `bad` on, the first of which holds `found`.  Sets o's state to
 * live, because the object was live when it was damaged. */
void fence_report_corruption(struct slab_object *o, uintptr_t bad, size_t size, uint8_t found, const char *found_at,
                             const struct unwind_regs *regs);
/* `o`: the object at or nearest to addr, or NULL.  `entry`: the function that was called; NULL: the one that frees for
 * `api`. */
void fence_report_bad_free(const struct slab_object *o, uintptr_t addr, enum slab_api api, const char *entry,
                           const struct unwind_regs *regs);
/* A function that frees nothing was given a bad pointer. */
void fence_report_bad_query(const struct slab_object *o, uintptr_t addr, const char *entry,
                            const struct unwind_regs *regs);
/* `kind`: REPORT_ALLOC_DEALLOC_MISMATCH or REPORT_SIZED_DELETE_MISMATCH. */
void fence_report_mismatch(const struct slab_object *o, enum report_kind kind, enum slab_api api, size_t size_given,
                           const struct unwind_regs *regs);
/* A libc call, or the kernel for it, accesses [addr, addr + size); `bad` is the first bad byte. */
struct fence_access {
	uintptr_t addr;
	size_t size;
	uintptr_t bad;
	enum report_access access;
	const char *entry;
	const struct unwind_regs *regs;
};
void fence_report_access(const struct slab_object *o, const struct fence_access *a);

#endif
