/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/heap.c - what slab/ does to memory, as shadow bytes.
 *
 *     lo               user                user+size                    hi
 *     │ FC FC … FC     │ 00 00 … 00     k  │ FC … FC                    │      live (large: F8 instead of FC)
 *     │ FA FA … FA FA FA FA … FA FA FA FA FA FA … FA FA FA FA FA FA FA  │      freed: until the slot is taken again
 *     │ FC …                                                            │      a new slab, slots that were never handed out
 *
 * A fenced object is the same, with its slot's pages from lo to hi; the guards between keep good shadow, and fault.
 *
 * A freed large area is marked in its first bytes only: all of it is a guard region from then on, and marking gigabytes of quarantined
 * address space would cost an eighth of it in memory.
 */
#include "shadow/shadow_internal.h"

#define LARGE_FREED_MARK (32ul << 10)

static const uint8_t mark_value[] = {
	[SLAB_MARK_FREED] = SHADOW_SLAB_FREED,
	[SLAB_MARK_REDZONE] = SHADOW_SLAB_REDZONE,
	[SLAB_MARK_PAGES] = SHADOW_PAGE_FREE,
};
_Static_assert(ARRAY_SIZE(mark_value) == SLAB_MARK_NR, "each mark has a value");

static void heap_live(uintptr_t lo, uintptr_t hi, uintptr_t user, size_t size, bool large)
{
	uint8_t around = large ? SHADOW_VMALLOC_INVALID : SHADOW_SLAB_REDZONE;
	uintptr_t after = ALIGN_UP(user + size, SHADOW_GRANULE);
	if (!shadow_on)
		return;
	if (!arena_contains((void *)lo))
		report_forget(lo, hi - lo);
	shadow_poison(lo, user - lo, around);
	shadow_unpoison(user, size);
	shadow_poison(after, hi - after, around);
}

static void heap_bad(uintptr_t addr, size_t n, enum slab_mark why)
{
	if (!shadow_on)
		return;
	if (why != SLAB_MARK_PAGES || n <= LARGE_FREED_MARK) {
		shadow_poison(addr, n, mark_value[why]);
		return;
	}
	shadow_poison(addr, LARGE_FREED_MARK, SHADOW_PAGE_FREE);
	shadow_unpoison(addr + LARGE_FREED_MARK, n - LARGE_FREED_MARK);
}

static const struct slab_shadow_ops heap_ops = { .live = heap_live, .bad = heap_bad };

void heap_ops_install(void)
{
	slab_set_shadow_ops(&heap_ops);
}
