/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/edges.c - edges between objects, by the rules of marking: where a word leads to, and which words of an object
 * are read. */
#include "leak/leak_internal.h"

/* memsan leak --why searches for a path that marking could have taken.  So it asks the scan's own tables, with the
 * functions that the inner loops use (scan_candidates, scan_next_part, scan_registered_part).  Only the order of the
 * search is its own. */

bool scan_next_part(const struct leak_scan *s, uint64_t off, uint32_t *i, struct scan_span *part, bool *noted)
{
	while (*i < s->nr_notes) {
		const struct scan_note *n = &s->notes[(*i)++];
		if (n->start != off)
			continue;
		*noted = true;
		*part = n->part;
		if (!n->no_scan)
			return true;
	}
	return false;
}

uint64_t leak_scan_places(const struct leak_scan *s)
{
	return s->end;
}

static unsigned add_target(const struct leak_scan *s, uint64_t candidate, struct leak_target *to)
{
	uint64_t off = candidate & ~(uint64_t)15;

	if (!candidate || !scan_bit(s->white, off))
		return 0;
	*to = (struct leak_target){ scan_address(s, off), scan_object_size(s, off), off, off >= s->used,
		                    (candidate & SCAN_INTERIOR) != 0 };
	return 1;
}

unsigned leak_scan_leads_to(const struct leak_scan *s, uint64_t word, struct leak_target to[2])
{
	uint64_t inside, candidate = scan_candidates(s, word, &inside);
	unsigned n = add_target(s, candidate, to);

	return n + add_target(s, inside, to + n);
}

void leak_scan_reads_root(const struct leak_scan *s, uint64_t start, uint64_t end, leak_range_fn fn, void *ctx)
{
	start = ALIGN_UP(start, sizeof(uint64_t));
	while (start < end) {
		uint64_t skip = 0,
			 n = s->nr_registered ? scan_registered_part(s, start, end - start, &skip) : end - start;
		if (n)
			fn(ctx, start, start + n);
		start += n ? n : skip;
	}
}

/* A registered object is read whole, whatever it was cut out of. */
static void read_part(const struct leak_scan *s, uint64_t off, struct scan_span part, leak_range_fn fn, void *ctx)
{
	if (off >= s->used && s->outside[(off - s->outside_off) >> PAGE_SHIFT].registered)
		fn(ctx, part.addr, part.addr + part.size);
	else
		leak_scan_reads_root(s, part.addr, part.addr + part.size, fn, ctx);
}

void leak_scan_reads(const struct leak_scan *s, const struct leak_target *object, leak_range_fn fn, void *ctx)
{
	struct scan_span part;
	bool noted = false;
	uint32_t i = 0;

	while (scan_is_noted(s, object->place) && scan_next_part(s, object->place, &i, &part, &noted))
		read_part(s, object->place, part, fn, ctx);
	if (!noted)
		read_part(s, object->place, (struct scan_span){ object->addr, object->size }, fn, ctx);
}
