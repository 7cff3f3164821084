/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/mark.c - the marking engine: from the roots along every pointer to what can be reached. */
#include "leak/leak_internal.h"

/* Tri-colour marking over tables that are made once, from the heap's own maps:
 *
 *     slab view ──► white: a bit per 16 bytes of the arena, set where a live object starts
 *     memmap    ──► pages: 4 bytes a page: which cache, which page of its slab; or which large area
 *
 *     candidate word ── in the arena? ── pages[] ── slot (reciprocal) ── white bit set? ── clear it, push the object
 *                                                                       (black: reached; on the stack: grey)
 *
 * A pointer is any aligned word.  One to an object's start makes it reachable.  One into its middle is remembered (inner), and counts
 * only when nothing better was found: what is reached through such pointers alone is "possible".
 *
 * Most of the time goes into waiting for memory: the white bit of a candidate, then the object's bytes.  Both are asked for before
 * they are needed: candidates wait in a small ring until their bit's line has come, objects taken off the stack in another one (Cher,
 * Hosking, Vitek 2004).  A list that is linked in random order gains nothing from that: there is only one object to wait for.
 *
 * The stack is bounded (a 200th of the heap).  When it is full the object stays white and gets its pending bit; after the stack ran
 * empty the pending map is looked through, until nothing is pending.
 *
 * Memory: pages 1/1024 of the heap, white 1/128; inner, pending and starts 1/128 each where they are touched (seldom).
 *
 * Accepted weakness: a word that happens to look like a pointer keeps an object alive; pointers that are hidden (xor lists, compressed
 * or tagged in their upper bits, not aligned) are not seen.  Tags in the lower bits are: they point into the object. */

#define CHUNK ((size_t)16 << 10)   /* scanned at once; the rest of a large object goes back to the stack */
#define SMALL 1024u
#define AHEAD 192                /* words */
#define STACK_SHARE 200
#define STACK_MIN ((size_t)256 << 10)

/* A candidate: the offset of an object's start, a multiple of 16, and these. */
#define INTERIOR 1u
#define FOUND 2u

/* ---- tables ----------------------------------------------------------------------------------------------------------------- */

static void count_run(void *ctx, const struct slab_view_run *r)
{
	struct leak_scan *s = ctx;

	s->max_areas += r->cache == 0;
}

static void add_area(struct leak_scan *s, const struct slab_view_run *r)
{
	uint64_t off = r->addr - s->base;
	uint32_t i, first, last;

	/* The snapshot does not change, another process may. */
	if (s->nr_areas == s->max_areas || off % 16)
		return;
	s->areas[s->nr_areas] = (struct scan_area){ .start = off, .size = r->size, .noted = false };
	first = (uint32_t)(off >> PAGE_SHIFT);
	last = (uint32_t)((off + MAX(r->size, 1) - 1) >> PAGE_SHIFT);
	for (i = first; i <= last; i++)
		s->pages[i] = PAGE_AREA | s->nr_areas;
	s->nr_areas++;
	scan_bit_set(s->white, off);
	s->stats.live++;
}

static void add_run(void *ctx, const struct slab_view_run *r)
{
	struct leak_scan *s = ctx;
	uint64_t off = (uint64_t)r->page << PAGE_SHIFT;
	struct slab_view_live live;

	if (!r->cache) {
		add_area(s, r);
		return;
	}
	slab_view_live(&s->heap, r, &live);
	for (uint32_t i = 0; i < r->nr_pages; i++)
		s->pages[r->page + i] = r->cache | i << 8 | (live.displaced ? PAGE_DISPLACED : 0);
	for (uint32_t i = 0; i < live.nr; i++) {
		scan_bit_set(s->white, off + live.starts[i]);
		if (live.displaced)
			scan_bit_set(s->starts, off + live.starts[i]);
	}
	s->stats.live += live.nr;
}

static void copy_caches(struct leak_scan *s)
{
	for (uint32_t i = 1; i < s->heap.nr_caches; i++) {
		const struct slab_view_cache *c = &s->heap.caches[i];
		s->caches[i] = (struct scan_cache){ .reciprocal = c->reciprocal, .slot_size = c->slot_size, .offset = c->offset,
		                                    .object_size = c->object_size, .nr_objects = c->nr_objects };
	}
}

/* One piece of memory for all tables; pages that are not touched cost nothing. */
static bool allocate_tables(struct leak_scan *s)
{
	size_t pages = ALIGN_UP((s->used >> PAGE_SHIFT) * sizeof(uint32_t) + 64, PAGE_SIZE);
	size_t bits = ALIGN_UP((s->used >> 7) + 64, PAGE_SIZE);
	size_t areas = ALIGN_UP((s->max_areas + 1) * sizeof(struct scan_area), PAGE_SIZE);
	size_t notes = ALIGN_UP(SCAN_NOTES_MAX * sizeof(struct scan_note), PAGE_SIZE);
	size_t stack = ALIGN_UP(MAX(STACK_MIN, s->used / STACK_SHARE), PAGE_SIZE);
	size_t total = pages + 4 * bits + areas + notes + stack + CHUNK;
	char *p = os_reserve(total, PAGE_SIZE);

	if (!p || !os_commit(p, total, s->used > ((uint64_t)64 << 20))) {
		if (p)
			os_release(p, total);
		return false;
	}
	s->memory = p;
	s->memory_size = total;
	s->white = (uint64_t *)p;
	s->pages = (uint32_t *)(p += bits);
	s->stack = (struct scan_span *)(p += pages);
	s->max_stack = stack / sizeof(struct scan_span) - RING - 1;
	s->areas = (struct scan_area *)(p += stack);
	s->notes = (struct scan_note *)(p += areas);
	s->buffer = p += notes;
	s->inner = (uint64_t *)(p += CHUNK);
	s->pending = (uint64_t *)(p += bits);
	s->starts = (uint64_t *)(p + bits);
	return true;
}

struct leak_scan *leak_scan_create(const struct mem_view *mem, uint64_t root, const char **why)
{
	size_t size = ALIGN_UP(sizeof(struct leak_scan), PAGE_SIZE);
	struct leak_scan *s = os_reserve(size, PAGE_SIZE);

	*why = "no memory for the scan";
	if (!s)
		return NULL;
	if (!os_commit(s, size, false)) {
		os_release(s, size);
		return NULL;
	}
	s->mem = mem;
	*why = slab_view_open(&s->heap, mem, root);
	if (!*why) {
		s->base = s->heap.base;
		s->used = s->heap.used;
		copy_caches(s);
		slab_view_runs(&s->heap, count_run, s);
		*why = allocate_tables(s) ? NULL : "no memory for the scan";
	}
	if (*why) {
		leak_scan_destroy(s);
		return NULL;
	}
	slab_view_runs(&s->heap, add_run, s);
	return s;
}

void leak_scan_destroy(struct leak_scan *s)
{
	if (s->memory)
		os_release(s->memory, s->memory_size);
	os_release(s, ALIGN_UP(sizeof(struct leak_scan), PAGE_SIZE));
}

const struct slab_view *leak_scan_heap(const struct leak_scan *s)
{
	return &s->heap;
}

void leak_scan_get_stats(const struct leak_scan *s, struct leak_scan_stats *stats)
{
	mem_copy(stats, &s->stats, sizeof(*stats));
	stats->table_bytes = s->memory_size;
}

/* ---- from a word to an object ------------------------------------------------------------------------------------------------ */

/* The user's start in a slot where objects may be displaced. */
static uint64_t displaced_start(const struct leak_scan *s, uint64_t start, uint32_t object_size)
{
	for (uint64_t off = start, end = start + object_size; off < end; off = ALIGN_DOWN(off, 1024) + 1024) {
		uint64_t bits = s->starts[off >> 10] >> (off >> 4 & 63);
		if (bits)
			return off + (uint64_t)__builtin_ctzll(bits) * 16 < end ? off + (uint64_t)__builtin_ctzll(bits) * 16 : start;
	}
	return start;
}

/* The start of the object that holds the offset, as a candidate: FOUND, and INTERIOR when the offset lies behind it; 0: none. */
static inline __attribute__((always_inline)) uint64_t locate(const struct leak_scan *s, uint64_t off)
{
	uint32_t info = s->pages[off >> PAGE_SHIFT], slot;
	const struct scan_cache *c;
	uint64_t in_slab, start;

	if (unlikely(!info))
		return 0;
	if (unlikely(info & PAGE_AREA)) {
		const struct scan_area *a = &s->areas[info & ~PAGE_AREA];
		if (off - a->start >= MAX(a->size, 1))
			return 0;
		return a->start | FOUND | (off != a->start);
	}
	c = &s->caches[PAGE_CACHE(info)];
	in_slab = (uint64_t)PAGE_IN_SLAB(info) << PAGE_SHIFT | (off & (PAGE_SIZE - 1));
	slot = (uint32_t)((in_slab * c->reciprocal) >> 40);
	start = (uint64_t)slot * c->slot_size + c->offset;
	if (unlikely(in_slab - start >= c->object_size || slot >= c->nr_objects))
		return 0;
	start += off - in_slab;
	if (unlikely(info & PAGE_DISPLACED)) {
		start = displaced_start(s, start, c->object_size);
		if (off < start)
			return 0;
	}
	return start | FOUND | (off != start);
}

uint64_t scan_object_size(const struct leak_scan *s, uint64_t off)
{
	uint32_t info = s->pages[off >> PAGE_SHIFT];
	const struct scan_cache *c;
	uint64_t in_slab;

	if (info & PAGE_AREA)
		return s->areas[info & ~PAGE_AREA].size;
	c = &s->caches[PAGE_CACHE(info)];
	if (likely(!(info & PAGE_DISPLACED)))
		return c->object_size;
	in_slab = (uint64_t)PAGE_IN_SLAB(info) << PAGE_SHIFT | (off & (PAGE_SIZE - 1));
	return c->object_size - (in_slab - c->offset - ((in_slab * c->reciprocal) >> 40) * c->slot_size);
}

/* ---- annotations -------------------------------------------------------------------------------------------------------------- */

static bool is_noted(const struct leak_scan *s, uint64_t off)
{
	uint32_t info = s->pages[off >> PAGE_SHIFT];

	return info & PAGE_AREA ? s->areas[info & ~PAGE_AREA].noted : (info & PAGE_NOTED) != 0;
}

static bool note_add(struct leak_scan *s, uint64_t off, struct scan_span part, bool no_scan)
{
	uint32_t info = s->pages[off >> PAGE_SHIFT];

	if (s->nr_notes == SCAN_NOTES_MAX)
		return false;
	s->notes[s->nr_notes++] = (struct scan_note){ .start = off, .part = part, .no_scan = no_scan };
	if (info & PAGE_AREA)
		s->areas[info & ~PAGE_AREA].noted = true;
	else
		s->pages[off >> PAGE_SHIFT] = info | PAGE_NOTED;
	return true;
}

static bool live_object(const struct leak_scan *s, uint64_t addr, uint64_t *off)
{
	*off = addr - s->base;
	return *off < s->used && *off % 16 == 0 && locate(s, *off) == (*off | FOUND) && scan_bit(s->white, *off);
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

/* ---- the stack ------------------------------------------------------------------------------------------------------------------ */

static void push_span(struct leak_scan *s, uint64_t addr, uint64_t size)
{
	s->stack[s->top++] = (struct scan_span){ addr, size };
}

/* What its annotations leave of an object; true when there were any. */
static __attribute__((noinline)) bool push_parts(struct leak_scan *s, uint64_t off)
{
	bool found = false;

	for (uint32_t i = 0; i < s->nr_notes; i++) {
		if (s->notes[i].start != off)
			continue;
		found = true;
		if (!s->notes[i].no_scan && s->top < s->max_stack)
			push_span(s, s->notes[i].part.addr, s->notes[i].part.size);
	}
	return found;
}

void scan_push_object(struct leak_scan *s, uint64_t off)
{
	if (unlikely(s->nr_notes && is_noted(s, off)) && push_parts(s, off))
		return;
	push_span(s, s->base + off, scan_object_size(s, off));
}

/* Reached while marking. */
static inline void reach(struct leak_scan *s, uint64_t off)
{
	if (unlikely(s->top >= s->max_stack)) {
		scan_bit_set(s->pending, off);
		s->overflowed = true;
		return;
	}
	scan_bit_clear(s->white, off);
	scan_push_object(s, off);
}

/* Among lost objects, all of which are white. */
static void reach_lost(struct leak_scan *s, uint64_t off)
{
	if (scan_bit(s->pending, off) || s->top >= s->max_stack)
		return; /* with a full stack it stands for itself */
	scan_bit_set(s->pending, off);
	if (s->mode == SCAN_HOLD && s->wanted & 1u << LEAK_INDIRECT)
		s->visit(s->visit_ctx, s->base + off, LEAK_INDIRECT);
	scan_push_object(s, off);
}

/* The candidate's white bit has had time to come. */
static inline void judge(struct leak_scan *s, uint64_t candidate)
{
	uint64_t off = candidate & ~(uint64_t)15;

	if (likely(!scan_bit(s->white, off)))
		return;
	if (likely(s->mode == SCAN_MARK)) {
		if (unlikely(candidate & INTERIOR))
			scan_bit_set(s->inner, off);
		else
			reach(s, off);
	} else if (s->mode == SCAN_POSSIBLE) {
		scan_bit_set(s->inner, off);
		reach(s, off);
	} else {
		reach_lost(s, off);
	}
}

/* ---- scanning --------------------------------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) void scan_words(struct leak_scan *s, const uint64_t *p, size_t n)
{
	uint64_t base = s->base, used = s->used;

	for (size_t i = 0; i < n; i++) {
		uint64_t off = p[i] - base, candidate;
		/* Further than the processor looks by itself: it stops at the end of a page. */
		if (i % 8 == 0)
			__builtin_prefetch(p + i + AHEAD);
		if (likely(off >= used))
			continue;
		candidate = locate(s, off);
		if (!candidate)
			continue;
		__builtin_prefetch(&s->white[off >> 10]);
		if (s->nr_candidates == CANDIDATES) {
			judge(s, s->candidates[s->first_candidate % CANDIDATES]);
			s->candidates[s->first_candidate++ % CANDIDATES] = candidate;
		} else {
			s->candidates[(s->first_candidate + s->nr_candidates++) % CANDIDATES] = candidate;
		}
	}
}

static void flush_candidates(struct leak_scan *s)
{
	for (; s->nr_candidates; s->nr_candidates--)
		judge(s, s->candidates[s->first_candidate++ % CANDIDATES]);
}

/* A piece of what has to be read; the rest goes back to the stack. */
static __attribute__((noinline)) void scan_piece(struct leak_scan *s, struct scan_span span)
{
	uint64_t skip = -span.addr & 7;
	const void *p;
	size_t n;

	if (span.size < skip + 8)
		return;
	span.addr += skip;
	span.size -= skip;
	n = MIN(span.size, CHUNK - span.addr % CHUNK) & ~(size_t)7;
	if (span.size > n)
		push_span(s, span.addr + n, span.size - n);
	s->current = (struct scan_span){ span.addr, n };
	s->stats.scanned_bytes += n;
	p = s->mem->at ? s->mem->at(s->mem, span.addr, n) : NULL;
	if (!p) {
		n = s->mem->read(s->mem, s->buffer, span.addr, n);
		p = s->buffer;
	}
	scan_words(s, p, n / 8);
	s->current.size = 0;
}

/* Small objects in memory of our own, which is most of them, need none of that. */
static inline __attribute__((always_inline)) void scan_span(struct leak_scan *s, struct scan_span span)
{
	if (unlikely(!s->mem->here || span.size > SMALL || span.addr % 8)) {
		scan_piece(s, span);
		return;
	}
	s->current = span;
	s->stats.scanned_bytes += span.size;
	scan_words(s, (const uint64_t *)(uintptr_t)span.addr, span.size / 8);
	s->current.size = 0;
}

static void ring_fill(struct leak_scan *s)
{
	while (s->ring_count < RING && s->top) {
		struct scan_span *span = &s->ring[(s->ring_first + s->ring_count++) % RING];
		*span = s->stack[--s->top];
		if (s->mem->here)
			__builtin_prefetch((void *)(uintptr_t)span->addr);
	}
}

static struct scan_span ring_take(struct leak_scan *s)
{
	struct scan_span span = s->ring[s->ring_first];

	s->ring_first = (s->ring_first + 1) % RING;
	s->ring_count--;
	return span;
}

static __attribute__((noinline)) void drain_loop(struct leak_scan *s)
{
	for (;;) {
		/* Along a list there is one object at a time: no detour. */
		while (!s->ring_count && (s->top == 1 || (!s->top && s->nr_candidates))) {
			if (s->top)
				scan_span(s, s->stack[--s->top]);
			flush_candidates(s);
		}
		ring_fill(s);
		if (!s->ring_count)
			return;
		scan_span(s, ring_take(s));
	}
}

/* ---- faults ----------------------------------------------------------------------------------------------------------------------- */

/* The scan that is running in this process; a fault in anything else is not ours. */
static struct leak_scan *volatile running;

/* A page that is guarded, or behind the end of a truncated file.  What was found before it stays found. */
void leak_scan_faulted(uint64_t addr)
{
	struct leak_scan *s = running;

	if (!s || addr - s->current.addr >= s->current.size)
		return;
	addr = ALIGN_DOWN(addr, PAGE_SIZE) + PAGE_SIZE;
	uint64_t end = s->current.addr + s->current.size;
	s->current.size = 0;
	if (addr < end)
		push_span(s, addr, end - addr);
	__builtin_longjmp((void **)s->fault_env, 1);
}

static __attribute__((noinline)) void drain_faulting(struct leak_scan *s)
{
	running = s;
	__builtin_setjmp((void **)s->fault_env); /* and again after each fault */
	drain_loop(running);
	running = NULL;
}

void scan_drain(struct leak_scan *s)
{
	if (s->mem->faults)
		drain_faulting(s);
	else
		drain_loop(s);
}

/* ---- marking ------------------------------------------------------------------------------------------------------------------------ */

static void drain_pending(struct leak_scan *s)
{
	while (s->overflowed) {
		s->overflowed = false;
		for (uint64_t i = 0; i < s->used >> 10; i++) {
			uint64_t bits = s->pending[i];
			s->pending[i] = 0;
			for (; bits; bits &= bits - 1) {
				uint64_t off = i << 10 | (uint64_t)__builtin_ctzll(bits) << 4;
				if (!scan_bit(s->white, off))
					continue;
				reach(s, off);
				scan_drain(s);
			}
		}
	}
}

void leak_scan_root(struct leak_scan *s, uint64_t addr, uint64_t size)
{
	s->mode = SCAN_MARK;
	s->stats.root_bytes += size;
	push_span(s, addr, size);
	scan_drain(s);
}

void leak_scan_words(struct leak_scan *s, const uint64_t *words, size_t n)
{
	s->mode = SCAN_MARK;
	scan_words(s, words, n);
	scan_drain(s);
}

/* ---- what was not reached ------------------------------------------------------------------------------------------------------------ */

static void mark_possible(struct leak_scan *s)
{
	uint64_t words = s->used >> 10, i;

	for (i = 0; i < words; i++)
		if (s->inner[i])
			s->inner[i] &= s->white[i];
	s->mode = SCAN_POSSIBLE;
	for (i = 0; i < words; i++)
		for (uint64_t bits = s->inner[i] & s->white[i]; bits; bits = bits & (bits - 1) & s->white[i]) {
			reach(s, i << 10 | (uint64_t)__builtin_ctzll(bits) << 4);
			scan_drain(s);
		}
	drain_pending(s);
}

static void visit_possible(struct leak_scan *s)
{
	for (uint64_t i = 0; i < s->used >> 10; i++)
		for (uint64_t bits = s->inner[i]; bits; bits &= bits - 1)
			s->visit(s->visit_ctx, s->base + (i << 10 | (uint64_t)__builtin_ctzll(bits) << 4), LEAK_POSSIBLE);
}

/* Direct or indirect: as few objects as can be are to hold all others (a vertex basis: one of each strongly connected component that
 * nothing leads into).  In order of address, every object that no earlier one led to becomes a leader.  An earlier leader may still be
 * reached from a later one, never the other way round.  So a second walk in reverse order, from the last leader to the first, finds those
 * that another one reaches, and gives each that remains what it holds (and no other held before it), with no memory per object:
 *
 *     A ──► B ──► C ◄── D          leaders A, D;      reverse: D holds C, A holds B
 *     E ◄─► F                      leader E;          E holds F
 *     H ◄─► I ◄── G                leaders H, then G; reverse: G holds I and H, so H is none */
static void follow_lost(struct leak_scan *s, uint64_t off)
{
	scan_bit_set(s->pending, off);
	scan_push_object(s, off);
	scan_drain(s);
}

static void find_leaders(struct leak_scan *s)
{
	uint64_t words = s->used >> 10, i;

	s->mode = SCAN_LEAD;
	for (i = 0; i < words; i++) {
		if (s->inner[i])
			s->inner[i] = 0;
		if (s->pending[i])
			s->pending[i] = 0;
	}
	for (i = 0; i < words; i++)
		for (uint64_t bits = s->white[i]; bits; bits &= bits - 1) {
			uint64_t off = i << 10 | (uint64_t)__builtin_ctzll(bits) << 4;
			if (scan_bit(s->pending, off))
				continue;
			scan_bit_set(s->inner, off);
			follow_lost(s, off);
		}
}

static void visit_leaders(struct leak_scan *s)
{
	uint64_t words = s->used >> 10, i;

	s->mode = SCAN_HOLD;
	for (i = 0; i < words; i++)
		if (s->pending[i])
			s->pending[i] = 0;
	for (i = words; i-- > 0;)
		for (uint64_t bits = s->inner[i]; bits;) {
			unsigned bit = 63 - (unsigned)__builtin_clzll(bits);
			uint64_t off = i << 10 | (uint64_t)bit << 4;
			bits &= ~((uint64_t)1 << bit);
			if (scan_bit(s->pending, off))
				continue;
			s->visit(s->visit_ctx, s->base + off, LEAK_DIRECT);
			follow_lost(s, off);
		}
}

/* What is live and neither white nor possible. */
static void visit_reachable_at(struct leak_scan *s, uint64_t off)
{
	if (!scan_bit(s->white, off) && !scan_bit(s->inner, off))
		s->visit(s->visit_ctx, s->base + off, LEAK_REACHABLE);
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
	drain_pending(s);
	mark_possible(s);
	if (wanted & 1u << LEAK_POSSIBLE)
		visit_possible(s);
	if (wanted & 1u << LEAK_REACHABLE)
		slab_view_runs(&s->heap, visit_reachable, s);
	if (wanted & (1u << LEAK_DIRECT | 1u << LEAK_INDIRECT)) {
		find_leaders(s);
		visit_leaders(s);
	}
}
