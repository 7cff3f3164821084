/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/heap.c - the life of slab's and fence's memory, as shadow bytes.
 *
 *     lo               user                user+size                    hi
 *     │ FC FC … FC     │ 00 00 … 00     k  │ FC … FC                    │  live (large: F8 instead of FC)
 *     │ FA FA … FA FA FA FA … FA FA FA FA FA FA … FA FA FA FA FA FA FA  │  freed: until the slot is taken again
 *     │ FC …                                                            │  a new slab, slots never handed out
 *     │ FE FE FE …                                                      │  pages that nobody has owned yet
 *     │ FF FF FF …                                                      │  pages that nobody owns any more
 *
 * A fenced object looks the same; lo to hi are the data pages of its slot.  The guard pages between slots keep good
 * shadow, because an access to them faults anyway.
 *
 * A freed large area is marked in its first bytes only.  The whole area is a guard region from then on, and marking
 * gigabytes of quarantined address space would cost an eighth of that in memory.  A run that nobody owns is marked as a
 * whole up to RUN_MARK bytes, and in its first and last half of that beyond.  Weakness accepted: in the middle of a
 * larger run instrumented code sees good shadow.  (Pages behind the arena's last block fault.)
 */
#include "shadow/shadow_internal.h"

#define LARGE_FREED_MARK (32ul << 10)
#define RUN_MARK (16ul << 20)

static const uint8_t mark_value[] = {
	[SLAB_MARK_FREED] = SHADOW_SLAB_FREED,   [SLAB_MARK_REDZONE] = SHADOW_SLAB_REDZONE,
	[SLAB_MARK_PAGES] = SHADOW_PAGE_FREE,    [SLAB_MARK_RUN] = SHADOW_PAGE_FREE,
	[SLAB_MARK_UNUSED] = SHADOW_PAGE_UNUSED,
};
_Static_assert(ARRAY_SIZE(mark_value) == SLAB_MARK_NR, "each mark has a value");

/* [lo, lo + n) is in the arena, and its shadow may be written. */
__inline_hot bool heap_is_ready(uintptr_t lo, size_t n)
{
	size_t at = lo - arena_base, bytes = __atomic_load_n(&map_arena_bytes, __ATOMIC_ACQUIRE);

	return at < bytes && n <= bytes - at;
}

/* The shadow of an object of two to eight granules, as one word, stored by two stores that overlap. */
__inline_hot void heap_live_word(uint8_t *s, size_t granules, size_t size)
{
	typedef uint64_t word8 __attribute__((aligned(1), may_alias));
	typedef uint32_t word4 __attribute__((aligned(1), may_alias));
	typedef uint16_t word2 __attribute__((aligned(1), may_alias));
	unsigned good = (unsigned)(size & ~(size_t)GRANULE_MASK), rest = size & GRANULE_MASK;
	uint64_t w = good == 64 ? 0 : (SHADOW_SLAB_REDZONE * 0x0101010101010101ULL) << good;

	if (rest)
		w ^= (uint64_t)(SHADOW_SLAB_REDZONE ^ rest) << good;
	if (granules == 8) {
		*(word8 *)s = w;
	} else if (granules >= 4) {
		*(word4 *)s = (uint32_t)w;
		*(word4 *)(s + granules - 4) = (uint32_t)(w >> 8 * (granules - 4));
	} else {
		*(word2 *)s = (uint16_t)w;
		*(word2 *)(s + granules - 2) = (uint16_t)(w >> 8 * (granules - 2));
	}
}

/* Every allocation of a slab object comes here, so all of it is inline. */
__inline_hot void heap_live_small(uintptr_t lo, uintptr_t hi, size_t size)
{
	uint8_t *s = shadow_of(lo), *end = shadow_of(ALIGN_UP(hi, SHADOW_GRANULE)), *after = s + (size >> SHADOW_SCALE);

	if ((size_t)(end - s) - 2 <= 8 - 2) {
		heap_live_word(s, (size_t)(end - s), size);
		return;
	}
	mem_set_short(s, 0, (size_t)(after - s));
	if (size & GRANULE_MASK)
		*after++ = (uint8_t)(size & GRANULE_MASK);
	mem_set_short(after, SHADOW_SLAB_REDZONE, (size_t)(end - after));
}

static __attribute__((noinline)) void heap_live_further(uintptr_t lo, uintptr_t hi, uintptr_t user, size_t size,
                                                        bool large)
{
	uint8_t around = large ? SHADOW_VMALLOC_INVALID : SHADOW_SLAB_REDZONE;
	uintptr_t after = ALIGN_UP(user + size, SHADOW_GRANULE);

	if (unlikely(!arena_contains((void *)lo)))
		report_forget(lo, hi - lo);
	shadow_poison(lo, user - lo, around);
	shadow_unpoison(user, size);
	shadow_poison(after, hi - after, around);
}

static void heap_live(uintptr_t lo, uintptr_t hi, uintptr_t user, size_t size, bool large)
{
	if (!shadow_on)
		return;
	if (likely(user == lo && !large && heap_is_ready(lo, hi - lo)))
		heap_live_small(lo, hi, size);
	else
		heap_live_further(lo, hi, user, size, large);
}

static void heap_bad(uintptr_t addr, size_t n, enum slab_mark why)
{
	if (!shadow_on)
		return;
	if (likely(why == SLAB_MARK_FREED)) {
		if (likely(heap_is_ready(addr, n)) || shadow_writable(addr, n))
			mem_set_short(shadow_of(addr), SHADOW_SLAB_FREED, ALIGN_UP(n, SHADOW_GRANULE) >> SHADOW_SCALE);
	} else if (why != SLAB_MARK_PAGES && n > RUN_MARK) {
		shadow_poison(addr, RUN_MARK / 2, mark_value[why]);
		shadow_poison(addr + n - RUN_MARK / 2, RUN_MARK / 2, mark_value[why]);
	} else if (why != SLAB_MARK_PAGES || n <= LARGE_FREED_MARK) {
		shadow_poison(addr, n, mark_value[why]);
	} else {
		shadow_poison(addr, LARGE_FREED_MARK, SHADOW_PAGE_FREE);
		shadow_unpoison(addr + LARGE_FREED_MARK, n - LARGE_FREED_MARK);
	}
}

static const struct slab_shadow_ops heap_ops = { .live = heap_live, .bad = heap_bad };

void heap_ops_install(void)
{
	slab_set_shadow_ops(&heap_ops);
}
