/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/poison.c - writing and reading shadow bytes: poison, unpoison, the first bad byte of a range.
 *
 * A granule of eight bytes is good as a whole (0), in its first k bytes (k = 1..7), or not at all (0x80 and above).  So
 * objects start at a multiple of eight, and may end anywhere.  The shadow is read and written without locks, because a
 * shadow byte belongs to the owner of the memory that it describes.  When threads of the program race for that memory,
 * a check sees either the old or the new value.
 */
#include "shadow/shadow_internal.h"

/* From this size on whole pages of shadow are given back to the kernel instead of cleared.  They read as zero then and
 * cost no memory. */
#define DROP_SIZE (256ul << 10)
#define LEAVING_SCAN (1ul << 30)

bool shadow_writable_slowly(uintptr_t addr, size_t n)
{
	if (map_state == MAP_FULL && !map_strict)
		return true;
	if (map_state == MAP_FULL && !arena_contains((void *)addr))
		return map_writable(addr, n);
	return map_state != MAP_NONE && arena_contains((void *)addr) && map_arena_reach(addr + n - arena_base);
}

/* Clears shadow by giving its whole pages back to the kernel. */
static void shadow_drop(uint8_t *s, size_t n)
{
	uintptr_t from = ALIGN_UP((uintptr_t)s, PAGE_SIZE), to = ALIGN_DOWN((uintptr_t)s + n, PAGE_SIZE);
	if (from >= to) {
		mem_set(s, 0, n);
		return;
	}
	mem_set(s, 0, from - (uintptr_t)s);
	os_decommit((void *)from, to - from);
	mem_set((void *)to, 0, (uintptr_t)s + n - to);
}

static void shadow_fill(uintptr_t addr, size_t granules, uint8_t value)
{
	uint8_t *s = shadow_of(addr);
	if (value == 0 && granules >= DROP_SIZE)
		shadow_drop(s, granules);
	else
		mem_set(s, value, granules);
}

void shadow_set(uintptr_t addr, uint8_t value)
{
	if (shadow_writable(ALIGN_DOWN(addr, SHADOW_GRANULE), SHADOW_GRANULE))
		*shadow_of(addr) = value;
}

void shadow_poison(uintptr_t addr, size_t n, uint8_t value)
{
	n = ALIGN_UP(n, SHADOW_GRANULE);
	if (n && shadow_writable(addr, n))
		shadow_fill(addr, n >> SHADOW_SCALE, value);
}

void shadow_unpoison(uintptr_t addr, size_t n)
{
	if (!n || !shadow_writable(addr, n))
		return;
	shadow_fill(addr, n >> SHADOW_SCALE, 0);
	if (n & GRANULE_MASK)
		*shadow_of(addr + n) = (uint8_t)(n & GRANULE_MASK);
}

void shadow_forget(const void *p, size_t n)
{
	uintptr_t from = ALIGN_DOWN((uintptr_t)p, SHADOW_GRANULE), to = (uintptr_t)p + n;
	if (!shadow_everywhere || to < from || to > USER_END || !map_has_shadow(from) || arena_contains(p))
		return;
	shadow_drop(shadow_of(from), ALIGN_UP(to - from, SHADOW_GRANULE) >> SHADOW_SCALE);
}

uint8_t shadow_byte(uintptr_t addr)
{
	return map_has_shadow(addr) ? *shadow_of(addr) : 0;
}

/* Within one granule: the first bad byte of [from, to), or 0. */
static uintptr_t granule_find_bad(uintptr_t from, uintptr_t to)
{
	uint8_t value = *shadow_of(from);
	uintptr_t limit;

	if (value == 0)
		return 0;
	limit = ALIGN_DOWN(from, SHADOW_GRANULE) + (value < 0x80 ? value : 0);
	if (limit >= to)
		return 0;
	return MAX(limit, from);
}

/* The caller has checked that the range has shadow. */
static uintptr_t range_find_bad(uintptr_t from, uintptr_t to)
{
	uintptr_t first_end = ALIGN_DOWN(from, SHADOW_GRANULE) + SHADOW_GRANULE;
	uintptr_t bad = granule_find_bad(from, MIN(first_end, to));
	uintptr_t last;
	const uint8_t *s;

	if (bad || to <= first_end)
		return bad;
	last = ALIGN_DOWN(to, SHADOW_GRANULE);
	s = mem_find_not(shadow_of(first_end), 0, (last - first_end) >> SHADOW_SCALE);
	if (s) {
		uintptr_t granule = ((uintptr_t)s - SHADOW_OFFSET) << SHADOW_SCALE;
		return granule_find_bad(granule, granule + SHADOW_GRANULE);
	}
	return last < to ? granule_find_bad(last, to) : 0;
}

uintptr_t shadow_find_bad(const void *p, size_t n)
{
	uintptr_t from = (uintptr_t)p, to = from + n, limit, bad;
	bool leaves;

	if (n == 0 || !shadow_on)
		return 0;
	if (from >= USER_END)
		return from;
	if (to < from || to > USER_END)
		to = USER_END;
	if (map_state == MAP_FULL) {
		/* No access to the shadow itself is good, and no range across it. */
		if (from < SHADOW_END && to > SHADOW_START)
			return MAX(from, SHADOW_START);
		/* A range that wraps around or leaves user space is always bad.  The search for its first bad byte is
		 * limited, because it could otherwise read 16 TiB of shadow. */
		leaves = to != from + n;
		bad = range_find_bad(from, leaves ? MIN(to, from + LEAVING_SCAN) : to);
		return bad ? bad : leaves ? to : 0;
	}
	if (!arena_contains(p))
		return 0;
	limit = map_arena_limit();
	if (from >= limit)
		return from;
	bad = range_find_bad(from, MIN(to, limit));
	return bad ? bad : to > limit ? limit : 0;
}
