/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/outside.c - the objects of other sources than slab in a scan: fenced ones, and registered ones, which the
 * program cuts out of its own memory. */
#include "leak/leak_internal.h"

/* These objects lie anywhere, so a sorted table finds them by address.  A word that points outside of the arena is
 * compared with the bounds of all of them.  A word that points into the arena is looked up here only when a flag of its
 * page says that registered objects were cut out of the object there.
 *
 *     offsets    0 ……………………… used     outside_off ──┬────────────┬────────────┐ end
 *                the arena                     outside[0]   outside[1]   …     a page of offsets each
 *
 * Each of them is an area at an offset behind the arena, so the rest of the scan needs no case for them.  A registered
 * object that was cut out of a fenced one lies behind it in the table, and names it (outer).  Of any other two that
 * overlap the lower one counts. */

void leak_scan_add(struct leak_scan *s, uint64_t addr, uint64_t size, bool registered)
{
	if (s->nr_outside < s->max_outside && size)
		s->outside[s->nr_outside++] = (struct outside_object){ .addr = addr,
			                                               .size = size,
			                                               .registered = registered };
}

/* A fenced object sorts before a registered one at the same address. */
static bool is_behind(const struct outside_object *a, const struct outside_object *b)
{
	return a->addr > b->addr || (a->addr == b->addr && a->registered && !b->registered);
}

static void sort(struct outside_object *a, uint32_t n)
{
	/* Shell sort: fenced objects come in order. */
	for (uint32_t gap = n / 2; gap; gap = gap == 2 ? 1 : (uint32_t)((uint64_t)gap * 5 / 11))
		for (uint32_t i = gap; i < n; i++) {
			struct outside_object e = a[i];
			uint32_t k = i;
			for (; k >= gap && is_behind(&a[k - gap], &e); k -= gap)
				a[k] = a[k - gap];
			a[k] = e;
		}
}

/* The end of a fenced object lies in no other object: in its slot, or in the guard page behind it.  A program that
 * keeps only that pointer (C allows it) has not lost the object. In slab memory the rest of the slot has that
 * effect. */
static uint64_t reach_of(const struct outside_object *e)
{
	return e->size + !e->registered;
}

static bool outside_holds(const struct outside_object *e, uint64_t addr)
{
	return addr - e->addr < reach_of(e);
}

/* Keeps those that count, in order. */
static void keep_apart(struct leak_scan *s)
{
	uint32_t kept = 0, fenced = 0;

	for (uint32_t i = 0; i < s->nr_outside; i++) {
		struct outside_object e = s->outside[i];
		bool inside = e.registered && fenced && outside_holds(&s->outside[fenced - 1], e.addr);
		if (kept && outside_holds(&s->outside[kept - 1], e.addr) && !(inside && fenced == kept))
			continue;
		if (inside)
			e.size = MIN(e.size, s->outside[fenced - 1].addr + s->outside[fenced - 1].size - e.addr);
		e.outer = inside ? fenced : 0;
		s->outside[kept++] = e;
		if (!e.registered)
			fenced = kept;
	}
	s->nr_outside = kept;
}

/* The object in the arena that this one was cut out of is scanned without it. */
static void mark_cut(struct leak_scan *s, const struct outside_object *e)
{
	uint64_t off = e->addr - s->base;

	if (off >= s->used)
		return;
	for (uint64_t page = off >> PAGE_SHIFT;
	     page <= (off + e->size - 1) >> PAGE_SHIFT && page < s->used >> PAGE_SHIFT; page++) {
		uint32_t info = s->pages[page];
		if (info & PAGE_AREA)
			s->areas[info & ~PAGE_AREA].cut = true;
		else if (info)
			s->pages[page] = info | PAGE_CUT;
	}
}

static void add_outside(struct leak_scan *s, uint32_t i)
{
	const struct outside_object *e = &s->outside[i];
	uint64_t off = s->outside_off + ((uint64_t)i << PAGE_SHIFT);

	s->areas[s->nr_areas] = (struct scan_area){ .start = off, .size = e->size };
	s->pages[off >> PAGE_SHIFT] = PAGE_AREA | s->nr_areas++;
	scan_bit_set(s->white, off);
	s->stats.live++;
	s->nr_registered += e->registered;
	s->outside_span = MAX(s->outside_span, e->addr + reach_of(e) - s->outside[0].addr);
	if (e->outer)
		s->areas[s->nr_areas - 1 - (i - (e->outer - 1))].cut = true;
	else if (e->registered)
		mark_cut(s, e);
}

void leak_scan_added(struct leak_scan *s)
{
	sort(s->outside, s->nr_outside);
	keep_apart(s);
	s->outside_from = s->nr_outside ? s->outside[0].addr : 0;
	for (uint32_t i = 0; i < s->nr_outside; i++)
		add_outside(s, i);
	scan_filter_set(s);
}

/* The index of the last object that starts at or below addr, or UINT32_MAX. */
static uint32_t find_below(const struct leak_scan *s, uint64_t addr)
{
	uint32_t lo = 0, hi = s->nr_outside;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (s->outside[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo - 1;
}

static uint64_t candidate_of(const struct leak_scan *s, uint32_t i, uint64_t addr)
{
	return (s->outside_off + ((uint64_t)i << PAGE_SHIFT)) | SCAN_FOUND |
	       (addr != s->outside[i].addr ? SCAN_INTERIOR : 0);
}

uint64_t scan_outside_both(const struct leak_scan *s, uint64_t addr, uint64_t *inside)
{
	uint32_t i = find_below(s, addr), outer = i == UINT32_MAX ? 0 : s->outside[i].outer;
	uint64_t inner = i != UINT32_MAX && outside_holds(&s->outside[i], addr) ? candidate_of(s, i, addr) : 0;

	*inside = 0;
	if (!outer || !outside_holds(&s->outside[outer - 1], addr))
		return inner;
	*inside = inner;
	return candidate_of(s, outer - 1, addr);
}

uint64_t scan_outside(const struct leak_scan *s, uint64_t addr)
{
	uint64_t inside, candidate = scan_outside_both(s, addr, &inside);

	return inside ? SCAN_TWICE : candidate;
}

uint64_t scan_registered_part(const struct leak_scan *s, uint64_t addr, uint64_t n, uint64_t *skip)
{
	uint32_t i = find_below(s, addr);

	if (i != UINT32_MAX && s->outside[i].registered && addr - s->outside[i].addr < s->outside[i].size) {
		*skip = ALIGN_UP(s->outside[i].addr + s->outside[i].size, 8) - addr;
		return 0;
	}
	for (i++; i < s->nr_outside && s->outside[i].addr - addr < n; i++)
		if (s->outside[i].registered) {
			n = (s->outside[i].addr - addr) & ~(uint64_t)7;
			*skip = 8;
			return n;
		}
	return n;
}
