/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/unwind_save.c - saves stacks in the depot. A stack like the last one costs less than a walk.
 *
 * Four ideas, each built on the one before (the walk itself is in unwind.c):
 *
 * 1. The depot makes the hash of a stack from the hash of its outer frames. So outer frames that did not change need no
 * lookup, and one lookup finds the whole stack.
 *
 * 2. A thread's last trace remembers each frame's state (pc, sp, rbp) and the words that the state was read from. A
 * state and a row determine where the next state is read. So when a new walk comes to a remembered state, and all words
 * further out still have the same values, the walk would go on to the same frames. They are kept, whether or not these
 * are the same activations. A loop that allocates pays for its innermost frames, and for each other frame one or two
 * compares.
 *
 *        outermost  frame 1     pc sp rbp  read from  a1 b1      compared, from the inside out
 *                   frame 2     pc sp rbp  read from  a2 b2      compared
 *                   frame 3     pc sp rbp  ◄── the new walk is in this state: only frames further in are new
 *
 * In code without frame pointers rbp may hold any value, and a different one each time. This value, in a state or in
 * the word where it was saved, matters only if a frame further out finds its CFA by it (FRAME_NEEDS_FP).
 *
 * 3. A frame that is kept knows its handle in the depot. A few new frames are looked up among the children of that
 * node. A recursion over a tree thus finds its stacks in the order in which it first made them, which is the order of
 * the nodes in memory. The depot's table would be read at a different place for each of them.
 *
 * The thread also remembers the handles of a few thousand paths by their hashes. So a recursion over a small tree needs
 * no node, and one whose functions have many calls does not search the table again and again.
 *
 * 4. A loop comes back to the same few states: each caller of malloc or free has one. For such a state memsan remembers
 * the handle and every word that the walk read. While all words have the same values, the handle is the same (struct
 * memo).
 *
 * A step through a whole row may have read other words and registers, so its frame remembers a word that never compares
 * equal. A trace that was cut off at the depth limit is reused only while it is deep enough: saved stacks have at least
 * options.stack_depth frames, or all.
 */
#include "lib/lib_internal.h"

/* ---- per-thread state ------------------------------------------------------------------------ */

/* A frame of the walk that is under way. */
struct walked {
	struct frame f; /* the state when this frame is the innermost */
	struct origin from;
	uint64_t row;
};

/* A word that a walk read. */
struct word {
	uintptr_t at, value;
};

/* Bits of trace_frame.flags. */
#define FRAME_HIDDEN 1u      /* a frame of memsan's, left out */
#define FRAME_INHERITS_FP 2u /* no word: the frame further in has the same fp */
#define FRAME_NEEDS_FP 4u    /* the walk outwards depends on fp in this state */
/* and of all frames further out: */
#define FRAME_ODD 8u      /* one of the rows is not plain */
#define FRAME_FOREIGN 16u /* one of the origins is not on the thread's own stack */

/* A frame of the last trace. Its pc, and the word that the pc was read from, are its link. */
struct trace_frame {
	uintptr_t sp, fp;
	uint64_t hash;       /* the depot's hash of this frame and all outer ones */
	stack_handle handle; /* of these frames; 0: look it up by the hash */
	uint16_t depth;      /* how many frames the hash covers */
	uint16_t nr_others;  /* how many of the other words this frame and all outer ones were read from */
	uint8_t flags;
};

/* Saved frame pointers that matter, and CFAs in memory. */
struct other_word {
	struct word word;
	uint32_t frame;
};

#define TRACE_FRESH (STACK_FRAMES_MAX + 32) /* frames of one walk; 32 more for memsan's, which do not count */
#define TRACE_MAX (TRACE_FRESH + 256)
#define TRACE_STEPS 4 /* so many new frames are looked up one after the other */

/* The stack that was saved for one state of a caller. Only complete stacks with plain rows on the thread's own stack
 * are remembered: a compare is the only check that their words need. A state is remembered when it comes to its place
 * in the table twice in a row, with the same stack. Most states never come again, and to keep their words would be
 * wasted work. */
#define MEMO_BITS 8
#define MEMO_FRAMES 24
struct memo {
	uintptr_t pc, sp, ret; /* the state: pc and sp in a function of memsan's, and its return address */
	uintptr_t fp, fp_mask; /* its fp; mask 0: the walk did not depend on fp */
	stack_handle handle;   /* 0: the words are not kept */
	stack_handle last;     /* the stack that the last walk from this state found */
	uint32_t nr;           /* how many words the walk read, an even number */
	uint32_t line[3];
};
_Static_assert(sizeof(struct memo) == 64, "one line of the cache");
#define MEMO_WORDS (2 * MEMO_FRAMES + 2)

#define KNOWN_BITS 12
#define KNOWN_HANDLE (((uint64_t)1 << STACK_HANDLE_BITS) - 1)

/* Used only by its thread; unwind_busy keeps that thread's signal handlers out. Too big for a thread's own stack. */
struct unwind_thread {
	struct memo memos[1 << MEMO_BITS]; /* valid for `salt`; each fills one cache line */
	struct unwind_thread *next_free;
	struct stack_view view;
	uint64_t salt; /* unwind_salt of the last trace */
	uint32_t nr;
	bool complete;   /* the trace reaches the end of the stack, not only the depth limit */
	bool new_stacks; /* the depot did not know the last stack that was searched by its hash */
	struct word memo_words[1 << MEMO_BITS][MEMO_WORDS];
	/* The last trace. The outermost frame is 1; frame 0 stands for the empty stack. A trace ends with the function
	 * that called the walk's first: the first is at an instruction, not at a return address, so no later walk meets
	 * it as a caller. */
	struct word links[TRACE_MAX + 1];
	struct trace_frame frames[TRACE_MAX + 1];
	struct other_word others[2 * TRACE_MAX];
	struct walked fresh[TRACE_FRESH]; /* the present walk's frames, innermost first */
	/* Paths that were looked up: the upper bits of the hash, and the handle, as in the depot's table. */
	uint64_t known[1 << KNOWN_BITS];
};

static TLS_IE struct unwind_thread *unwind_self;
static TLS_IE bool unwind_busy;

/* Guards the list of blocks left by threads that ended. */
static struct ranked_lock free_lock = RANKED_LOCK_INIT(LOCK_RANK_LEAF);
static struct unwind_thread *free_blocks;

static struct unwind_thread *thread_block_take(void)
{
	struct unwind_thread *t;

	lock_acquire(&free_lock);
	t = free_blocks;
	if (t)
		free_blocks = t->next_free;
	lock_release(&free_lock);
	if (t)
		mem_set(t->memos, 0, sizeof(t->memos));
	else if ((t = meta_alloc(sizeof(*t) + sizeof(struct memo), COST_UNWIND)) != NULL)
		t = (struct unwind_thread *)ALIGN_UP((uintptr_t)t, sizeof(struct memo));
	return t;
}

static __cold_path struct unwind_thread *thread_block_first(void)
{
	static bool registered;
	bool outer = depot_busy;
	struct unwind_thread *t;

	depot_busy = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&registered, __ATOMIC_RELAXED)) {
		lock_register_for_fork(&free_lock);
		__atomic_store_n(&registered, true, __ATOMIC_RELAXED);
	}
	t = thread_block_take();
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	depot_busy = outer;
	if (!t)
		return NULL;
	t->nr = 0;
	t->salt = __atomic_load_n(&unwind_salt, __ATOMIC_RELAXED);
	mem_set(&t->view, 0, sizeof(t->view));
	unwind_self = t;
	return t;
}

/* Takes this thread's block until thread_leave. NULL: this is a signal handler that interrupted a use of the block, or
 * there is no memory. The walk then does without the block. */
__inline_hot struct unwind_thread *thread_enter(void)
{
	struct unwind_thread *t;

	if (unlikely(unwind_busy))
		return NULL;
	unwind_busy = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	t = unwind_self;
	if (unlikely(!t) && !(t = thread_block_first()))
		unwind_busy = false;
	return t;
}

__inline_hot void thread_leave(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	unwind_busy = false;
}

struct stack_view *unwind_enter_view(void)
{
	struct unwind_thread *t = thread_enter();

	return t ? &t->view : NULL;
}

void unwind_leave(void)
{
	thread_leave();
}

void unwind_thread_exit(void)
{
	struct unwind_thread *t = unwind_self;
	bool outer;

	if (!t || unwind_busy)
		return;
	unwind_busy = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	unwind_self = NULL;
	outer = depot_busy;
	depot_busy = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	lock_acquire(&free_lock);
	t->next_free = free_blocks;
	free_blocks = t;
	lock_release(&free_lock);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	depot_busy = outer;
	thread_leave();
}

/* ---- saving, with the last trace ------------------------------------------------------------- */

static bool word_unchanged(const struct word *w)
{
	return stack_word(w->at) == w->value;
}

/* Outside the thread's own stack, words that were readable may have been unmapped. */
static bool word_still_there(struct stack_view *view, const struct word *w)
{
	return w->at != (uintptr_t)&unwind_never && stack_readable(view, w->at) && word_unchanged(w);
}

static __cold_path bool trace_still_there(struct unwind_thread *t, uint32_t i)
{
	for (uint32_t k = i - 1; k > 0; k--)
		if (!word_still_there(&t->view, &t->links[k]))
			return false;
	for (uint32_t k = t->frames[i - 1].nr_others; k-- > 0;)
		if (!word_still_there(&t->view, &t->others[k].word))
			return false;
	return true;
}

/* Do all words that led to the frames outside frame i still have their old values? *changed is a frame that is known to
 * have changed. With it, a walk that meets many remembered states compares each word only once. */
static inline bool trace_unchanged(struct unwind_thread *t, uint32_t i, uint32_t *changed)
{
	const struct word *link = &t->links[i - 1];

	if (unlikely(t->frames[i - 1].flags & FRAME_FOREIGN))
		return trace_still_there(t, i);
	if (i > *changed)
		return false;
	for (; link > t->links; link--)
		if (unlikely(!word_unchanged(link))) {
			*changed = (uint32_t)(link - t->links);
			return false;
		}
	for (uint32_t k = t->frames[i - 1].nr_others; k-- > 0;)
		if (unlikely(!word_unchanged(&t->others[k].word))) {
			*changed = t->others[k].frame;
			return false;
		}
	return true;
}

/* The remembered frame with state f, or 0. *cursor: the innermost frame that can still match, since both lists get
 * shallower. Frame 0 has sp 0 and no pc. */
__inline_hot uint32_t trace_match(const struct unwind_thread *t, uint32_t *cursor, const struct frame *f)
{
	uint32_t i = *cursor;
	const struct trace_frame *known;

	while (i && t->frames[i].sp < f->sp)
		i--;
	*cursor = i;
	known = &t->frames[i];
	if (known->sp != f->sp || t->links[i].value != f->pc)
		return 0;
	return known->fp == f->fp || !(known->flags & FRAME_NEEDS_FP) ? i : 0;
}

/* Is a word of the origin outside home, so that the next walk cannot rely on it? */
static bool origin_foreign(const struct stack_view *view, const struct origin *o)
{
	return !window_holds(&view->home, o->pc_at) || (o->fp_at && !window_holds(&view->home, o->fp_at)) ||
	       (o->cfa_at && !window_holds(&view->home, o->cfa_at));
}

static void trace_add_other(struct unwind_thread *t, uint32_t i, uintptr_t at, uintptr_t value)
{
	t->others[t->frames[i].nr_others++] = (struct other_word){ { at, value }, i };
}

/* Where frame i was read from this time. All frames outside it are in place. */
__inline_hot void trace_set_origin(struct unwind_thread *t, uint32_t i, const struct origin *from)
{
	struct trace_frame *f = &t->frames[i];

	t->links[i].at = from->pc_at;
	f->nr_others = f[-1].nr_others;
	if (!from->fp_at)
		f->flags |= FRAME_INHERITS_FP;
	else if (f->flags & FRAME_NEEDS_FP)
		trace_add_other(t, i, from->fp_at, f->fp);
	if (unlikely(from->cfa_at))
		trace_add_other(t, i, from->cfa_at, f->sp);
	if (unlikely(t->view.foreign)) {
		struct origin o = *from; /* a pointer to the walk's would keep that in memory */
		f->flags |= origin_foreign(&t->view, &o) ? FRAME_FOREIGN : 0;
	}
}

/* Does the walk from a frame outwards depend on fp in this frame's state? */
__inline_hot bool trace_needs_fp(const struct trace_frame *outer, unsigned kind)
{
	const unsigned inherited = FRAME_INHERITS_FP | FRAME_NEEDS_FP;

	return (kind != ROW_SP && kind != ROW_END) || (outer->flags & inherited) == inherited;
}

/* Adds a frame to the trace. A hidden frame adds nothing to the stack. */
__inline_hot void trace_add(struct unwind_thread *t, const struct walked *w)
{
	uint32_t i = ++t->nr;
	struct trace_frame *f = &t->frames[i];
	const struct trace_frame *outer = f - 1;
	unsigned kind = ROW_KIND(w->row), flags = outer->flags & (FRAME_ODD | FRAME_FOREIGN);

	if (trace_needs_fp(outer, kind))
		flags |= FRAME_NEEDS_FP;
	if (unlikely(kind > ROW_FP && kind != ROW_END))
		flags |= FRAME_ODD;
	t->links[i].value = w->f.pc;
	f->sp = w->f.sp;
	f->fp = w->f.fp;
	if (unlikely(w->row & ROW_HIDDEN)) {
		flags |= FRAME_HIDDEN;
		f->hash = outer->hash;
		f->handle = outer->handle;
		f->depth = outer->depth;
	} else {
		f->hash = depot_mix(outer->hash, w->f.pc);
		f->handle = 0;
		f->depth = (uint16_t)(outer->depth + 1);
	}
	f->flags = (uint8_t)flags;
	trace_set_origin(t, i, &w->from);
}

/* ---- the handle of a trace ------------------------------------------------------------------- */

__inline_hot bool has_handle(const struct trace_frame *f)
{
	return f->handle || !f->depth;
}

/* Gives frame i its handle, when the frame outside it has one. False: the depot is full, or a signal handler must not
 * insert. Then the trace ends there: no stack has holes. */
static bool trace_add_handle(struct unwind_thread *t, uint32_t i)
{
	struct trace_frame *f = &t->frames[i];
	const struct trace_frame *outer = f - 1;

	f->handle = outer->handle;
	if (unlikely(f->flags & FRAME_HIDDEN))
		return true;
	f->handle = depot_add(outer->handle, outer->hash, f->hash, t->links[i].value);
	if (likely(f->handle != outer->handle))
		return true;
	t->nr = i - 1;
	return false;
}

/* The path with that hash; 0: this thread does not remember it. */
__inline_hot stack_handle known_find(const struct unwind_thread *t, uint64_t hash)
{
	uint64_t i = t->known[hash % ARRAY_SIZE(t->known)] ^ (hash & ~KNOWN_HANDLE);

	return i <= KNOWN_HANDLE ? (stack_handle)i : 0;
}

__inline_hot void known_keep(struct unwind_thread *t, uint64_t hash, stack_handle handle)
{
	t->known[hash % ARRAY_SIZE(t->known)] = (hash & ~KNOWN_HANDLE) | handle;
}

/* Gives frame i, which the thread does not remember, its handle. False: the depot is full. */
static __attribute__((noinline)) bool trace_step(struct unwind_thread *t, uint32_t i)
{
	struct trace_frame *f = &t->frames[i];

	f->handle = depot_step(f[-1].handle, t->links[i].value);
	/* A function with many calls has more children than the node's list. No lock is needed to find one of them. */
	if (!f->handle)
		f->handle = depot_find(f[-1].hash, f->hash);
	if (!f->handle && !trace_add_handle(t, i))
		return false;
	known_keep(t, f->hash, f->handle);
	return true;
}

/* Looks for each frame inside frame `from` among the children of the frame outside it. */
__inline_hot bool trace_step_inwards(struct unwind_thread *t, uint32_t from)
{
	for (uint32_t i = from + 1; i <= t->nr; i++) {
		struct trace_frame *f = &t->frames[i];

		f->handle = f->flags & FRAME_HIDDEN ? f[-1].handle : known_find(t, f->hash);
		if (unlikely(!f->handle) && f->depth && !trace_step(t, i))
			return false;
	}
	return true;
}

/* Inserts a new stack: goes outwards to the first frame that the depot knows, then inwards, and adds each frame. */
static __cold_path bool trace_insert(struct unwind_thread *t)
{
	uint32_t i = t->nr;

	for (; !has_handle(&t->frames[i]); i--)
		if (!(t->frames[i].flags & FRAME_HIDDEN) &&
		    (t->frames[i].handle = depot_find(t->frames[i - 1].hash, t->frames[i].hash)) != 0)
			break;
	while (i++ < t->nr)
		if (!trace_add_handle(t, i))
			return false;
	return true;
}

/* Called when the last stack was new. If this stack is new too, the depot nearly always knows the stack of one of its
 * next few frames. Prefetches the lines of all of them at once. */
static void trace_expect(const struct unwind_thread *t)
{
	for (uint32_t i = t->nr; i > 0 && t->nr - i < 5; i--)
		depot_expect(t->frames[i - 1].hash);
}

/* Finds the whole stack by its hash. A few frames outside get their handles too. */
static bool trace_find(struct unwind_thread *t)
{
	uint32_t i = t->nr;
	stack_handle handle;

	if (t->new_stacks)
		trace_expect(t);
	while (t->frames[i].flags & FRAME_HIDDEN)
		i--;
	handle = depot_find(t->frames[i - 1].hash, t->frames[i].hash);
	t->new_stacks = !handle;
	if (unlikely(!handle))
		return trace_insert(t);
	for (uint32_t k = i; k <= t->nr; k++)
		t->frames[k].handle = handle;
	for (; i > 1 && t->nr - i < TRACE_STEPS && !has_handle(&t->frames[i - 1]); i--) {
		if (!(t->frames[i].flags & FRAME_HIDDEN))
			handle = depot_parent(handle);
		t->frames[i - 1].handle = handle;
	}
	return true;
}

/* The trace's handle, after frames were added to the outermost `keep`. False: the depot has only a part of the
 * stack. */
__inline_hot bool trace_find_handle(struct unwind_thread *t, uint32_t keep)
{
	const struct trace_frame *f = &t->frames[t->nr], *kept = &t->frames[keep];

	if (has_handle(f))
		return true;
	if (likely(has_handle(kept) && f->depth - kept->depth <= TRACE_STEPS))
		return trace_step_inwards(t, keep);
	return trace_find(t);
}

/* The innermost frame is not part of the trace. If it is not hidden, it is part of the stack. */
static __attribute__((noinline)) stack_handle trace_with_innermost(const struct trace_frame *f, uintptr_t pc)
{
	stack_handle handle = depot_step(f->handle, pc);

	return handle ? handle : depot_add(f->handle, f->hash, depot_mix(f->hash, pc), pc);
}

/* ---- the walk -------------------------------------------------------------------------------- */

/* May frame i and those outside be reused below `shown` new frames that are not hidden, of `n` in all? If the trace was
 * cut off, the stack must still have `least` frames. No stack may be too deep. */
__inline_hot bool trace_depth_fits(const struct unwind_thread *t, uint32_t i, uint32_t shown, uint32_t n,
                                   uint32_t least, uint32_t most)
{
	return t->frames[i].depth + shown - least <= most - least && i + n <= TRACE_MAX;
}

/* Walks up to a remembered frame that is unchanged, the end of the stack, or the limit. Returns how many remembered
 * frames to keep. */
__inline_hot uint32_t trace_walk(struct unwind_thread *t, const struct unwind_regs *regs, uint32_t limit,
                                 uint32_t *nr_fresh)
{
	struct walk w;
	struct frame f = frame_first(regs);
	struct origin from = { .pc_at = (uintptr_t)&unwind_never };
	uint32_t cursor = t->nr, changed = t->nr + 1, n = 0, shown = 0, i;
	/* A quarter more than the limit: after a deeper recursion returns a little, the trace can still be reused. */
	uint32_t max = MIN(limit + limit / 4, (uint32_t)STACK_FRAMES_MAX);
	uint32_t least = t->complete ? 0 : limit, most = MIN(2 * limit, (uint32_t)STACK_FRAMES_MAX);

	walk_begin(&w, &t->view, &f);
	for (struct walked *fresh = t->fresh;; fresh++) {
		uint64_t row = row_of(f.pc - 1);

		/* Word by word: a wider copy would wait until the step's stores have reached the cache. */
		fresh->f.pc = f.pc;
		fresh->f.sp = f.sp;
		fresh->f.fp = f.fp;
		fresh->from.pc_at = from.pc_at;
		fresh->from.fp_at = from.fp_at;
		fresh->from.cfa_at = from.cfa_at;
		fresh->row = row;
		shown += !(row & ROW_HIDDEN);
		*nr_fresh = ++n;
		if (unlikely(n >= max) && (shown >= max || n >= TRACE_FRESH)) {
			t->complete = false;
			return 0;
		}
		if (!walk_step(&w, &f, row, &from)) {
			t->complete = true;
			return 0;
		}
		i = trace_match(t, &cursor, &f);
		if (i && trace_depth_fits(t, i, shown, n, least, most) && trace_unchanged(t, i, &changed)) {
			/* The frame inside may be of another function this time, which saved rbp elsewhere. */
			t->frames[i].fp = f.fp;
			t->frames[i].flags &= (uint8_t) ~(FRAME_INHERITS_FP | FRAME_FOREIGN);
			t->frames[i].flags |= t->frames[i - 1].flags & FRAME_FOREIGN;
			trace_set_origin(t, i, &from);
			return i;
		}
	}
}

/* ---- what was saved for a state -------------------------------------------------------------- */

/* The place of this caller's state in the table. With an unknown caller `ret` is 0, and nothing is kept there. */
__inline_hot struct memo *memo_at(struct unwind_thread *t, const struct unwind_regs *regs)
{
	return &t->memos[(regs->ret ^ regs->sp) * 0x9e3779b97f4a7c15ULL >> (64 - MEMO_BITS)];
}

__inline_hot bool memo_is_of(const struct memo *m, const struct unwind_regs *regs)
{
	return ((m->pc ^ regs->pc) | (m->sp ^ regs->sp) | (m->ret ^ regs->ret)) == 0;
}

__inline_hot struct word *memo_words(struct unwind_thread *t, const struct memo *m)
{
	return t->memo_words[m - t->memos];
}

/* 0: not remembered, or a word has changed. */
__inline_hot stack_handle memo_find(struct unwind_thread *t, const struct memo *m, const struct unwind_regs *regs)
{
	const struct word *w = memo_words(t, m), *end = w + m->nr;
	uintptr_t changed = (m->fp ^ regs->fp) & m->fp_mask;

	if (!memo_is_of(m, regs) || !m->handle)
		return 0;
	for (; w < end; w += 2)
		changed |= (stack_word(w[0].at) ^ w[0].value) | (stack_word(w[1].at) ^ w[1].value);
	return changed ? 0 : m->handle;
}

/* Collects the words that the walk read. False: the stack is cut off or too deep, has a step that is not plain, has
 * code outside all modules (a module may be loaded there later), or leaves the thread's own stack. The state covers
 * memsan's own frame and the return address in its caller (memo_is_of), the innermost frame of the trace. */
static bool memo_fill(struct unwind_thread *t, struct memo *m, const struct unwind_regs *regs)
{
	const struct trace_frame *f = &t->frames[t->nr];
	unsigned kind = ROW_KIND(t->fresh[0].row);
	struct word *words = memo_words(t, m), *w = words;

	if (!t->complete || t->nr < 1 || t->nr > MEMO_FRAMES + 1 || t->view.foreign ||
	    f->flags & (FRAME_FOREIGN | FRAME_ODD) || !(t->fresh[0].row & ROW_HIDDEN) || kind > ROW_FP ||
	    t->links[t->nr].value != regs->ret)
		return false;
	for (uint32_t i = t->nr - 1; i > 0; i--)
		*w++ = t->links[i];
	for (uint32_t i = 0; i < f->nr_others; i++)
		*w++ = t->others[i].word;
	m->fp_mask = trace_needs_fp(f, kind) ? UINTPTR_MAX : 0;
	if ((w - words) % 2) {
		*w = w[-1];
		w++;
	}
	m->nr = (uint32_t)(w - words);
	return true;
}

/* whole: the depot has all of the stack. */
static void memo_keep(struct unwind_thread *t, struct memo *m, const struct unwind_regs *regs, stack_handle handle,
                      bool whole)
{
	bool again = memo_is_of(m, regs) && m->last == handle && regs->ret && whole;

	m->pc = regs->pc;
	m->sp = regs->sp;
	m->ret = regs->ret;
	m->fp = regs->fp;
	m->last = handle;
	m->handle = again && memo_fill(t, m, regs) ? handle : 0;
}

struct plain_save {
	const struct unwind_regs *regs;
	stack_handle handle;
};

static void save_deep(void *arg)
{
	struct plain_save *s = arg;
	uintptr_t pcs[64];
	size_t n = unwind_walk_alone(s->regs, pcs, MIN(options.stack_depth, ARRAY_SIZE(pcs)));

	s->handle = depot_save(pcs, n);
}

/* For a signal handler that interrupted this code, or without memory for the thread's block. */
static __cold_path stack_handle save_plainly(const struct unwind_regs *regs)
{
	struct plain_save s = { regs, 0 };

	deep_run(save_deep, &s);
	return s.handle;
}

/* For a state that is not remembered. Calls thread_leave at its end. */
static __attribute__((noinline)) stack_handle save_walking(struct unwind_thread *t, const struct unwind_regs *regs,
                                                           struct memo *m)
{
	uint32_t nr_fresh, keep = trace_walk(t, regs, (uint32_t)MIN(options.stack_depth, STACK_FRAMES_MAX), &nr_fresh);
	stack_handle handle;
	bool whole;

	t->nr = keep;
	for (uint32_t i = nr_fresh - 1; i > 0; i--)
		trace_add(t, &t->fresh[i]);
	whole = trace_find_handle(t, keep);
	handle = t->frames[t->nr].handle;
	if (unlikely(whole && !(t->fresh[0].row & ROW_HIDDEN)))
		handle = trace_with_innermost(&t->frames[t->nr], t->fresh[0].f.pc - 1);
	memo_keep(t, m, regs, handle, whole);
	thread_leave();
	return handle;
}

/* A module went away, so its rows are no longer valid. */
static __cold_path void forget_rows(struct unwind_thread *t, uint64_t salt)
{
	t->salt = salt;
	t->nr = 0;
	mem_set(t->memos, 0, sizeof(t->memos));
}

void unwind_prepare(void)
{
	if (thread_enter())
		thread_leave();
	depot_prepare();
}

stack_handle unwind_save(const struct unwind_regs *regs)
{
	struct unwind_thread *t = thread_enter();
	uint64_t salt = __atomic_load_n(&unwind_salt, __ATOMIC_RELAXED);
	struct memo *m;
	stack_handle handle;

	if (unlikely(!t))
		return save_plainly(regs);
	if (unlikely(t->salt != salt))
		forget_rows(t, salt);
	m = memo_at(t, regs);
	handle = memo_find(t, m, regs);
	if (unlikely(!handle))
		return save_walking(t, regs, m);
	thread_leave();
	return handle;
}
