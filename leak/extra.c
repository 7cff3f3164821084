/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/extra.c - objects in a scan that slab knows nothing of: fenced ones, and those that the program cuts out of pools of its own. */
#include "leak/leak_internal.h"

/* They lie anywhere, so they are found by address in a sorted table; words outside the arena are compared with the bounds of all of them,
 * words inside it are looked up when the program has cut objects out of the one they point into (a flag of its pages).
 *
 *     offsets    0 ……………………… used     extra_off ──┬────────┬────────┐ end
 *                the arena                        extra[0] extra[1] …    a page of offsets each
 *
 * Each is an area at an offset behind the arena, so that the rest of the scan needs not know.  Of two that overlap the lower counts. */

void leak_scan_add(struct leak_scan *s, uint64_t addr, uint64_t size, bool pooled)
{
	if (s->nr_extra < s->max_extra && size)
		s->extra[s->nr_extra++] = (struct scan_extra){ addr, size, pooled };
}

static void sort(struct scan_extra *a, uint32_t n)
{
	/* Shell sort: fenced ones come in order. */
	for (uint32_t gap = n / 2; gap; gap = gap == 2 ? 1 : (uint32_t)((uint64_t)gap * 5 / 11))
		for (uint32_t i = gap; i < n; i++) {
			struct scan_extra e = a[i];
			uint32_t k = i;
			for (; k >= gap && a[k - gap].addr > e.addr; k -= gap)
				a[k] = a[k - gap];
			a[k] = e;
		}
}

/* The object of the arena that it is cut out of scans without it. */
static void mark_pool(struct leak_scan *s, const struct scan_extra *e)
{
	uint64_t off = e->addr - s->base;

	if (off >= s->used)
		return;
	for (uint64_t page = off >> PAGE_SHIFT; page <= (off + e->size - 1) >> PAGE_SHIFT && page < s->used >> PAGE_SHIFT; page++) {
		uint32_t info = s->pages[page];
		if (info & PAGE_AREA)
			s->areas[info & ~PAGE_AREA].pool = true;
		else if (info)
			s->pages[page] = info | PAGE_POOL;
	}
}

void leak_scan_added(struct leak_scan *s)
{
	uint32_t kept = 0;

	sort(s->extra, s->nr_extra);
	for (uint32_t i = 0; i < s->nr_extra; i++)
		if (!kept || s->extra[i].addr - s->extra[kept - 1].addr >= s->extra[kept - 1].size)
			s->extra[kept++] = s->extra[i];
	s->nr_extra = kept;
	for (uint32_t i = 0; i < kept; i++) {
		const struct scan_extra *e = &s->extra[i];
		uint64_t off = s->extra_off + ((uint64_t)i << PAGE_SHIFT);
		s->areas[s->nr_areas] = (struct scan_area){ .start = off, .size = e->size };
		s->pages[off >> PAGE_SHIFT] = PAGE_AREA | s->nr_areas++;
		scan_bit_set(s->white, off);
		s->stats.live++;
		s->nr_pooled += e->pooled;
		if (e->pooled)
			mark_pool(s, e);
	}
	if (kept) {
		s->extra_from = s->extra[0].addr;
		s->extra_span = s->extra[kept - 1].addr + s->extra[kept - 1].size - s->extra_from;
	}
	scan_filter_set(s);
}

/* Index of the last that starts at or below addr, or UINT32_MAX. */
static uint32_t find_below(const struct leak_scan *s, uint64_t addr)
{
	uint32_t lo = 0, hi = s->nr_extra;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (s->extra[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo - 1;
}

uint64_t scan_elsewhere(const struct leak_scan *s, uint64_t addr)
{
	uint32_t i = find_below(s, addr);

	if (i == UINT32_MAX || addr - s->extra[i].addr >= s->extra[i].size)
		return 0;
	return (s->extra_off + ((uint64_t)i << PAGE_SHIFT)) | SCAN_FOUND | (addr != s->extra[i].addr ? SCAN_INTERIOR : 0);
}

uint64_t scan_pool_part(const struct leak_scan *s, uint64_t addr, uint64_t n, uint64_t *skip)
{
	uint32_t i = find_below(s, addr);

	if (i != UINT32_MAX && s->extra[i].pooled && addr - s->extra[i].addr < s->extra[i].size) {
		*skip = ALIGN_UP(s->extra[i].addr + s->extra[i].size, 8) - addr;
		return 0;
	}
	for (i++; i < s->nr_extra && s->extra[i].addr - addr < n; i++)
		if (s->extra[i].pooled) {
			n = (s->extra[i].addr - addr) & ~(uint64_t)7;
			*skip = 8;
			return n;
		}
	return n;
}
