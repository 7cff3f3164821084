/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/drain.c - the inner loops of marking: from words to objects, and to their words. */
#include "leak/leak_internal.h"

/* Objects go round in batches, and each step is a tight loop:
 *
 *     stack ──take 32──► batch ──8 words at a time, by their upper halves──► found ──white bit set? clear it──► stack
 *            (asked for)                                                     (words)     where, how large?
 *
 * Most of the time goes into waiting for memory.  A processor waits for many loads at once, but only for those within
 * the few hundred instructions that it looks ahead.  A prefetch between two objects that take a hundred instructions
 * each overlaps three misses; thirty-two prefetches in a row overlap as many as the hardware can (after Cher, Hosking,
 * Vitek 2004).
 *
 * The filter compares the upper halves of words with those that objects' addresses can have (arch_filter_8: eight words
 * in thirteen instructions), so plain data costs what reading it costs.  Only words that pass are looked at.  For a
 * pointer to the start of a white object the white bit is enough; any other word is looked up by cache and slot
 * (scan_locate).
 *
 * A list offers one object at a time, and follow_links walks it without the stack.  It guesses that the next pointer is
 * where it was in the node before.  So the next node's address costs one load, and need not wait for the filter's
 * answer.  For a list in random order that gains nothing, since there is only one object to wait for: see speculate.c.
 *
 * In the copy of a process no page has been used yet, and its first use is slow: the processor sets the accessed bit,
 * which takes 0.35 us a page, as long as reading the page.  A prefetch sixteen pages ahead hides nearly all of that
 * (measured on Zen 4: 256 MiB take 45 ms without, 17 ms with, and 12 ms where pages had been used).
 *
 * The stack is bounded (a thousandth of the heap).  An object that finds it full is dropped: reached, but not read.
 * When the rest is done, the reached objects between the lowest and the highest dropped one are read again, until
 * nothing is dropped (mark.c, after Boehm and Weiser 1988). */

#define CHUNK SCAN_CHUNK
#define SMALL 1024u
#define AHEAD 1536 /* bytes: further than the processor prefetches by itself in a list */
#define PAGES_AHEAD (16 * (int64_t)PAGE_SIZE)
#define FEW 3u    /* so few objects at a time do not hide the wait for memory */
#define BLOCK 64u /* bytes */

/* ---- the stack ------------------------------------------------------------------------------- */

static void push_span(struct leak_scan *s, uint64_t addr, uint64_t size)
{
	s->stack[s->top++] = (struct scan_span){ addr, size };
}

static uint64_t span_flags(const struct leak_scan *s, uint64_t off)
{
	uint32_t info = s->pages[off >> PAGE_SHIFT];

	if (off >= s->used && s->outside[(off - s->outside_off) >> PAGE_SHIFT].registered)
		return SPAN_WHOLE;
	return (info & PAGE_AREA ? s->areas[info & ~PAGE_AREA].cut : (info & PAGE_CUT) != 0) ? SPAN_CUT : 0;
}

/* Pushes what notes leave of an object.  True: the object has notes. */
static __attribute__((noinline)) bool push_parts(struct leak_scan *s, uint64_t off)
{
	struct scan_span part;
	uint32_t i = 0;
	bool noted = false;

	while (scan_next_part(s, off, &i, &part, &noted))
		if (s->top < s->max_stack)
			push_span(s, part.addr, part.size | span_flags(s, off));
	return noted;
}

void scan_push_object(struct leak_scan *s, uint64_t off)
{
	if (unlikely(s->nr_notes && scan_is_noted(s, off)) && push_parts(s, off))
		return;
	push_span(s, scan_address(s, off),
	          scan_object_size(s, off) | (unlikely(s->nr_registered) ? span_flags(s, off) : 0));
}

/* ---- what is found --------------------------------------------------------------------------- */

static __attribute__((noinline)) void drop(struct leak_scan *s, uint64_t off)
{
	s->dropped_first = s->overflowed ? MIN(s->dropped_first, off) : off;
	s->dropped_last = s->overflowed ? MAX(s->dropped_last, off) : off;
	s->overflowed = true;
}

/* Reached while marking; the object at off is white. */
static __attribute__((noinline)) void reach(struct leak_scan *s, uint64_t off)
{
	scan_bit_clear(s->white, off);
	if (likely(s->top < s->max_stack))
		scan_push_object(s, off);
	else
		drop(s, off);
	if (unlikely(s->speculation != NULL))
		speculate_reached(s, off);
}

void scan_reach(struct leak_scan *s, uint64_t off)
{
	if (scan_bit(s->white, off))
		reach(s, off);
}

/* Among lost objects. mark.c says what the two bits mean.  An object that finds the stack full becomes a leader. */
static void reach_lost(struct leak_scan *s, uint64_t off)
{
	bool unvisited = s->mode == SCAN_LEAD ? scan_bit(s->white, off) && !scan_inner(s, off) : scan_inner(s, off);

	if (!unvisited || s->top >= s->max_stack)
		return;
	if (s->mode == SCAN_LEAD) {
		scan_bit_clear(s->white, off);
		scan_inner_set(s, off);
	} else {
		scan_bit_set(s->white, off);
		scan_bit_clear(s->inner, off);
		if (s->wanted & 1u << LEAK_INDIRECT)
			scan_visit(s, off, LEAK_INDIRECT);
	}
	scan_push_object(s, off);
}

static void judge(struct leak_scan *s, uint64_t candidate)
{
	uint64_t off = candidate & ~(uint64_t)15;

	if (s->mode > SCAN_POSSIBLE) {
		reach_lost(s, off);
		return;
	}
	if (!scan_bit(s->white, off))
		return;
	if (candidate & SCAN_INTERIOR || s->mode == SCAN_POSSIBLE)
		scan_inner_set(s, off);
	if (!(candidate & SCAN_INTERIOR) || s->mode == SCAN_POSSIBLE)
		reach(s, off);
}

/* Any word, also one that points to the start of a reached object, or to nothing. */
static inline void judge_word(struct leak_scan *s, uint64_t word)
{
	uint64_t inside, candidate = scan_candidates(s, word, &inside);

	if (candidate)
		judge(s, candidate);
	if (unlikely(inside))
		judge(s, inside);
}

/* Reaches the object at off, if it is white and nothing special must be known of it; *size: its size. */
static inline __attribute__((always_inline)) bool reach_plain(struct leak_scan *s, uint64_t off, uint64_t *size)
{
	uint64_t *white, bit;
	uint32_t info;

	if (unlikely(off >= s->used || off % 16))
		return false;
	white = &s->white[off >> 10];
	bit = (uint64_t)1 << (off >> 4 & 63);
	info = s->pages[off >> PAGE_SHIFT];
	if (!(*white & bit) || unlikely(info & PAGE_SPECIAL))
		return false;
	*white &= ~bit;
	*size = s->caches[PAGE_CACHE(info)].object_size;
	return true;
}

/* Words that were found go to the stack, which has room for all of them, or through judge_word. */
static __attribute__((noinline)) void judge_found(struct leak_scan *s)
{
	bool plain = s->mode == SCAN_MARK && !s->speculation && s->top + FOUND <= s->max_stack;
	uint32_t n = s->nr_found;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t word = s->found[i], size;
		if (likely(plain) && reach_plain(s, word - s->base, &size))
			push_span(s, word, size);
		else
			judge_word(s, word);
	}
	s->nr_found = 0;
}

static inline __attribute__((always_inline)) void find(struct leak_scan *s, const uint64_t *p, unsigned mask)
{
	for (; mask; mask &= mask - 1)
		s->found[s->nr_found++] = p[__builtin_ctz(mask)];
}

/* ---- reading --------------------------------------------------------------------------------- */

static __attribute__((noinline)) void scan_words(struct leak_scan *s, const uint64_t *p, size_t n)
{
	struct arch_filter filter = s->filter;
	unsigned mask;
	size_t i;

	for (i = 0; i < n; i += PAGE_SIZE / 8)
		__builtin_prefetch((const char *)(p + i) + PAGES_AHEAD);
	for (i = 0; i + 8 <= n; i += 8) {
		mask = arch_filter_8(&filter, p + i);
		if (likely(!mask))
			continue;
		if (unlikely(s->nr_found > FOUND - 8))
			judge_found(s);
		find(s, p + i, mask);
	}
	if (s->nr_found > FOUND - 8)
		judge_found(s);
	for (; i < n; i++)
		if (scan_may_point(s, p[i]))
			s->found[s->nr_found++] = p[i];
}

/* A damaged process may claim an object of terabytes. Once so much of its objects could not be read, the rest of one
 * that cannot be read is left out. */
#define UNREAD_MAX ((uint64_t)16 << 30)

static bool give_up(struct leak_scan *s, size_t n)
{
	s->unread += n;
	return s->unread > UNREAD_MAX;
}

/* Reads a piece; the rest goes back to the stack. */
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
	if (unlikely(s->nr_registered && !(flags & SPAN_WHOLE))) {
		n = scan_registered_part(s, span.addr, n, &skip);
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
		size_t got = s->mem->read(s->mem, s->buffer, span.addr, n);

		if (!got && !s->mem->here && give_up(s, n) && span.size > n)
			s->top--;
		n = got;
		p = s->buffer;
	}
	scan_words(s, p, n / 8);
	s->current.size = 0;
}

static inline bool is_direct(const struct leak_scan *s, const struct scan_span *span)
{
	return s->mem->here && span->size <= SMALL && span->addr % 8 == 0;
}

/* Which words of an object of at most 64 bytes may be pointers.  Bytes behind the object may be read, since they are in
 * the same page. */
static inline bool is_block(const struct scan_span *span)
{
	return span->size <= BLOCK && span->addr % PAGE_SIZE <= PAGE_SIZE - BLOCK;
}

static inline __attribute__((always_inline)) unsigned filter_block(struct leak_scan *s, const struct scan_span *span)
{
	s->current = (struct scan_span){ span->addr, BLOCK };
	return arch_filter_8(&s->filter, (const void *)(uintptr_t)span->addr) & ((1u << span->size / 8) - 1);
}

static inline __attribute__((always_inline)) void scan_span(struct leak_scan *s, struct scan_span span)
{
	const uint64_t *p = (const uint64_t *)(uintptr_t)span.addr;

	if (unlikely(!is_direct(s, &span))) {
		scan_piece(s, span);
		return;
	}
	s->stats.scanned_bytes += span.size;
	if (likely(is_block(&span))) {
		if (unlikely(s->nr_found > FOUND - 8))
			judge_found(s);
		find(s, p, filter_block(s, &span));
	} else {
		s->current = span;
		scan_words(s, p, span.size / 8);
	}
	s->current.size = 0;
}

/* ---- lists ----------------------------------------------------------------------------------- */

/* Notes a step to addr: is it near one of the last few, where the processor may have looked ahead?  (Lists may be
 * followed in turns, hence a few.) */
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

/* The one link of a node that does not lead back: nodes of lists that are linked both ways have two.  Else false. */
static bool link_find(const uint64_t *p, unsigned mask, uint64_t before, uint32_t *link)
{
	unsigned found = 0;

	for (; mask; mask &= mask - 1) {
		unsigned i = (unsigned)__builtin_ctz(mask);
		if (p[i] == before)
			continue;
		*link = i;
		found++;
	}
	return found == 1;
}

/* The size of all objects in the page of addr; 0: there is no such size. */
static uint64_t node_size(const struct leak_scan *s, uint64_t addr)
{
	uint64_t off = addr - s->base;
	uint32_t info = off < s->used ? s->pages[off >> PAGE_SHIFT] : PAGE_AREA;

	return info & PAGE_SPECIAL ? 0 : s->caches[PAGE_CACHE(info)].object_size;
}

struct walk {
	uint64_t addr, size, before, bytes;
	uint32_t link, steps;
};

/* Walks along a list as long as its nodes lie in one page.  Returns the link in the last node read; 0: it has no plain
 * one. */
static inline __attribute__((always_inline)) uint64_t follow_in_page(struct leak_scan *s, struct walk *w)
{
	const struct arch_filter filter = s->filter;
	const uint64_t base = s->base, used = s->used, node = node_size(s, w->addr),
		       same = node && s->far >= PAGE_SIZE ? PAGE_SIZE : 0;
	uint64_t *const white = s->white, addr = w->addr, before = w->before, next = 0, bytes = 0;
	unsigned words = (1u << w->size / 8) - 1, more = (1u << node / 8 % 16) - 1, mask;
	uint32_t link = w->link, steps = 0;

	s->current.size = BLOCK;
	while (addr % PAGE_SIZE <= PAGE_SIZE - BLOCK) {
		const uint64_t *p = (const uint64_t *)(uintptr_t)addr;
		uint64_t off, bits;

		s->current.addr = addr;
		mask = arch_filter_8(&filter, p) & words;
		if (unlikely(mask != 1u << link) && !link_find(p, mask, before, &link)) {
			next = 0;
			break;
		}
		next = p[link];
		off = next - base;
		if ((next ^ addr) >= same || unlikely(off >= used || off % 16))
			break;
		bits = white[off >> 10];
		if (unlikely(!(bits >> (off >> 4 & 63) & 1)))
			break;
		white[off >> 10] = bits & ~((uint64_t)1 << (off >> 4 & 63));
		/* Until it is sorted, a list lies in memory in the order of allocation, or in reverse. */
		__builtin_prefetch((void *)(uintptr_t)(next + (uint64_t)(next > addr ? AHEAD : -AHEAD)));
		before = addr;
		addr = next;
		next = 0;
		words = more;
		steps++;
		if (unlikely(node > BLOCK))
			break;
	}
	s->current.size = 0;
	if (steps) {
		bytes = w->size + (steps - 1) * node;
		*w = (struct walk){ addr, node, before, w->bytes + bytes, link, w->steps + steps };
	}
	w->link = link;
	return next;
}

/* Walks along the plain part of a list: small nodes, each with one pointer to a white object, at the place where the
 * node before has it.  Stops at the first other node, which has not been read yet, or after a long step.  *before: the
 * node before that one. */
static __attribute__((noinline)) struct scan_span follow_plain(struct leak_scan *s, struct scan_span span,
                                                               uint64_t *before)
{
	struct walk w = { span.addr, span.size, *before, 0, 0, 0 };
	bool near = true;

	while (near && w.size <= BLOCK) {
		uint64_t next = follow_in_page(s, &w), size;
		if (!next || !reach_plain(s, next - s->base, &size))
			break;
		near = next - w.addr + s->far <= 2 * s->far;
		__builtin_prefetch((void *)(uintptr_t)(next + (uint64_t)(next > w.addr ? PAGES_AHEAD : -PAGES_AHEAD)));
		w = (struct walk){ next, size, w.addr, w.bytes + w.size, w.link, w.steps + near };
	}
	if (w.bytes)
		s->last[s->steps++ % ARRAY_SIZE(s->last)] = w.before;
	s->lean -= MIN(s->lean, w.steps);
	s->stats.scanned_bytes += w.bytes;
	*before = w.before;
	return (struct scan_span){ w.addr, w.size };
}

static bool can_follow(const struct leak_scan *s, const struct scan_span *span)
{
	return s->mode == SCAN_MARK && is_direct(s, span);
}

/* Walks along a list, which offers one object at a time, without going through the stack.  When there are other
 * objects, only while its nodes are neighbours; otherwise they take turns. */
static void follow_links(struct leak_scan *s, struct scan_span span, bool alone)
{
	size_t base = s->top;
	uint64_t before = 0;

	for (;;) {
		bool near = true;
		if (!s->speculation && s->top < s->max_stack) {
			uint64_t from = span.addr;
			span = follow_plain(s, span, &before);
			near = span.addr == from || note_step(s, span.addr);
		}
		if (near) {
			scan_span(s, span);
			judge_found(s);
			if (s->top != base + 1)
				return;
			before = span.addr;
			span = s->stack[--s->top];
			near = note_step(s, span.addr);
		}
		if (!can_follow(s, &span) || (!near && !alone) || s->lean > s->lean_limit) {
			push_span(s, span.addr, span.size);
			return;
		}
	}
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void take_batch(struct leak_scan *s)
{
	uint32_t n = (uint32_t)MIN(s->top, (size_t)BATCH);

	s->top -= n;
	for (uint32_t i = 0; i < n; i++)
		s->batch[i] = s->stack[s->top + i];
	for (uint32_t i = 0; i < n && s->mem->here; i++) {
		uint64_t addr = s->batch[i].addr;
		__builtin_prefetch((void *)(uintptr_t)addr);
		__builtin_prefetch((void *)(uintptr_t)(addr + MIN(s->batch[i].size, 2 * BLOCK) - 1));
	}
	s->batch_at = 0;
	s->nr_batch = n;
}

static bool wants_speculation(const struct leak_scan *s)
{
	return s->final && !s->tried && s->mode == SCAN_MARK && s->mem->here && !s->overflowed && !s->nr_registered;
}

/* There are few objects to choose from. */
static void drain_few(struct leak_scan *s, bool alone)
{
	struct scan_span first = s->batch[s->batch_at];
	bool lean = s->lean > s->lean_limit;

	note_step(s, first.addr);
	if (unlikely(lean || s->lean > s->lean_limit)) {
		s->lean = 0;
		if (wants_speculation(s)) {
			s->tried = true;
			speculate_walk(s);
		}
	}
	s->batch_at++;
	if (can_follow(s, &first))
		follow_links(s, first, alone);
	else
		scan_span(s, first);
}

static __attribute__((noinline)) void drain_objects(struct leak_scan *s)
{
	for (;;) {
		if (s->batch_at == s->nr_batch)
			take_batch(s);
		if (s->nr_batch - s->batch_at > FEW)
			while (s->batch_at < s->nr_batch)
				scan_span(s, s->batch[s->batch_at++]);
		else if (s->batch_at < s->nr_batch)
			drain_few(s, s->batch_at + 1 == s->nr_batch && !s->top);
		else if (!s->nr_found && !(s->speculation && speculate_next(s, scan_reach)) &&
		         !(s->next && !s->nr_closed && s->next(s)))
			return;
		judge_found(s);
	}
}

/* Roots come first: the more objects there are to choose from, the less time is spent waiting. */
static void drain_loop(struct leak_scan *s)
{
	while (s->root.size) {
		struct scan_span piece = { s->root.addr, MIN(s->root.size, CHUNK - s->root.addr % CHUNK) };
		s->root.addr += piece.size;
		s->root.size -= piece.size;
		scan_piece(s, piece);
		judge_found(s);
		if (s->top > s->max_stack / 2)
			drain_objects(s);
	}
	judge_found(s);
	if (s->final || s->top > s->max_stack / 2)
		drain_objects(s);
}

/* ---- faults ---------------------------------------------------------------------------------- */

/* The scan that is running in this process.  Only its reads can fault on behalf of a scan. */
static struct leak_scan *volatile running;

/* The program may have taken away the right to read a page that holds pointers: a garbage collector does, for a
 * moment.  Such pages are read by the kernel, which fails only where there is nothing. */
static void note_closed(struct leak_scan *s, uint64_t start, uint64_t end)
{
	if (s->mem->read_forced && !s->counting && s->nr_closed < SCAN_CLOSED_MAX)
		s->closed[s->nr_closed++] = (struct scan_span){ start, end - start };
}

static void drain_closed(struct leak_scan *s)
{
	struct scan_span span = s->closed[--s->nr_closed];

	scan_words(s, (const uint64_t *)s->buffer, s->mem->read_forced(s->mem, s->buffer, span.addr, span.size) / 8);
	judge_found(s);
}

/* The page is guarded, or behind the end of a truncated file.  Words found before it stay found. */
void leak_scan_faulted(uint64_t addr)
{
	struct leak_scan *s = running;
	uint64_t start, end;

	if (!s || addr - s->current.addr >= s->current.size)
		return;
	addr = ALIGN_DOWN(addr, PAGE_SIZE) + PAGE_SIZE;
	start = s->current.addr;
	end = start + s->current.size;
	s->current.size = 0;
	if (s->counting)
		speculate_give_up(s);
	else if (addr < end)
		push_span(s, addr, end - addr);
	note_closed(s, MAX(start, addr - PAGE_SIZE), MIN(end, addr));
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
	if (!s->mem->faults) {
		drain_loop(s);
		return;
	}
	drain_faulting(s);
	while (s->nr_closed) {
		drain_closed(s);
		drain_faulting(s);
	}
}

void scan_root_words(struct leak_scan *s, const uint64_t *words, size_t n)
{
	scan_words(s, words, n);
	judge_found(s);
}
