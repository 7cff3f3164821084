/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/unwind_save.c - saves stacks in the depot. A stack like the last one costs less than a walk.
 *
 * Three ideas, each built on the one before (the walk itself is in unwind.c):
 *
 * 1. The depot makes the hash of a stack from the hash of its outer frames. So outer frames that did not change need no
 * lookup, and one lookup finds the whole stack.
 *
 * 2. A thread's last trace remembers each frame's state (pc, sp, rbp) and the words that the state was read from. A
 * state and a row determine where the next state is read. So when a new walk comes to a remembered state, and all words
 * further out still have the same values, the walk would go on to the same frames. Their hash is reused, whether or not
 * these are the same activations. A loop that allocates pays for its innermost frames, and for each other frame two or
 * three compares.
 *
 *        outermost  frame 0     pc sp rbp  read from  a0 b0      compared, from the inside out
 *                   frame 1     pc sp rbp  read from  a1 b1      compared
 *                   frame 2     pc sp rbp  ◄── the new walk is in this state: only frames further in are new
 *
 * 3. A loop comes back to the same few states: each caller of malloc or free has one. For such a state memsan remembers
 * the handle and every word that the walk read. While all words have the same values, the handle is the same (struct
 * memo).
 *
 * A step through a whole row may have read other words and registers, so its frame remembers a word that never compares
 * equal. A trace that was cut off at the depth limit is reused only while it is deep enough: saved stacks have at least
 * options.stack_depth frames, or all.
 */
#include "lib/lib_internal.h"

/* ---- per-thread state ------------------------------------------------------------------------ */

struct trace_frame {
	struct frame f;     /* the state when this frame is the innermost */
	struct origin from; /* an absent address points to a word that compares equal */
	uint64_t hash;      /* the depot's hash of this frame and all outer ones */
	uint16_t depth;     /* how many frames that hash covers */
	bool hidden;        /* a frame of memsan's, left out */
	bool foreign;       /* this origin or one further out is not on the thread's own stack */
};

/* A trace is stored in the order of the walk, innermost frame first. There are two spaces: one holds the last trace,
 * and the new walk writes to the other. A walk that found nothing to reuse becomes the trace where it stands. When a
 * walk met frame k of the last trace, the walk's frames are moved in front of k. Without room in front, k and the
 * frames outside it are moved behind the walk instead:
 *
 *     space A   [ room | ? i i i k k k k k ]          space B   [ room | n n n n ]
 *                      [ n n n n k k k k k ]   or               [ room | n n n n k k k ] */
#define TRACE_ROOM 256
#define TRACE_FRESH (STACK_FRAMES_MAX + 32) /* frames of one walk; 32 more for memsan's, which do not count */
#define TRACE_SPACE (TRACE_ROOM + TRACE_FRESH + 256)
_Static_assert(TRACE_SPACE * 64 % PAGE_SIZE != 0, "the processor takes words at a distance of pages for one");

/* The stack that was saved for one state of a caller. Only complete stacks with plain rows on the thread's own stack
 * are remembered: a compare is the only check that their words need. A state is remembered when it comes to its place
 * in the table twice in a row, with the same stack. Most states never come again, and to keep their words would be
 * wasted work.
 *
 * In code without frame pointers rbp may hold any value, and a different one in each turn of a loop. This value, in the
 * state or in the word where it was saved, matters only if a frame further out finds its CFA by it. */
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
struct memo_word {
	uintptr_t at, value;
};

/* Used only by its thread; unwind_busy keeps that thread's signal handlers out. Too big for a thread's own stack. */
struct unwind_thread {
	struct memo memos[1 << MEMO_BITS]; /* valid for `salt`; each fills one cache line */
	struct unwind_thread *next_free;
	struct stack_view view;
	uint64_t salt; /* unwind_salt of the last trace */
	uint32_t nr;
	bool complete;   /* the trace reaches the end of the stack, not only the depth limit */
	uint8_t space;   /* the space that holds the last trace */
	bool new_stacks; /* the depot did not know the last stack */
	struct memo_word memo_words[1 << MEMO_BITS][MEMO_WORDS];
	struct trace_frame *outermost; /* the last of the nr frames of the last trace */
	struct trace_frame spaces[2][TRACE_SPACE];
};

/* Frame i of the last trace, from the outermost on. */
__inline_hot struct trace_frame *trace_frame(const struct unwind_thread *t, uint32_t i)
{
	return t->outermost - i;
}

/* Where the present walk writes its frames, innermost first. */
__inline_hot struct trace_frame *trace_fresh(struct unwind_thread *t)
{
	return &t->spaces[t->space ^ 1][TRACE_ROOM];
}

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
	t->space = 0;
	t->outermost = t->spaces[0];
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

/* The three differences or-ed together: one branch, not three, for words that nearly always agree. */
__inline_hot bool origin_unchanged(const struct trace_frame *t)
{
	return ((stack_word(t->from.pc_at) ^ t->f.pc) | (stack_word(t->from.fp_at) ^ t->f.fp) |
	        (stack_word(t->from.cfa_at) ^ t->f.sp)) == 0;
}

/* Outside the thread's own stack, words that were readable may have been unmapped. */
static __cold_path bool origin_readable(struct stack_view *view, const struct trace_frame *t)
{
	const uintptr_t at[] = { t->from.pc_at, t->from.fp_at, t->from.cfa_at };

	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		bool inside = at[i] - (uintptr_t)t < sizeof(*t) || at[i] == (uintptr_t)&unwind_never;
		if (!inside && !stack_readable(view, at[i]))
			return false;
	}
	return true;
}

/* Do all words that led to frames [0, i), the frames outside frame i, still have their old values? *changed is a frame
 * that is known to have changed. With it, a walk that meets many remembered states compares each word only once. */
static bool trace_unchanged(struct unwind_thread *t, uint32_t i, uint32_t *changed)
{
	bool foreign = i > 0 && trace_frame(t, i - 1)->foreign;

	if (i > *changed)
		return false;
	for (const struct trace_frame *f = trace_frame(t, i); i-- > 0;) {
		f++;
		if ((unlikely(foreign) && !origin_readable(&t->view, f)) || !origin_unchanged(f)) {
			*changed = i;
			return false;
		}
	}
	return true;
}

/* The remembered frame with state f, or -1. *cursor: how many outer frames can still match, since both lists get
 * shallower. */
__inline_hot int trace_match(const struct unwind_thread *t, uint32_t *cursor, const struct frame *f)
{
	const struct frame *known;

	while (*cursor > 0 && trace_frame(t, *cursor - 1)->f.sp < f->sp)
		--*cursor;
	if (*cursor == 0)
		return -1;
	known = &trace_frame(t, *cursor - 1)->f;
	return known->sp == f->sp && known->pc == f->pc && known->fp == f->fp ? (int)*cursor - 1 : -1;
}

/* Is a word of the origin outside home, so that the next walk cannot rely on it? */
static bool origin_foreign(const struct stack_view *view, const struct origin *o)
{
	return !window_holds(&view->home, o->pc_at) || (o->fp_at && !window_holds(&view->home, o->fp_at)) ||
	       (o->cfa_at && !window_holds(&view->home, o->cfa_at));
}

/* Absent words become ones that compare equal. */
__inline_hot void trace_set_origin(const struct stack_view *view, struct trace_frame *f, const struct origin *from)
{
	f->foreign = unlikely(view->foreign) && origin_foreign(view, from);
	f->from.pc_at = from->pc_at;
	f->from.fp_at = from->fp_at ? from->fp_at : (uintptr_t)&f->f.fp;
	f->from.cfa_at = from->cfa_at ? from->cfa_at : (uintptr_t)&f->f.sp;
}

/* Moves a frame; addresses that point into the frame, for absent words, point into its new place. Copies field by
 * field: a wider load would wait until the walk's recent stores have reached the cache. */
__inline_hot void trace_move(volatile struct trace_frame *to, const volatile struct trace_frame *from)
{
	uintptr_t fp_at = from->from.fp_at, cfa_at = from->from.cfa_at;

	to->f.pc = from->f.pc;
	to->f.sp = from->f.sp;
	to->f.fp = from->f.fp;
	to->from.pc_at = from->from.pc_at;
	to->from.fp_at = fp_at == (uintptr_t)&from->f.fp ? (uintptr_t)&to->f.fp : fp_at;
	to->from.cfa_at = cfa_at == (uintptr_t)&from->f.sp ? (uintptr_t)&to->f.sp : cfa_at;
	to->hash = from->hash;
	to->depth = from->depth;
	to->hidden = from->hidden;
	to->foreign = from->foreign;
}

/* Makes the new trace: the walk's frames, then the outermost `keep` frames of the last trace. The innermost frame is at
 * an instruction, not at a return address, so no later walk meets it as a caller. It is left out unless it is hidden.
 * Without room for all frames, the walk's frames are dropped: later walks then meet the trace further out. */
__inline_hot void trace_replace(struct unwind_thread *t, uint32_t keep, uint32_t nr_fresh)
{
	struct trace_frame *fresh = trace_fresh(t), *kept = t->outermost + 1 - keep;
	uint32_t skip = !fresh[0].hidden, n = nr_fresh - skip;

	if (!keep) {
		t->space ^= 1;
		t->outermost = fresh + nr_fresh - 1;
		t->nr = n;
	} else if (n <= (uint32_t)(kept - t->spaces[t->space])) {
		for (uint32_t i = 0; i < n; i++)
			trace_move(kept - n + i, fresh + skip + i);
		t->nr = keep + n;
	} else if (TRACE_ROOM + nr_fresh + keep <= TRACE_SPACE) {
		for (uint32_t i = 0; i < keep; i++)
			trace_move(fresh + nr_fresh + i, kept + i);
		t->space ^= 1;
		t->outermost = fresh + nr_fresh + keep - 1;
		t->nr = keep + n;
	} else {
		t->nr = keep;
	}
}

/* Frame i of the stack, from the inside out: the fresh frames, then the kept ones. */
__inline_hot const struct trace_frame *trace_at(struct unwind_thread *t, uint32_t keep, uint32_t nr_fresh, uint32_t i)
{
	return i < nr_fresh ? trace_fresh(t) + i : trace_frame(t, keep - 1 - (i - nr_fresh));
}

/* The hash of the frames outside frame i. */
__inline_hot uint64_t trace_outer(struct unwind_thread *t, uint32_t keep, uint32_t nr_fresh, uint32_t i)
{
	return i + 1 < nr_fresh + keep ? trace_at(t, keep, nr_fresh, i + 1)->hash : 0;
}

/* Called when the last stack was new. If this stack is new too, the depot nearly always knows the stack of one of its
 * next few frames. Prefetches the lines of all of them at once. */
static void trace_expect(struct unwind_thread *t, uint32_t keep, uint32_t nr_fresh)
{
	for (uint32_t i = 1; i < MIN(nr_fresh + keep, 5u); i++)
		depot_expect(trace_at(t, keep, nr_fresh, i)->hash);
}

/* Inserts a new stack: goes outwards to the first frame that the depot knows, then inwards, and adds each frame. When
 * the depot becomes full, the stack ends there: it has no holes. */
static __cold_path stack_handle trace_insert(struct unwind_thread *t, uint32_t keep, uint32_t nr_fresh)
{
	stack_handle handle = 0;
	uint32_t i, nr = nr_fresh + keep;

	for (i = 0; i < nr; i++) {
		const struct trace_frame *f = trace_at(t, keep, nr_fresh, i);
		if (!f->hidden && (handle = depot_find(trace_outer(t, keep, nr_fresh, i), f->hash)) != 0)
			break;
	}
	while (i-- > 0) {
		const struct trace_frame *f = trace_at(t, keep, nr_fresh, i);
		stack_handle child;

		if (f->hidden)
			continue;
		child = depot_add(handle, trace_outer(t, keep, nr_fresh, i), f->hash, f->f.pc - (i == 0));
		if (child == handle)
			break;
		handle = child;
	}
	return handle;
}

/* The hash of a path, frame by frame from the outside in. Hidden frames add nothing. */
struct path {
	uint64_t hash, outer;
	uintptr_t last;
	uint32_t depth;
	bool foreign;
};

__inline_hot void path_add(struct path *p, struct trace_frame *f, uintptr_t pc)
{
	if (likely(!f->hidden)) {
		p->last = pc;
		p->outer = p->hash;
		p->hash = depot_mix(p->hash, pc);
		p->depth++;
	}
	f->hash = p->hash;
	f->depth = (uint16_t)p->depth;
	f->foreign = p->foreign |= f->foreign;
}

/* Adds the fresh frames to the kept frames [0, keep), and finds or inserts the stack. */
__inline_hot stack_handle trace_extend(struct unwind_thread *t, uint32_t keep, uint32_t nr_fresh)
{
	struct trace_frame *fresh = trace_fresh(t);
	struct path p = { .hash = 0 };
	stack_handle handle;

	if (keep) {
		const struct trace_frame *f = trace_frame(t, keep - 1);
		p = (struct path){ f->hash, trace_outer(t, keep, 0, 0), f->hidden ? 0 : f->f.pc, f->depth, f->foreign };
	}
	for (uint32_t i = nr_fresh - 1; i > 0; i--)
		path_add(&p, &fresh[i], fresh[i].f.pc);
	path_add(&p, &fresh[0], fresh[0].f.pc - 1);
	if (t->new_stacks)
		trace_expect(t, keep, nr_fresh);
	handle = likely(p.last) ? depot_find(p.outer, p.hash) : 0;
	t->new_stacks = !handle;
	return likely(handle) ? handle : trace_insert(t, keep, nr_fresh);
}

/* May frame i and those outside be reused below n new frames? If the trace was cut off, the stack must still be deep
 * enough. No stack may be too deep. */
__inline_hot bool trace_depth_fits(const struct unwind_thread *t, uint32_t i, uint32_t n, uint32_t limit)
{
	uint32_t depth = trace_frame(t, i)->depth + n;

	return (t->complete || depth >= limit) && depth <= MIN(2 * limit, (uint32_t)STACK_FRAMES_MAX);
}

/* Walks up to a remembered frame that is unchanged, the end of the stack, or the limit. Returns how many remembered
 * frames to keep. */
__inline_hot uint32_t trace_walk(struct unwind_thread *t, const struct unwind_regs *regs, uint32_t limit,
                                 uint32_t *nr_fresh)
{
	struct walk w;
	struct frame f = frame_first(regs);
	struct origin from = { .pc_at = (uintptr_t)&unwind_never };
	struct trace_frame *fresh = trace_fresh(t);
	uint32_t cursor = t->nr, changed = t->nr, n = 0, shown = 0;
	/* A quarter more than the limit: after a deeper recursion returns a little, the trace can still be reused. */
	uint32_t max = MIN(limit + limit / 4, (uint32_t)STACK_FRAMES_MAX);

	walk_begin(&w, &t->view, &f);
	for (;; fresh++) {
		uint64_t row = row_of(f.pc - 1);
		int i;

		fresh->f = f;
		trace_set_origin(&t->view, fresh, &from);
		fresh->hidden = row & ROW_HIDDEN;
		shown += !(row & ROW_HIDDEN);
		*nr_fresh = ++n;
		if (shown >= max || n >= TRACE_FRESH) {
			t->complete = false;
			return 0;
		}
		if (!walk_step(&w, &f, row, &from)) {
			t->complete = true;
			return 0;
		}
		i = trace_match(t, &cursor, &f);
		if (i >= 0 && trace_depth_fits(t, (uint32_t)i, shown, limit) &&
		    trace_unchanged(t, (uint32_t)i, &changed)) {
			/* The frame inside may be of another function this time, which saved rbp elsewhere. */
			trace_set_origin(&t->view, trace_frame(t, (uint32_t)i), &from);
			trace_frame(t, (uint32_t)i)->foreign |= i > 0 && trace_frame(t, (uint32_t)i - 1)->foreign;
			return (uint32_t)i + 1;
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

__inline_hot struct memo_word *memo_words(struct unwind_thread *t, const struct memo *m)
{
	return t->memo_words[m - t->memos];
}

/* 0: not remembered, or a word has changed. */
__inline_hot stack_handle memo_find(struct unwind_thread *t, const struct memo *m, const struct unwind_regs *regs)
{
	const struct memo_word *w = memo_words(t, m), *end = w + m->nr;
	uintptr_t changed = (m->fp ^ regs->fp) & m->fp_mask;

	if (!memo_is_of(m, regs) || !m->handle)
		return 0;
	for (; w < end; w += 2)
		changed |= (stack_word(w[0].at) ^ w[0].value) | (stack_word(w[1].at) ^ w[1].value);
	return changed ? 0 : m->handle;
}

/* Does the walk depend on fp in this frame's state? `outer`: does it depend on fp in the state of the next frame
 * out? */
static bool memo_needs_fp(const struct trace_frame *f, const struct trace_frame *next, bool outer)
{
	unsigned kind = ROW_KIND(row_of(f->f.pc - 1));

	if (kind != ROW_SP && kind != ROW_END)
		return true;
	return outer && next->from.fp_at == (uintptr_t)&next->f.fp;
}

/* Is the first frame memsan's, and the second the known caller? */
static bool memo_begins(struct unwind_thread *t, const struct unwind_regs *regs, uint32_t keep, uint32_t nr_fresh)
{
	return trace_at(t, keep, nr_fresh, 0)->hidden && ROW_KIND(row_of(regs->pc)) <= ROW_FP &&
	       trace_at(t, keep, nr_fresh, 1)->f.pc == regs->ret;
}

/* Collects the words that the walk read. False: the stack is cut off or too deep, has a step that is not plain, has
 * code outside all modules (a module may be loaded there later), or leaves the thread's own stack. Goes from the
 * outside in, since only the frames further out tell whether a saved fp is used. The state covers memsan's own frame
 * and the return address in its caller (memo_is_of). So of these two frames only the caller's fp is collected. */
static bool memo_fill(struct unwind_thread *t, struct memo *m, const struct unwind_regs *regs, uint32_t keep,
                      uint32_t nr_fresh)
{
	const struct trace_frame *f, *next = NULL;
	uint32_t i, nr = nr_fresh + keep;
	struct memo_word *words = memo_words(t, m), *w = words;
	bool needs_fp = false;

	if (!t->complete || nr < 2 || nr > MEMO_FRAMES + 2 || t->view.foreign ||
	    (keep && trace_frame(t, keep - 1)->foreign) || !memo_begins(t, regs, keep, nr_fresh))
		return false;
	for (i = nr - 1; i > 0; i--, next = f) {
		f = trace_at(t, keep, nr_fresh, i);
		if (f->from.pc_at == (uintptr_t)&unwind_never || f->from.cfa_at != (uintptr_t)&f->f.sp ||
		    ROW_KIND(row_of(f->f.pc - 1)) == ROW_NO_CFI)
			return false;
		needs_fp = memo_needs_fp(f, next, needs_fp);
		if (i > 1)
			*w++ = (struct memo_word){ f->from.pc_at, f->f.pc };
		if (needs_fp && f->from.fp_at != (uintptr_t)&f->f.fp)
			*w++ = (struct memo_word){ f->from.fp_at, f->f.fp };
	}
	m->fp_mask = memo_needs_fp(trace_at(t, keep, nr_fresh, 0), next, needs_fp) ? UINTPTR_MAX : 0;
	if ((w - words) % 2) {
		*w = w[-1];
		w++;
	}
	m->nr = (uint32_t)(w - words);
	return true;
}

static void memo_keep(struct unwind_thread *t, struct memo *m, const struct unwind_regs *regs, uint32_t keep,
                      uint32_t nr_fresh, stack_handle handle)
{
	bool again = memo_is_of(m, regs) && m->last == handle && regs->ret;

	m->pc = regs->pc;
	m->sp = regs->sp;
	m->ret = regs->ret;
	m->fp = regs->fp;
	m->last = handle;
	m->handle = again && memo_fill(t, m, regs, keep, nr_fresh) ? handle : 0;
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
	stack_handle handle = trace_extend(t, keep, nr_fresh);

	memo_keep(t, m, regs, keep, nr_fresh, handle);
	trace_replace(t, keep, nr_fresh);
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
