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
 * Hosking, Vitek 2004).  A list that is linked in random order gains nothing from that, there is only one object to wait for: chains.c.
 *
 * The stack is bounded (a 200th of the heap).  When it is full the object stays white and gets its pending bit; after the stack ran
 * empty the pending map is looked through, until nothing is pending.  Roots are all read before the first object is, so that there is
 * much to choose from; a long list that is left then is chains.c's.
 *
 * Memory: pages 1/1024 of the heap, white 1/128; inner, pending and starts 1/128 each where they are touched (seldom).
 *
 * Accepted weakness: a word that happens to look like a pointer keeps an object alive; pointers that are hidden (xor lists, compressed
 * or tagged in their upper bits, not aligned) are not seen.  Tags in the lower bits are: they point into the object. */

#define CHUNK ((size_t)16 << 10)   /* scanned at once; the rest of a large object goes back to the stack */
#define SMALL 1024u
#define AHEAD 192                /* words */
#define STACK_SHARE 200
#define FAR (2 * PAGE_SIZE)
#define LEAN 50000u
#define FEW 3u                    /* objects at a time are too few to hide what waiting for memory costs */
#define STACK_MIN ((size_t)256 << 10)

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
		s->pages[r->page + i] = r->cache | i << PAGE_IN_SLAB_SHIFT | (live.displaced ? PAGE_DISPLACED : 0);
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
	size_t pages = ALIGN_UP((s->end >> PAGE_SHIFT) * sizeof(uint32_t) + 64, PAGE_SIZE);
	size_t bits = ALIGN_UP((s->end >> 7) + 64, PAGE_SIZE);
	size_t extra = ALIGN_UP(s->max_extra * sizeof(struct scan_extra), PAGE_SIZE);
	size_t areas = ALIGN_UP((s->max_areas + s->max_extra + 1) * sizeof(struct scan_area), PAGE_SIZE);
	size_t notes = ALIGN_UP(SCAN_NOTES_MAX * sizeof(struct scan_note), PAGE_SIZE);
	size_t stack = ALIGN_UP(MAX(STACK_MIN, s->used / STACK_SHARE), PAGE_SIZE);
	size_t total = pages + 4 * bits + areas + extra + notes + stack + CHUNK;
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
	s->extra = (struct scan_extra *)(p += areas);
	s->notes = (struct scan_note *)(p += extra);
	s->buffer = p += notes;
	s->inner = (uint64_t *)(p += CHUNK);
	s->pending = (uint64_t *)(p += bits);
	s->starts = (uint64_t *)(p + bits);
	return true;
}

struct leak_scan *leak_scan_create(const struct mem_view *mem, uint64_t root, const char **why)
{
	return leak_scan_create_with(mem, root, 0, why);
}

struct leak_scan *leak_scan_create_with(const struct mem_view *mem, uint64_t root, uint32_t nr_extra, const char **why)
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
	s->far = FAR;
	s->lean_limit = LEAN;
	*why = slab_view_open(&s->heap, mem, root);
	if (!*why) {
		s->base = s->heap.base;
		s->used = s->heap.used;
		s->max_extra = nr_extra;
		s->extra_off = ALIGN_UP(s->used, (uint64_t)1 << 16);
		s->end = nr_extra ? ALIGN_UP(s->extra_off + ((uint64_t)nr_extra << PAGE_SHIFT), (uint64_t)1 << 16) : s->used;
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
	stats->table_bytes = s->memory_size + s->chains_size;
}

/* ---- from a word to an object ------------------------------------------------------------------------------------------------ */

/* The user's start in a slot where objects may be displaced. */
uint64_t scan_displaced_start(const struct leak_scan *s, uint64_t start, uint32_t object_size)
{
	for (uint64_t off = start, end = start + object_size; off < end; off = ALIGN_DOWN(off, 1024) + 1024) {
		uint64_t bits = s->starts[off >> 10] >> (off >> 4 & 63);
		if (bits)
			return off + (uint64_t)__builtin_ctzll(bits) * 16 < end ? off + (uint64_t)__builtin_ctzll(bits) * 16 : start;
	}
	return start;
}

/* In a pool: the object of slab's. */
static __attribute__((noinline)) uint64_t locate_pool(const struct leak_scan *s, uint64_t off)
{
	struct slab_object o;
	uint64_t start;

	if (!slab_view_object(&s->heap, s->base + off, &o) || o.state != SLAB_OBJ_LIVE || s->base + off - o.addr >= MAX(o.size, 1))
		return 0;
	start = o.addr - s->base;
	return start | SCAN_FOUND | (off != start ? SCAN_INTERIOR : 0);
}

static uint64_t locate_any(const struct leak_scan *s, uint64_t off)
{
	uint64_t found = scan_locate(s, off);

	return found == SCAN_POOL ? locate_pool(s, off) : found;
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
	uint64_t elsewhere = addr - s->extra_from < s->extra_span ? scan_elsewhere(s, addr) : 0;

	*off = elsewhere ? elsewhere & ~(uint64_t)15 : addr - s->base;
	if (elsewhere)
		return !(elsewhere & SCAN_INTERIOR) && scan_bit(s->white, *off);
	return *off < s->used && *off % 16 == 0 && locate_any(s, *off) == (*off | SCAN_FOUND) && scan_bit(s->white, *off);
}

bool leak_scan_object(const struct leak_scan *s, uint64_t addr, uint64_t *start, uint64_t *size)
{
	uint64_t off = addr - s->base, found = off < s->used ? locate_any(s, off) : 0;

	if (!found || !scan_bit(s->white, found & ~(uint64_t)15))
		return false;
	*start = s->base + (found & ~(uint64_t)15);
	*size = scan_object_size(s, found & ~(uint64_t)15);
	return true;
}

void leak_scan_each(const struct leak_scan *s, leak_visit_fn visit, void *ctx)
{
	for (uint64_t i = 0; i < s->end >> 10; i++)
		for (uint64_t bits = s->white[i]; bits; bits &= bits - 1)
			visit(ctx, scan_address(s, i << 10 | (uint64_t)__builtin_ctzll(bits) << 4), LEAK_REACHABLE);
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

static __attribute__((noinline)) uint64_t span_flags(const struct leak_scan *s, uint64_t off)
{
	uint32_t info = s->pages[off >> PAGE_SHIFT];

	if (off >= s->used)
		return s->extra[(off - s->extra_off) >> PAGE_SHIFT].pooled ? SPAN_WHOLE : 0;
	return (info & PAGE_AREA ? s->areas[info & ~PAGE_AREA].pool : (info & PAGE_POOL) != 0) ? SPAN_POOL : 0;
}

void scan_push_object(struct leak_scan *s, uint64_t off)
{
	if (unlikely(s->nr_notes && is_noted(s, off)) && push_parts(s, off))
		return;
	push_span(s, scan_address(s, off), scan_object_size(s, off) | (unlikely(s->nr_extra) ? span_flags(s, off) : 0));
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
	if (unlikely(s->chains != NULL))
		chains_reached(s, off);
}

void scan_reach(struct leak_scan *s, uint64_t off)
{
	if (scan_bit(s->white, off))
		reach(s, off);
}

static void visit_at(struct leak_scan *s, uint64_t off, enum leak_class class)
{
	s->visiting_extra = off >= s->used;
	s->visit(s->visit_ctx, scan_address(s, off), class);
}

bool leak_scan_visits_extra(const struct leak_scan *s)
{
	return s->visiting_extra;
}

/* Among lost objects, all of which are white. */
static void reach_lost(struct leak_scan *s, uint64_t off)
{
	if (scan_bit(s->pending, off) || s->top >= s->max_stack)
		return; /* with a full stack it stands for itself */
	scan_bit_set(s->pending, off);
	if (s->mode == SCAN_HOLD && s->wanted & 1u << LEAK_INDIRECT)
		visit_at(s, off, LEAK_INDIRECT);
	scan_push_object(s, off);
}

/* The candidate's white bit has had time to come. */
static inline void judge(struct leak_scan *s, uint64_t candidate)
{
	uint64_t off = candidate & ~(uint64_t)15;

	if (likely(!scan_bit(s->white, off)))
		return;
	if (likely(s->mode == SCAN_MARK)) {
		if (unlikely(candidate & SCAN_INTERIOR))
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

/* A pointer into a pool keeps the pool, and what was cut out there. */
static __attribute__((noinline)) uint64_t judge_pool(struct leak_scan *s, uint64_t word)
{
	uint64_t pool = locate_pool(s, word - s->base);

	if (pool)
		judge(s, pool);
	return scan_elsewhere(s, word);
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
		if (likely(off >= used) && likely(p[i] - s->extra_from >= s->extra_span))
			continue;
		candidate = scan_candidate(s, p[i]);
		if (unlikely(candidate == SCAN_POOL))
			candidate = judge_pool(s, p[i]);
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
	uint64_t flags = span.size & SPAN_FLAGS, skip = -span.addr & 7;
	const void *p;
	size_t n;

	span.size &= ~SPAN_FLAGS;
	if (span.size < skip + 8)
		return;
	span.addr += skip;
	span.size -= skip;
	n = MIN(span.size, CHUNK - span.addr % CHUNK) & ~(size_t)7;
	if (unlikely(s->nr_pooled && !(flags & SPAN_WHOLE))) {
		n = scan_pool_part(s, span.addr, n, &skip);
		if (!n && skip < span.size)
			push_span(s, span.addr + skip, (span.size - skip) | flags);
		if (!n)
			return;
	}
	if (span.size > n)
		push_span(s, span.addr + n, (span.size - n) | flags);
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

/* A step to where the processor cannot have looked ahead?  Some lists may be followed in turns. */
static inline bool note_step(struct leak_scan *s, uint64_t addr)
{
	bool near = false;

	for (unsigned i = 0; i < ARRAY_SIZE(s->last); i++)
		near |= addr - s->last[i] + s->far <= 2 * s->far;
	s->last[s->steps++ % ARRAY_SIZE(s->last)] = addr;
	if (!near)
		s->lean++;
	else if (s->lean)
		s->lean--;
	return near;
}

/* One object, its pointers judged at once.  What is reached lies on the stack; the last of it is told as well. */
static inline __attribute__((always_inline)) uint64_t scan_object(struct leak_scan *s, uint64_t addr, uint64_t size)
{
	const uint64_t *p = (const uint64_t *)(uintptr_t)addr;
	uint64_t base = s->base, used = s->used, reached = 0;

	s->current = (struct scan_span){ addr, size };
	s->stats.scanned_bytes += size;
	for (size_t i = 0; i < size / 8; i++) {
		uint64_t off = p[i] - base, candidate, start;
		if (likely(off >= used) && likely(p[i] - s->extra_from >= s->extra_span))
			continue;
		candidate = scan_candidate(s, p[i]);
		if (unlikely(candidate == SCAN_POOL))
			candidate = judge_pool(s, p[i]);
		start = candidate & ~(uint64_t)15;
		if (!candidate || !scan_bit(s->white, start))
			continue;
		if (unlikely(candidate & SCAN_INTERIOR)) {
			scan_bit_set(s->inner, start);
			continue;
		}
		reach(s, start);
		reached = scan_address(s, start);
	}
	s->current.size = 0;
	return reached;
}

static bool can_follow(const struct leak_scan *s, const struct scan_span *span)
{
	return s->mode == SCAN_MARK && s->mem->here && span->size <= SMALL && span->addr % 8 == 0;
}

/* Along a list there is one object at a time: no detour, not even to the stack and back.  Where there are others, only as long as its nodes
 * are neighbours; else they take turns. */
static void follow_links(struct leak_scan *s, struct scan_span span)
{
	size_t base = s->top;
	bool alone = !base && !s->ring_count;

	for (;;) {
		uint64_t next = scan_object(s, span.addr, span.size);
		if (s->top != base + 1 || s->stack[base].addr != next || s->stack[base].size > SMALL)
			return;
		bool near = note_step(s, next);
		if (unlikely((!near && !alone) || s->lean > s->lean_limit))
			return;
		s->top = base;
		/* Lists lie as they were allocated, in order, until they have been sorted. */
		__builtin_prefetch((void *)(uintptr_t)(next + 8 * AHEAD));
		span = (struct scan_span){ next, s->stack[base].size };
	}
}

static bool follow_list(struct leak_scan *s)
{
	while (!s->ring_count && (s->top == 1 || (!s->top && s->nr_candidates))) {
		if (s->top) {
			struct scan_span span = s->stack[--s->top];
			note_step(s, span.addr);
			if (can_follow(s, &span))
				follow_links(s, span);
			else
				scan_span(s, span);
		}
		flush_candidates(s);
		if (unlikely(s->lean > s->lean_limit))
			return true;
	}
	return false;
}

static __attribute__((noinline)) void drain_objects(struct leak_scan *s)
{
	for (;;) {
		bool lean = follow_list(s), few;
		ring_fill(s);
		few = s->ring_count && s->ring_count <= FEW;
		if (few) {
			note_step(s, s->ring[s->ring_first].addr);
			lean |= s->lean > s->lean_limit;
		}
		if (unlikely(lean) && s->final && !s->tried && s->mode == SCAN_MARK && s->mem->here && !s->overflowed && !s->nr_pooled) {
			flush_candidates(s);
			s->tried = true;
			chains_walk(s);
		}
		s->lean = lean ? 0 : s->lean;
		if (few && can_follow(s, &s->ring[s->ring_first]))
			follow_links(s, ring_take(s));
		else if (s->ring_count)
			scan_span(s, ring_take(s));
		else if (s->nr_candidates)
			flush_candidates(s);
		else if (!s->top && !(s->chains && chains_next(s)))
			return;
	}
}

/* Roots come first: the more there is to choose from, the less is waited for. */
static void drain_loop(struct leak_scan *s)
{
	while (s->root.size) {
		struct scan_span piece = { s->root.addr, MIN(s->root.size, CHUNK - s->root.addr % CHUNK) };
		s->root.addr += piece.size;
		s->root.size -= piece.size;
		scan_piece(s, piece);
		flush_candidates(s);
		if (s->top > s->max_stack / 2)
			drain_objects(s);
	}
	if (s->final || s->top > s->max_stack / 2)
		drain_objects(s);
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
	if (s->counting)
		chains_give_up(s);
	else if (addr < end)
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
		for (uint64_t i = 0; i < s->end >> 10; i++) {
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
	s->root = (struct scan_span){ addr, size };
	scan_drain(s);
}

void leak_scan_words(struct leak_scan *s, const uint64_t *words, size_t n)
{
	s->mode = SCAN_MARK;
	scan_words(s, words, n);
	flush_candidates(s);
	scan_drain(s);
}

/* ---- what was not reached ------------------------------------------------------------------------------------------------------------ */

static void mark_possible(struct leak_scan *s)
{
	uint64_t words = s->end >> 10, i;

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
	for (uint64_t i = 0; i < s->end >> 10; i++)
		for (uint64_t bits = s->inner[i]; bits; bits &= bits - 1)
			visit_at(s, i << 10 | (uint64_t)__builtin_ctzll(bits) << 4, LEAK_POSSIBLE);
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
	uint64_t words = s->end >> 10, i;

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
	uint64_t words = s->end >> 10, i;

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
			visit_at(s, off, LEAK_DIRECT);
			follow_lost(s, off);
		}
}

/* What is live and neither white nor possible. */
static void visit_reachable_at(struct leak_scan *s, uint64_t off)
{
	if (!scan_bit(s->white, off) && !scan_bit(s->inner, off))
		visit_at(s, off, LEAK_REACHABLE);
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
	drain_pending(s);
	if (s->chains)
		chains_undo(s);
	mark_possible(s);
	if (wanted & 1u << LEAK_POSSIBLE)
		visit_possible(s);
	if (wanted & 1u << LEAK_REACHABLE) {
		slab_view_runs(&s->heap, visit_reachable, s);
		for (uint32_t i = 0; i < s->nr_extra; i++)
			visit_reachable_at(s, s->extra_off + ((uint64_t)i << PAGE_SHIFT));
	}
	if (wanted & (1u << LEAK_DIRECT | 1u << LEAK_INDIRECT)) {
		find_leaders(s);
		visit_leaders(s);
	}
}
