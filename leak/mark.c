/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/mark.c - the marking engine: from the roots along every pointer to what can be reached. */
#include "leak/leak_internal.h"

/* Tri-colour marking over tables that are made once, from the heap's own maps (tables.c):
 *
 *     slab view ──► white: a bit per 16 bytes of the arena, set where a live object starts
 *     memmap    ──► pages: 4 bytes a page: which cache, which page of its slab; or which large area
 *
 *     candidate word ── in the arena? ── pages[] ── slot (reciprocal) ── white bit set? ── clear it, push the object
 *                                                                       (black: reached; on the stack: grey)
 *
 * Any aligned word may be a pointer.  A pointer to an object's start makes the object reachable.  A pointer into its
 * middle is remembered (inner), and counts only when nothing better is found: objects that are reached through such
 * pointers alone are "possible".
 *
 * drain.c turns words into objects and objects into their words, and does it fast.  All roots are read before the first
 * object is, so that there are many objects to choose from.  A long list that is left then is walked by speculate.c.
 *
 * Memory, as a share of the heap: pages 1/1024, white 1/128, the stack 1/1000, and inner 1/128 where it is written,
 * which is seldom before something is lost: at most 1.8 %. speculate.c's counts take another 1/128, but only where they
 * and the memory in use make no more than 2 % (scan_can_afford).
 *
 * Accepted weakness: a word that happens to look like a pointer keeps an object alive.  Hidden pointers (xor lists,
 * compressed ones, tags in the upper bits, not aligned) are not seen.  Tags in the lower bits are: such a pointer
 * points into the object. */

/* ---- annotations ----------------------------------------------------------------------------- */

static bool note_add(struct leak_scan *s, uint64_t off, struct scan_span part, bool no_scan)
{
	uint32_t info = s->pages[off >> PAGE_SHIFT];

	if (s->nr_notes + s->nr_ignored == SCAN_NOTES_MAX)
		return false;
	s->notes[s->nr_notes++] = (struct scan_note){ .start = off, .part = part, .no_scan = no_scan };
	if (info & PAGE_AREA)
		s->areas[info & ~PAGE_AREA].noted = true;
	else
		s->pages[off >> PAGE_SHIFT] = info | PAGE_NOTED;
	return true;
}

static uint64_t locate_any(const struct leak_scan *s, uint64_t off)
{
	uint64_t found = scan_locate(s, off);

	return found == SCAN_TWICE ? scan_locate_whole(s, off) : found;
}

static bool live_object(const struct leak_scan *s, uint64_t addr, uint64_t *off)
{
	uint64_t inside = 0,
		 outside = addr - s->outside_from < s->outside_span ? scan_outside_both(s, addr, &inside) : 0;

	if (inside && !(inside & SCAN_INTERIOR))
		outside = inside;
	*off = outside ? outside & ~(uint64_t)15 : addr - s->base;
	if (outside)
		return !(outside & SCAN_INTERIOR) && scan_bit(s->white, *off);
	return *off < s->used && *off % 16 == 0 && locate_any(s, *off) == (*off | SCAN_FOUND) &&
	       scan_bit(s->white, *off);
}

bool leak_scan_note(struct leak_scan *s, uint64_t addr, enum leak_note note)
{
	uint64_t off;

	if (!live_object(s, addr, &off))
		return false;
	switch (note) {
	case LEAK_NOTE_NO_SCAN:
		return note_add(s, off, (struct scan_span){ 0, 0 }, true);
	case LEAK_NOTE_NOT_LEAK:
		scan_bit_clear(s->white, off);
		scan_push_object(s, off);
		scan_drain(s);
		return true;
	case LEAK_NOTE_IGNORE:
		scan_bit_clear(s->white, off);
		if (s->nr_notes + s->nr_ignored < SCAN_NOTES_MAX)
			s->notes[SCAN_NOTES_MAX - ++s->nr_ignored].start = off;
		return true;
	default:
		return true;
	}
}

bool leak_scan_area(struct leak_scan *s, uint64_t object, uint64_t addr, uint64_t size)
{
	uint64_t off;

	if (!live_object(s, object, &off) || addr < object || addr - object > scan_object_size(s, off))
		return false;
	size = MIN(size, scan_object_size(s, off) - (addr - object));
	return note_add(s, off, (struct scan_span){ addr, size }, false);
}

/* ---- marking --------------------------------------------------------------------------------- */

/* Objects were dropped from the full stack: reads again all reached objects between the first and the last of them. */
static bool is_ignored(const struct leak_scan *s, uint64_t off)
{
	for (uint32_t i = 1; i <= s->nr_ignored; i++)
		if (s->notes[SCAN_NOTES_MAX - i].start == off)
			return true;
	return false;
}

struct again {
	struct leak_scan *s;
	uint64_t first, last;
};

static void read_again(const struct again *a, uint64_t off)
{
	if (off < a->first || off > a->last || scan_bit(a->s->white, off) || is_ignored(a->s, off))
		return;
	scan_push_object(a->s, off);
	scan_drain(a->s);
}

static void read_run_again(void *ctx, const struct slab_view_run *r)
{
	const struct again *a = ctx;
	uint64_t off = (uint64_t)r->page << PAGE_SHIFT;
	struct slab_view_live live;

	if (off > a->last || off + ((uint64_t)r->nr_pages << PAGE_SHIFT) <= a->first)
		return;
	if (!r->cache) {
		read_again(a, r->addr - a->s->base);
		return;
	}
	slab_view_live(&a->s->heap, r, &live);
	for (uint32_t i = 0; i < live.nr; i++)
		read_again(a, off + live.starts[i]);
}

/* Objects that speculate.c has only claimed are not reached yet: they become white again first. */
static void drain_dropped(struct leak_scan *s)
{
	if (s->overflowed && s->speculation)
		speculate_undo(s);
	s->tried |= s->overflowed;
	while (s->overflowed) {
		struct again a = { s, s->dropped_first, s->dropped_last };
		s->overflowed = false;
		slab_view_runs(&s->heap, read_run_again, &a);
		for (uint32_t i = 0; i < s->nr_outside; i++)
			read_again(&a, s->outside_off + ((uint64_t)i << PAGE_SHIFT));
	}
}

void leak_scan_root(struct leak_scan *s, uint64_t addr, uint64_t size)
{
	s->mode = SCAN_MARK;
	s->stats.root_bytes += size;
	s->root = (struct scan_span){ addr, size };
	scan_drain(s);
}

void leak_scan_words(struct leak_scan *s, const uint64_t *words, size_t n)
{
	s->mode = SCAN_MARK;
	scan_root_words(s, words, n);
	scan_drain(s);
}

/* ---- what was not reached -------------------------------------------------------------------- */

static uint64_t inner_words(const struct leak_scan *s)
{
	return s->end >> 10;
}

/* The first word of the map, from i on, in a page that was written. */
static uint64_t inner_next(const struct leak_scan *s, uint64_t i)
{
	while (i % INNER_PAGE_WORDS == 0 && i < inner_words(s) && !s->inner_pages[i / INNER_PAGE_WORDS])
		i += INNER_PAGE_WORDS;
	return i;
}

static void mark_possible(struct leak_scan *s)
{
	uint64_t i;

	for (i = inner_next(s, 0); i < inner_words(s); i = inner_next(s, i + 1))
		if (s->inner[i])
			s->inner[i] &= s->white[i];
	s->mode = SCAN_POSSIBLE;
	for (i = inner_next(s, 0); i < inner_words(s); i = inner_next(s, i + 1))
		for (uint64_t bits = s->inner[i] & s->white[i]; bits; bits = bits & (bits - 1) & s->white[i]) {
			scan_reach(s, i << 10 | (uint64_t)__builtin_ctzll(bits) << 4);
			scan_drain(s);
		}
	drain_dropped(s);
}

static void visit_possible(struct leak_scan *s)
{
	for (uint64_t i = inner_next(s, 0); i < inner_words(s); i = inner_next(s, i + 1))
		for (uint64_t bits = s->inner[i]; bits; bits &= bits - 1)
			scan_visit(s, i << 10 | (uint64_t)__builtin_ctzll(bits) << 4, LEAK_POSSIBLE);
}

/* Direct or indirect: as few objects as possible are to hold all others (a vertex basis: one object of each strongly
 * connected component that nothing leads into).  In order of address, every object that no earlier leader led to
 * becomes a leader.  A later leader may reach an earlier one, but never the other way round.  So a second walk, from
 * the last leader to the first, finds the leaders that another one reaches.  It gives each leader that remains the
 * objects that it holds and that no later leader holds already.  No memory per object is needed:
 *
 *     A ──► B ──► C ◄── D          leaders A, D;      reverse: D holds C, A holds B
 *     E ◄─► F                      leader E;          E holds F
 *     H ◄─► I ◄── G                leaders H, then G; reverse: G holds I and H, so H is no leader */
/* From here on there are lost objects only, and the two maps (white, inner) mean, in the walk that finds leaders:
 *
 *     1 0  not visited       0 1  visited       1 1  leads (and is visited)
 *
 * and in the walk from the last leader to the first:
 *
 *     0 1  not visited       1 1  leads, not visited       1 0  visited */
static bool next_to_lead(struct leak_scan *s)
{
	uint64_t bits, off;

	for (; s->leader_at < s->end >> 10; s->leader_at++)
		if (s->white[s->leader_at] && (bits = s->white[s->leader_at] & ~s->inner[s->leader_at]) != 0) {
			off = s->leader_at << 10 | (uint64_t)__builtin_ctzll(bits) << 4;
			scan_inner_set(s, off);
			scan_push_object(s, off);
			return true;
		}
	return false;
}

static void visit_leader(struct leak_scan *s, uint64_t off)
{
	scan_bit_set(s->white, off);
	scan_bit_clear(s->inner, off);
	scan_visit(s, off, LEAK_DIRECT);
	scan_push_object(s, off);
}

static bool next_that_leads(struct leak_scan *s)
{
	uint64_t i, bits;

	for (; s->leader_at > 0; s->leader_at--) {
		i = s->leader_at - 1;
		if (s->white[i] && (bits = s->white[i] & s->inner[i]) != 0) {
			visit_leader(s, i << 10 | (uint64_t)(63 - __builtin_clzll(bits)) << 4);
			return true;
		}
	}
	return false;
}

/* Objects that are left then were dropped from a full stack; each becomes a leader. */
static bool next_left(struct leak_scan *s)
{
	uint64_t i;

	for (i = inner_next(s, s->left_at); i < inner_words(s); i = inner_next(s, i + 1)) {
		s->left_at = i;
		if (s->inner[i]) {
			visit_leader(s, i << 10 | (uint64_t)__builtin_ctzll(s->inner[i]) << 4);
			return true;
		}
	}
	return false;
}

static bool next_to_visit(struct leak_scan *s)
{
	return next_that_leads(s) || next_left(s);
}

static void find_leaders(struct leak_scan *s)
{
	uint64_t i;

	s->mode = SCAN_LEAD;
	for (i = inner_next(s, 0); i < inner_words(s); i = inner_next(s, i + 1))
		if (s->inner[i])
			s->inner[i] = 0;
	s->next = next_to_lead;
	s->leader_at = 0;
	scan_drain(s);
}

static void visit_leaders(struct leak_scan *s)
{
	s->mode = SCAN_HOLD;
	s->leader_at = s->end >> 10;
	s->left_at = 0;
	s->next = next_to_visit;
	scan_drain(s);
}

/* Visits a live object that is neither white nor possible. */
static void visit_reachable_at(struct leak_scan *s, uint64_t off)
{
	if (!scan_bit(s->white, off) && !scan_inner(s, off))
		scan_visit(s, off, LEAK_REACHABLE);
}

static void visit_reachable(void *ctx, const struct slab_view_run *r)
{
	struct leak_scan *s = ctx;
	struct slab_view_live live;

	if (!r->cache) {
		visit_reachable_at(s, r->addr - s->base);
		return;
	}
	slab_view_live(&s->heap, r, &live);
	for (uint32_t i = 0; i < live.nr; i++)
		visit_reachable_at(s, ((uint64_t)r->page << PAGE_SHIFT) + live.starts[i]);
}

void leak_scan_finish(struct leak_scan *s, unsigned wanted, leak_visit_fn visit, void *ctx)
{
	s->wanted = wanted;
	s->visit = visit;
	s->visit_ctx = ctx;
	s->mode = SCAN_MARK;
	s->final = true;
	scan_drain(s);
	drain_dropped(s);
	if (s->speculation)
		speculate_undo(s);
	mark_possible(s);
	if (wanted & 1u << LEAK_POSSIBLE)
		visit_possible(s);
	if (wanted & 1u << LEAK_REACHABLE) {
		slab_view_runs(&s->heap, visit_reachable, s);
		for (uint32_t i = 0; i < s->nr_outside; i++)
			visit_reachable_at(s, s->outside_off + ((uint64_t)i << PAGE_SHIFT));
	}
	if (wanted & (1u << LEAK_DIRECT | 1u << LEAK_INDIRECT)) {
		find_leaders(s);
		visit_leaders(s);
	}
}
