/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/speculate.c - long lists: many walkers at once, along objects that are not yet known to be reached. */
#include "leak/leak_internal.h"

/* A list that is linked in random order is one long dependent chain of cache misses.  A walk waits for memory once
 * for each node, and nothing can be prefetched, except by walking the list from many of its nodes at once, before they
 * are known to be reached.
 *
 *     sweep    counts how many pointers lead to each white object (0, 1, many; 2 bits), in order of address
 *     walk     16 walkers, each from some white object with one pointer to it, along objects with one pointer to them:
 *
 *                  frontier ──►  S1 ──► a ──► b ──► S2 ──► c ──► d ──► M (many)
 *                                └ segment 1 ┘      └ segment 2 ┘
 *
 *              A start stays white; a, b, c lose their white bit: their segment has claimed them.  A segment ends at
 *              another one's start (b ends segment 1 with S2), and before an object that points to one with many
 *              pointers, or that is no plain small object (d stays white, and is an end of segment 2).
 *     prove    marking reaches a start: then all of its segment is reached, and each of its ends is reached now
 *     undo     segments that marking did not reach: walks from each unproven start, and makes the claimed objects white
 *
 * Why that is exact: the only pointer to a claimed object is in an object of its own segment, or in the segment's
 * start.  So it is reached if and only if the start is, and only the walker that claimed it ever comes to it.  All
 * pointers that marking might still follow are counted: the sweep reads every white object whole, and the entries of
 * the marking stack.  (It also reads parts that annotations leave out; too many pointers only make an object "many".)
 * So the sweep begins when all roots have been scanned.  A pointer into the middle counts as many.
 *
 * The price is the sweep, which reads the white objects in order of address.  So it is done once in a scan, when
 * marking had few objects to choose from for LEAN steps that were far apart in memory.
 *
 * Accepted: lists linked both ways have two pointers to each node, and are walked as before.  Objects that share 32
 * bytes are counted together.
 *
 * Memory: 1/128 of the heap for the counts, if that can be afforded; the segments' tables have a fixed size. */

#define WALKERS 16u
#define QUEUE 8u
#define SEGMENTS_MAX 4096u
#define ENDS_MAX 16384u
#define ENDS_RESERVE (WALKERS * (QUEUE + 2) + 64)
#define SMALL_MAX 1024u
#define NONE UINT32_MAX
#define COUNT_MANY 2u
#define COUNT_START 3u
#define COUNTING 16u
#define SEARCH_TRIES 256u
#define SEARCH_WORDS 64u /* 64 KiB of the heap */

struct segment {
	uint64_t start;
	uint32_t first_end;
	uint32_t next;
	bool proven;
};
struct end {
	uint64_t off;
	uint32_t next;
};
struct walker {
	uint32_t segment;
	uint32_t nr_queue, nr_found;
	uint64_t at; /* the object whose pointers are in found[]; 0: none */
	uint64_t queue[QUEUE];
	uint64_t found[SMALL_MAX / 8];
};
struct speculation {
	uint8_t *counts;
	struct segment segments[SEGMENTS_MAX];
	struct end ends[ENDS_MAX];
	uint32_t table[2 * SEGMENTS_MAX]; /* segment + 1 by its start */
	uint32_t nr_segments, nr_ends;
	uint32_t proven; /* the first segment whose ends marking must reach; linked by next */
	uint64_t seed;
	bool over; /* no more starts */
	struct walker walkers[WALKERS];
	size_t size;
};

static inline __attribute__((always_inline)) uint64_t candidate_of(const struct leak_scan *s, uint64_t word)
{
	uint64_t candidate = scan_candidate(s, word);

	return unlikely(candidate == SCAN_TWICE) ? scan_locate_whole(s, word - s->base) : candidate;
}

/* Which of the next eight of n words may be pointers. */
static inline unsigned filter_words(const struct leak_scan *s, const uint64_t *p, size_t n)
{
	unsigned mask = 0;

	if (likely(n >= 8 || (uintptr_t)p % PAGE_SIZE <= PAGE_SIZE - 64))
		return arch_filter_8(&s->filter, p) & (n >= 8 ? 0xff : (1u << n) - 1);
	for (size_t i = 0; i < n; i++)
		mask |= (unsigned)scan_may_point(s, p[i]) << i;
	return mask;
}

/* ---- how many pointers lead to an object ----------------------------------------------------- */

static unsigned count_get(const struct speculation *c, uint64_t off)
{
	return c->counts[off >> 7] >> (off >> 5 & 3) * 2 & 3u;
}

static void count_set(struct speculation *c, uint64_t off, unsigned value)
{
	unsigned shift = (unsigned)(off >> 5 & 3) * 2;

	c->counts[off >> 7] = (uint8_t)((c->counts[off >> 7] & ~(3u << shift)) | value << shift);
}

/* Objects that are reached already count as many; later a count of one and no white bit mean claimed. */
static void count_one(const struct leak_scan *s, struct speculation *c, uint64_t candidate)
{
	unsigned now = count_get(c, candidate);

	if (candidate & SCAN_INTERIOR || !scan_bit(s->white, candidate))
		count_set(c, candidate, COUNT_MANY);
	else if (now < COUNT_MANY)
		count_set(c, candidate, now + 1);
}

/* The counts' lines have time to come, as in mark.c. */
struct counting {
	struct speculation *c;
	uint64_t ring[COUNTING];
	uint32_t at;
};

static void count_words(struct leak_scan *s, struct counting *n, const uint64_t *p, size_t words)
{
	for (size_t i = 0; i < words; i += 8)
		for (unsigned mask = filter_words(s, p + i, words - i); mask; mask &= mask - 1) {
			uint64_t candidate = candidate_of(s, p[i + (unsigned)__builtin_ctz(mask)]), *slot;

			if (!candidate)
				continue;
			__builtin_prefetch(&n->c->counts[candidate >> 7], 1);
			__builtin_prefetch(&s->white[candidate >> 10]);
			slot = &n->ring[n->at++ % COUNTING];
			if (*slot)
				count_one(s, n->c, *slot);
			*slot = candidate;
		}
}

static void count_span(struct leak_scan *s, struct counting *n, uint64_t addr, uint64_t size)
{
	uint64_t skip = -addr & 7;

	size &= ~SPAN_FLAGS;
	if (size < skip + 8)
		return;
	s->current = (struct scan_span){ addr, size + 64 }; /* what is read at once may end later */
	count_words(s, n, (const uint64_t *)(uintptr_t)(addr + skip), (size - skip) / 8);
	s->current.size = 0;
}

static void count_all(struct leak_scan *s, struct speculation *c)
{
	struct counting n = { .c = c };

	for (size_t i = 0; i < s->top; i++)
		count_span(s, &n, s->stack[i].addr, s->stack[i].size);
	for (uint32_t i = s->batch_at; i < s->nr_batch; i++)
		count_span(s, &n, s->batch[i].addr, s->batch[i].size);
	for (uint64_t i = 0; i < s->end >> 10; i++)
		for (uint64_t bits = s->white[i]; bits; bits &= bits - 1) {
			uint64_t off = i << 10 | (uint64_t)__builtin_ctzll(bits) << 4, addr = scan_address(s, off);
			__builtin_prefetch((void *)(uintptr_t)(addr + 1024));
			count_span(s, &n, addr, scan_object_size(s, off));
		}
	for (uint32_t i = 0; i < COUNTING; i++)
		if (n.ring[i])
			count_one(s, c, n.ring[i]);
}

/* ---- segments -------------------------------------------------------------------------------- */

static uint32_t hash_start(uint64_t off)
{
	return (uint32_t)((off >> 4) * 0x9e3779b97f4a7c15u >> 40) % (2 * SEGMENTS_MAX);
}

static uint32_t segment_new(struct speculation *c, uint64_t off)
{
	uint32_t i = hash_start(off), n = c->nr_segments++;

	c->segments[n] = (struct segment){ off, NONE, NONE, false };
	while (c->table[i])
		i = (i + 1) % (2 * SEGMENTS_MAX);
	c->table[i] = n + 1;
	count_set(c, off, COUNT_START);
	return n;
}

static uint32_t segment_of(const struct speculation *c, uint64_t off)
{
	for (uint32_t i = hash_start(off); c->table[i]; i = (i + 1) % (2 * SEGMENTS_MAX))
		if (c->segments[c->table[i] - 1].start == off)
			return c->table[i] - 1;
	return NONE;
}

static void end_add(struct speculation *c, uint32_t segment, uint64_t off)
{
	c->ends[c->nr_ends] = (struct end){ off, c->segments[segment].first_end };
	c->segments[segment].first_end = c->nr_ends++;
}

/* Is the object plain and small, so that a walker can follow it? */
static bool is_simple(const struct leak_scan *s, uint64_t off)
{
	uint32_t info = s->pages[off >> PAGE_SHIFT];

	return !(info & (PAGE_AREA | PAGE_NOTED)) && s->caches[PAGE_CACHE(info)].object_size <= SMALL_MAX;
}

/* Chooses a white object with one pointer to it, from another place each time.  When such objects are few, the rest is
 * not worth the search. */
static bool choose_start(struct leak_scan *s, struct speculation *c, uint64_t *off)
{
	uint64_t words = s->used >> 10;

	for (unsigned tries = 0; tries < SEARCH_TRIES; tries++) {
		uint64_t first, last;

		c->seed = c->seed * 6364136223846793005u + 1442695040888963407u;
		first = (c->seed >> 20) % words;
		last = MIN(words, first + SEARCH_WORDS);
		for (uint64_t i = first; i < last; i++)
			for (uint64_t bits = s->white[i]; bits; bits &= bits - 1) {
				*off = i << 10 | (uint64_t)__builtin_ctzll(bits) << 4;
				if (count_get(c, *off) == 1 && is_simple(s, *off))
					return true;
			}
	}
	return false;
}

/* ---- walking --------------------------------------------------------------------------------- */

/* Reads the object's pointers, and prefetches the objects that they lead to and their states. */
static void walker_read(struct leak_scan *s, const struct speculation *c, struct walker *w, uint64_t at)
{
	const uint64_t *p = (const uint64_t *)(uintptr_t)(s->base + at);
	size_t n = scan_object_size(s, at) / 8, i;
	uint64_t candidate;

	w->at = at;
	w->nr_found = 0;
	for (i = 0; i < n; i += 8)
		for (unsigned mask = filter_words(s, p + i, n - i); mask; mask &= mask - 1) {
			uint64_t word = p[i + (unsigned)__builtin_ctz(mask)];
			candidate = candidate_of(s, word);
			if (!candidate)
				continue;
			__builtin_prefetch((void *)(uintptr_t)word);
			__builtin_prefetch(&s->white[candidate >> 10]);
			__builtin_prefetch(&c->counts[candidate >> 7]);
			w->found[w->nr_found++] = candidate;
		}
}

/* May the object's pointers be followed ahead of time? */
static bool walker_understands(const struct leak_scan *s, const struct speculation *c, const struct walker *w)
{
	uint32_t more = 0;

	for (uint32_t i = 0; i < w->nr_found; i++) {
		uint64_t off = w->found[i] & ~(uint64_t)15;
		unsigned count;
		if (!scan_bit(s->white, off))
			continue;
		count = count_get(c, off);
		if (w->found[i] & SCAN_INTERIOR || count == COUNT_MANY || !is_simple(s, off))
			return false;
		more += count == 1;
	}
	return w->nr_queue + more <= QUEUE;
}

static void walker_claim(struct leak_scan *s, struct speculation *c, struct walker *w)
{
	uint64_t start = c->segments[w->segment].start;

	if ((w->at != start && count_get(c, w->at) == COUNT_START) || !walker_understands(s, c, w)) {
		if (w->at != start)
			end_add(c, w->segment, w->at);
		return;
	}
	if (w->at != start)
		scan_bit_clear(s->white, w->at);
	for (uint32_t i = 0; i < w->nr_found; i++) {
		uint64_t off = w->found[i] & ~(uint64_t)15;
		if (!scan_bit(s->white, off))
			continue;
		if (count_get(c, off) == COUNT_START)
			end_add(c, w->segment, off);
		else
			w->queue[w->nr_queue++] = off;
	}
}

/* Goes on by one object.  False: there are no more starts. */
static bool walker_step(struct leak_scan *s, struct speculation *c, struct walker *w)
{
	uint64_t off;

	if (w->at)
		walker_claim(s, c, w);
	w->at = 0;
	if (w->nr_queue) {
		walker_read(s, c, w, w->queue[--w->nr_queue]);
		return true;
	}
	c->over = c->over || c->nr_segments == SEGMENTS_MAX || !choose_start(s, c, &off);
	if (c->over)
		return false;
	w->segment = segment_new(c, off);
	walker_read(s, c, w, off);
	return true;
}

/* An object that the walker would have looked at next becomes an end. */
static void walker_stop(struct speculation *c, struct walker *w)
{
	if (w->at && w->at != c->segments[w->segment].start)
		end_add(c, w->segment, w->at);
	else if (w->at)
		w->nr_queue = 0;
	while (w->nr_queue)
		end_add(c, w->segment, w->queue[--w->nr_queue]);
	w->at = 0;
}

static void walk(struct leak_scan *s, struct speculation *c)
{
	bool any = true;

	while (any && c->nr_ends < ENDS_MAX - ENDS_RESERVE - SMALL_MAX / 8 * WALKERS) {
		any = false;
		for (uint32_t i = 0; i < WALKERS; i++)
			any |= walker_step(s, c, &c->walkers[i]);
	}
	for (uint32_t i = 0; i < WALKERS; i++)
		walker_stop(c, &c->walkers[i]);
}

/* ---- the outside ----------------------------------------------------------------------------- */

void speculate_walk(struct leak_scan *s)
{
	size_t head = ALIGN_UP(sizeof(struct speculation), PAGE_SIZE),
	       size = head + ALIGN_UP((s->end >> 7) + 1, PAGE_SIZE);
	struct speculation *c = scan_can_afford(s, size) ? os_reserve(size, PAGE_SIZE) : NULL;

	if (!c)
		return;
	if (!os_commit(c, size, s->used > ((uint64_t)64 << 20))) {
		os_release(c, size);
		return;
	}
	c->size = size;
	c->counts = (uint8_t *)c + head;
	c->proven = NONE;
	c->seed = s->used;
	s->counting = c;
	count_all(s, c);
	s->counting = NULL;
	walk(s, c);
	s->speculation = c;
	s->speculate_size = size;
}

/* The sweep met memory that cannot be read.  Marking will meet it too, and handle it. */
void speculate_give_up(struct leak_scan *s)
{
	os_release(s->counting, s->counting->size);
	s->counting = NULL;
}

void speculate_reached(struct leak_scan *s, uint64_t off)
{
	struct speculation *c = s->speculation;
	uint32_t n = count_get(c, off) == COUNT_START ? segment_of(c, off) : NONE;

	if (n == NONE || c->segments[n].proven)
		return;
	c->segments[n].proven = true;
	c->segments[n].next = c->proven;
	c->proven = n;
}

bool speculate_next(struct leak_scan *s, void (*reach)(struct leak_scan *s, uint64_t off))
{
	struct speculation *c = s->speculation;
	uint32_t n = c->proven;

	if (n == NONE)
		return false;
	c->proven = c->segments[n].next;
	for (uint32_t e = c->segments[n].first_end; e != NONE; e = c->ends[e].next)
		reach(s, c->ends[e].off);
	return true;
}

/* Walks over the objects that the segment claimed: they are not white, and have one pointer, from inside. */
static void undo_segment(struct leak_scan *s, struct speculation *c, uint64_t start)
{
	struct walker *w = &c->walkers[0];

	w->nr_queue = 0;
	for (walker_read(s, c, w, start);; walker_read(s, c, w, w->queue[--w->nr_queue])) {
		for (uint32_t i = 0; i < w->nr_found && w->nr_queue < QUEUE; i++) {
			uint64_t off = w->found[i];
			if (off & SCAN_INTERIOR || scan_bit(s->white, off) || count_get(c, off) != 1)
				continue;
			off &= ~(uint64_t)15;
			scan_bit_set(s->white, off);
			w->queue[w->nr_queue++] = off;
		}
		if (!w->nr_queue)
			return;
	}
}

void speculate_undo(struct leak_scan *s)
{
	struct speculation *c = s->speculation;

	for (uint32_t i = 0; i < c->nr_segments; i++)
		if (!c->segments[i].proven)
			undo_segment(s, c, c->segments[i].start);
	s->stats.table_bytes = scan_resident(s);
	s->speculation = NULL;
	os_release(c, c->size);
}
