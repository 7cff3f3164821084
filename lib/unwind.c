/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/unwind.c - the stack unwinder: full depth without frame pointers, at a few nanoseconds a frame.
 *
 * Four ideas, each on top of the one before:
 *
 * 1. Rows are cached per pc.  Nearly every row of call frame information on x86_64 says the same few things: the CFA is rsp or
 *    rbp plus a constant (or the word at rbp plus a constant, where the compiler realigned the stack), the return address is below it,
 *    and rbp is unchanged or saved at a constant distance.  That packs into 64 bits.  What does not (signal frames, PLT stubs,
 *    hand-written code) is marked and goes through the whole row (step_general).
 *
 *    entry:  [ check = pc ^ mix(row) ^ salt | row ]      two plain words, no lock: a torn or stale entry fails the check
 *                                                        (Hyatt and Mann's lockless hashing of chess transposition tables)
 *    The salt changes when a module goes away.  It is taken before the row is computed, so that what was read from the old module is
 *    never entered as the new one's.  Code of no module (a JIT's) is not entered: a module may come to be there.
 *
 * 2. Stacks are saved in the depot's tree, whose hashes are made of the outer frames' hash: frames that stand need not be looked at, and one
 *    look into the depot finds the whole stack.
 *
 * 3. A thread's last trace remembers each frame's state (pc, sp, rbp) and which words it was read from.  A state and a row say where the next
 *    state is read, so: a new walk that comes to a remembered state, all of whose outer words still hold the same values, would go on
 *    to the same frames; their hash is reused, whether these are the same activations or not.  A loop that allocates pays for its
 *    innermost frames, and two or three compares for each other.
 *
 *        outermost  frame 0     pc sp rbp  read from  a0 b0      compared, from the inside out
 *                   frame 1     pc sp rbp  read from  a1 b1      compared
 *                   frame 2     pc sp rbp  ◄── the new walk is in this state: only frames further in are new
 *
 * 4. A loop comes back to the same few states: those of the callers of malloc and free.  What was saved for such a state is remembered by it,
 *    with every word that its walk read.  While they hold what they held, the handle is the same (struct memo).
 *
 *    A step through a whole row may have read other words and registers: its frame remembers a word that never compares equal.
 *    A trace that was cut off at the depth limit is reused only while it is still deep enough: saved stacks have at least
 *    options.stack_depth frames, or all.
 *
 * A wrong row or a smashed stack must not make us fault: every word is read through a stack_view (window.c).  Call frame information itself
 * is trusted as the C++ unwinder trusts it; the weakness accepted: garbage taken for a return address into a module that another
 * thread's dlclose unmaps at this moment.  Modules that libc unloads by itself (gconv's) are not noticed here.
 *
 * A pc is kept as a return address is: one less lies inside the call.  A frame that a signal interrupted is at its pc plus one.
 */
#include "lib/lib_internal.h"

/* ---- packed rows ------------------------------------------------------------------------------------------------- */

enum row_kind {
	ROW_SP,         /* CFA = sp + cfa */
	ROW_FP,         /* CFA = fp + cfa */
	ROW_FP_DEREF,   /* CFA = word at fp + cfa; fp saved at where fp points plus `fp` */
	ROW_END,        /* outermost frame */
	ROW_GENERAL,    /* look at the whole row */
	ROW_NO_CFI,     /* follow frame pointers */
};
/* hidden:1 (not given to the caller) | kind:7 | fp:24 (signed, from the CFA; 0 unchanged) | cfa:32 (signed) */
#define ROW_PACK(kind, fp, cfa) ((uint64_t)(kind) << 56 | ((uint64_t)(uint32_t)(fp) & 0xffffff) << 32 | (uint32_t)(cfa))
#define ROW_HIDDEN ((uint64_t)1 << 63)
#define ROW_KIND(row) ((unsigned)((row) >> 56) & 0x7f)
#define ROW_FP_AT(row) ((intptr_t)((int32_t)((uint32_t)((row) >> 32) << 8) >> 8))
#define ROW_CFA(row) ((intptr_t)(int32_t)(row))
#define FP_AT_MAX (1 << 23)

#define CACHE_BITS 16
#define CACHE_SALT 0xff51afd7ed558ccdULL
struct cache_entry { uint64_t check, row; };
static struct cache_entry cache[1u << CACHE_BITS];   /* racy by design: see the essay */
static uint64_t cache_salt = CACHE_SALT;             /* atomic; another one when a module goes away */

/* Neighbouring code shares pages of the cache, so that a small program touches few of them.  No multiplication: the next frame waits
 * for this. */
__inline_hot struct cache_entry *cache_at(uintptr_t pc)
{
	return &cache[(pc >> 2 ^ pc >> 17) & ((1u << CACHE_BITS) - 1)];
}

__inline_hot uint64_t cache_check(uintptr_t pc, uint64_t row, uint64_t salt)
{
	return pc ^ row * 0x9e3779b97f4a7c15ULL ^ salt; /* of zeros: not 0, for a salt is no pc */
}

void unwind_flush(void)
{
	__atomic_fetch_add(&cache_salt, CACHE_SALT << 1, __ATOMIC_RELAXED);
}

static bool rule_is_saved(const struct cfi_rule *rule, int32_t offset)
{
	return rule->kind == CFI_OFFSET && rule->offset == offset;
}

static bool fp_rule_packs(const struct cfi_rule *rule, int32_t *at)
{
	*at = 0;
	if (rule->kind == CFI_SAME || rule->kind == CFI_UNDEFINED)
		return true;
	*at = rule->offset;
	return rule->kind == CFI_OFFSET && *at != 0 && *at > -FP_AT_MAX && *at < FP_AT_MAX;
}

/* gcc's dynamically realigned frames: the CFA is kept in a slot below rbp, rbp itself is saved where rbp points. */
static bool row_pack_realigned(const struct cfi_row *row, uint64_t *packed)
{
	const struct cfi_rule *fp = &row->rules[ARCH_DWARF_FP];
	uint8_t cfa_reg, fp_reg;
	int32_t cfa_at, fp_at;
	bool deref, fp_deref;

	if (!cfi_expression_simple(row->cfa_expr, &cfa_reg, &cfa_at, &deref) || !deref || cfa_reg != ARCH_DWARF_FP)
		return false;
	if (fp->kind != CFI_EXPRESSION || !cfi_expression_simple(cfi_rule_expr(row, fp), &fp_reg, &fp_at, &fp_deref) || fp_deref ||
	    fp_reg != ARCH_DWARF_FP || fp_at <= -FP_AT_MAX || fp_at >= FP_AT_MAX)
		return false;
	*packed = ROW_PACK(ROW_FP_DEREF, fp_at, cfa_at);
	return true;
}

static uint64_t row_pack(const struct cfi_row *row)
{
	uint64_t packed;
	int32_t fp_at;

	if (row->rules[ARCH_DWARF_RA].kind == CFI_UNDEFINED)
		return ROW_PACK(ROW_END, 0, 0);
	if (row->signal_frame || !rule_is_saved(&row->rules[ARCH_DWARF_RA], ARCH_RA_OFFSET) ||
	    row->rules[ARCH_DWARF_SP].kind != CFI_SAME)
		return ROW_PACK(ROW_GENERAL, 0, 0);
	if (row->cfa_expr)
		return row_pack_realigned(row, &packed) ? packed : ROW_PACK(ROW_GENERAL, 0, 0);
	if (!fp_rule_packs(&row->rules[ARCH_DWARF_FP], &fp_at))
		return ROW_PACK(ROW_GENERAL, 0, 0);
	if (row->cfa_reg == ARCH_DWARF_SP)
		return ROW_PACK(ROW_SP, fp_at, row->cfa_offset);
	if (row->cfa_reg == ARCH_DWARF_FP)
		return ROW_PACK(ROW_FP, fp_at, row->cfa_offset);
	return ROW_PACK(ROW_GENERAL, 0, 0);
}

static void row_enter(uintptr_t pc, uint64_t row, uint64_t salt)
{
	struct cache_entry *e = cache_at(pc);

	__atomic_store_n(&e->row, row, __ATOMIC_RELAXED);
	__atomic_store_n(&e->check, cache_check(pc, row, salt), __ATOMIC_RELAXED);
}

static __cold_path uint64_t row_compute(uintptr_t pc, uint64_t salt)
{
	struct cfi_row row;
	enum cfi_found found = cfi_find_row(pc, &row);
	uint64_t packed = found == CFI_FOUND ? row_pack(&row) : ROW_PACK(ROW_NO_CFI, 0, 0);

	if (module_is_self(pc) || pc >> 47)
		packed |= ROW_HIDDEN;
	if (found != CFI_NO_MODULE)
		row_enter(pc, packed, salt);
	return packed;
}

__inline_hot uint64_t row_of(uintptr_t pc)
{
	struct cache_entry *e = cache_at(pc);
	uint64_t row = __atomic_load_n(&e->row, __ATOMIC_RELAXED), salt = __atomic_load_n(&cache_salt, __ATOMIC_RELAXED);

	if (likely(__atomic_load_n(&e->check, __ATOMIC_RELAXED) == cache_check(pc, row, salt)))
		return row;
	return row_compute(pc, salt);
}

/* ---- one step ------------------------------------------------------------------------------------------------------ */

struct frame { uintptr_t pc, sp, fp; };

/* Where a frame's state was read from; the last two may be 0. */
struct origin { uintptr_t pc_at, fp_at, cfa_at; };

/* Never equal to a pc. */
static const uintptr_t never;

struct walk {
	struct stack_view *view;
	struct frame first;
	unsigned general_steps;    /* taken */
	struct cfi_regs regs;      /* of the frame that the last of them led to: after a signal frame, all registers */
};

/* The caller's state, once its CFA is known.  A stack that does not get shallower is no stack. */
__inline_hot bool step_take(struct stack_view *view, const struct frame *in, uintptr_t cfa, uintptr_t fp_at, struct frame *out,
                            struct origin *from)
{
	uintptr_t pc_at = cfa + ARCH_RA_OFFSET;

	if (unlikely(cfa <= in->sp || !stack_readable(view, pc_at)))
		return false;
	out->fp = in->fp;
	if (fp_at) {
		if (unlikely(!stack_readable(view, fp_at)))
			return false;
		out->fp = *(const uintptr_t *)fp_at;
	}
	out->pc = *(const uintptr_t *)pc_at;
	out->sp = cfa;
	from->pc_at = pc_at;
	from->fp_at = fp_at;
	from->cfa_at = 0;
	return out->pc != 0;
}

/* Code without call frame information (a JIT's, usually): the frame pointer, if it looks like one. */
static bool step_frame_pointer(struct stack_view *view, const struct frame *in, struct frame *out, struct origin *from)
{
	if (in->fp < in->sp || in->fp - in->sp > (16u << 20))
		return false;
	return step_take(view, in, in->fp + 2 * sizeof(uintptr_t), in->fp, out, from);
}

static bool step_realigned(struct stack_view *view, const struct frame *in, uint64_t row, struct frame *out, struct origin *from)
{
	uintptr_t cfa_at = in->fp + (uintptr_t)ROW_CFA(row), cfa;

	if (!stack_read(view, cfa_at, &cfa) || !step_take(view, in, cfa, in->fp + (uintptr_t)ROW_FP_AT(row), out, from))
		return false;
	from->cfa_at = cfa_at;
	return true;
}

static bool rule_value(const struct walk *w, const struct cfi_row *row, unsigned reg, uintptr_t cfa, uintptr_t *value)
{
	const struct cfi_rule *rule = &row->rules[reg];
	uintptr_t at = cfa + (uintptr_t)(intptr_t)rule->offset;

	switch (rule->kind) {
	case CFI_SAME:
		*value = w->regs.r[reg];
		return w->regs.known & 1u << reg;
	case CFI_OFFSET: return stack_read(w->view, at, value);
	case CFI_VAL_OFFSET: *value = at; return true;
	case CFI_REGISTER:
		if (rule->reg >= ARCH_DWARF_REGS || !(w->regs.known & 1u << rule->reg))
			return false;
		*value = w->regs.r[rule->reg];
		return true;
	case CFI_EXPRESSION:
		return cfi_evaluate(cfi_rule_expr(row, rule), &w->regs, &cfa, w->view, &at) && stack_read(w->view, at, value);
	case CFI_VAL_EXPRESSION: return cfi_evaluate(cfi_rule_expr(row, rule), &w->regs, &cfa, w->view, value);
	default: return false;
	}
}

static bool row_cfa(const struct walk *w, const struct cfi_row *row, uintptr_t *cfa)
{
	if (row->cfa_expr)
		return cfi_evaluate(row->cfa_expr, &w->regs, NULL, w->view, cfa);
	if (row->cfa_reg >= ARCH_DWARF_REGS || !(w->regs.known & 1u << row->cfa_reg))
		return false;
	*cfa = w->regs.r[row->cfa_reg] + (uintptr_t)(intptr_t)row->cfa_offset;
	return true;
}

/* Signal frames may lead in a circle, when what they saved was overwritten. */
#define GENERAL_STEPS_MAX (2 * STACK_FRAMES_MAX)
#define KNOWN(regs, reg) ((regs)->known & 1u << (reg))
#define ALL_KNOWN ((1u << ARCH_DWARF_REGS) - 1)

/* Any row, with what is known of the registers, to what is known of the caller's. */
static bool step_whole_row(struct walk *w, const struct frame *in, struct frame *out)
{
	struct cfi_row row;
	struct cfi_regs next;
	uintptr_t cfa;

	if (cfi_find_row(in->pc - 1, &row) != CFI_FOUND || !row_cfa(w, &row, &cfa))
		return false;
	next.known = 0;
	for (unsigned reg = 0; reg < ARCH_DWARF_REGS; reg++) {
		if (reg == ARCH_DWARF_SP && row.rules[reg].kind == CFI_SAME)
			next.r[reg] = cfa;
		else if (!rule_value(w, &row, reg, cfa, &next.r[reg]))
			continue;
		next.known |= 1u << reg;
	}
	if (!KNOWN(&next, ARCH_DWARF_RA) || !KNOWN(&next, ARCH_DWARF_SP) || next.r[ARCH_DWARF_RA] == 0)
		return false;
	/* A signal may have come on another stack, above or below; every other frame is shallower than what it called. */
	if (!row.signal_frame && next.r[ARCH_DWARF_SP] <= in->sp)
		return false;
	out->fp = KNOWN(&next, ARCH_DWARF_FP) ? next.r[ARCH_DWARF_FP] : in->fp;
	out->pc = next.r[ARCH_DWARF_RA] + row.signal_frame;
	out->sp = next.r[ARCH_DWARF_SP];
	next.r[ARCH_DWARF_RA] = out->pc;
	mem_copy(&w->regs, &next, sizeof(next));
	return true;
}

static bool regs_are_of(const struct walk *w, const struct frame *f)
{
	return w->regs.known && w->regs.r[ARCH_DWARF_SP] == f->sp && w->regs.r[ARCH_DWARF_RA] == f->pc;
}

static void regs_forget(struct walk *w, const struct frame *f)
{
	w->regs.known = 1u << ARCH_DWARF_SP | 1u << ARCH_DWARF_FP | 1u << ARCH_DWARF_RA;
	w->regs.r[ARCH_DWARF_SP] = f->sp;
	w->regs.r[ARCH_DWARF_FP] = f->fp;
	w->regs.r[ARCH_DWARF_RA] = f->pc;
}

/* A row may need a register that one of the frames further in has saved (ld.so's lazy binding keeps its CFA in rbx): the walk up to here once
 * more, by whole rows.  Slow and rare. */
static bool regs_recover(struct walk *w, const struct frame *here)
{
	struct frame f = w->first;

	regs_forget(w, &f);
	for (unsigned i = 0; i < STACK_FRAMES_MAX; i++) {
		if (f.sp == here->sp && f.pc == here->pc)
			return i > 0;
		if (!step_whole_row(w, &f, &f))
			return false;
	}
	return false;
}

/* In a general row fp_at counts how often recovering registers did not help at this pc; after a while it is not tried any more. */
#define RECOVER_TRIES 100

static bool step_general(struct walk *w, const struct frame *in, uint64_t row, struct frame *out)
{
	if (w->general_steps++ == GENERAL_STEPS_MAX)
		return false;
	/* Steps in between have lost registers; they also made the stack shallower. */
	if (!regs_are_of(w, in))
		regs_forget(w, in);
	bool all_known = w->regs.known == ALL_KNOWN;
	if (step_whole_row(w, in, out))
		return true;
	intptr_t tries = ROW_FP_AT(row);
	if (all_known || tries == RECOVER_TRIES)
		return false;
	bool ok = regs_recover(w, in) && step_whole_row(w, in, out);
	row_enter(in->pc - 1, (row & ROW_HIDDEN) | ROW_PACK(ROW_GENERAL, ok ? 0 : tries + 1, 0),
	          __atomic_load_n(&cache_salt, __ATOMIC_RELAXED));
	return ok;
}

struct step { struct frame f; struct origin from; };

/* The frame comes as single words: the caller's would otherwise live in memory, or packed in a vector register. */
static __cold_path bool step_rare(struct walk *w, uint64_t row, uintptr_t pc, uintptr_t sp, uintptr_t fp, struct step *out)
{
	const struct frame in = { pc, sp, fp };

	switch (ROW_KIND(row)) {
	case ROW_GENERAL:
		out->from = (struct origin){ .pc_at = (uintptr_t)&never };
		return step_general(w, &in, row, &out->f);
	case ROW_FP_DEREF: return step_realigned(w->view, &in, row, &out->f, &out->from);
	case ROW_NO_CFI: return step_frame_pointer(w->view, &in, &out->f, &out->from);
	default: return false;
	}
}

/* By a row of kind ROW_SP or ROW_FP.  `in` and `out` may be one. */
__inline_hot bool step_plain(struct stack_view *view, const struct frame *in, uint64_t row, struct frame *out, struct origin *from)
{
	uintptr_t cfa = (ROW_KIND(row) == ROW_SP ? in->sp : in->fp) + (uintptr_t)ROW_CFA(row);
	uintptr_t fp_at = ROW_FP_AT(row) ? cfa + (uintptr_t)ROW_FP_AT(row) : 0;

	return step_take(view, in, cfa, fp_at, out, from);
}

__inline_hot bool walk_step(struct walk *w, struct frame *f, uint64_t row, struct origin *from)
{
	if (likely(ROW_KIND(row) <= ROW_FP))
		return step_plain(w->view, f, row, f, from);
	struct step out;
	if (!step_rare(w, row, f->pc, f->sp, f->fp, &out))
		return false;
	*f = out.f;
	*from = out.from;
	return true;
}

/* Not an initialiser: it would clear all of regs each time. */
__inline_hot void walk_begin(struct walk *w, struct stack_view *view, const struct frame *first)
{
	w->view = view;
	w->first = *first;
	w->general_steps = 0;
	w->regs.known = 0;
	stack_view_begin(view);
}

/* pc + 1, as if it were a return address. */
static struct frame frame_first(const struct unwind_regs *regs)
{
	return (struct frame){ regs->pc + 1, regs->sp, regs->fp };
}

/* ---- per-thread state ------------------------------------------------------------------------------------------------ */

struct trace_frame {
	struct frame f;               /* the state once it is the innermost */
	struct origin from;           /* absent ones point to where they compare equal */
	uint64_t hash;                /* of this frame and all outer ones, as the depot names them */
	uint16_t depth;               /* frames in that */
	bool hidden;                  /* one of our own, left out */
	bool foreign;                 /* this origin or one further out is not on the thread's own stack */
};

/* A trace is kept as it is walked, innermost frame first, so that a walk which found nothing to reuse has only to be called the trace, in the
 * place where it was written.  Two spaces take turns; a walk that met frame k of the last trace is moved in front of it, or, where that is
 * less to move or there is no room in front, the kept frames behind the walk:
 *
 *     space A   [ room | ? i i i k k k k k ]          space B   [ room | n n n n ]
 *                      [ n n n n k k k k k ]   or               [ room | n n n n k k k ] */
#define TRACE_ROOM 256
#define TRACE_FRESH (STACK_FRAMES_MAX + 32) /* frames of one walk: some are ours, and not counted */
#define TRACE_SPACE (TRACE_ROOM + TRACE_FRESH + 256)
_Static_assert(TRACE_SPACE * 64 % PAGE_SIZE != 0, "the processor takes words at a distance of pages for one");

/* What was saved for a caller of ours: only complete stacks of ordinary rows on the thread's own stack, which need no other look at a word than
 * a compare.  A state is remembered when it comes for the second time in a row in its place of the table: most never come again.
 *
 * In code without frame pointers rbp holds anything, another value each time round a loop.  It matters, in the state and where it was saved,
 * only if a frame further out finds its CFA by that value. */
#define MEMO_BITS 8
#define MEMO_FRAMES 24
struct memo {
	struct frame f;
	uint64_t salt;
	stack_handle handle;          /* 0: the state was seen once */
	uint32_t nr;                  /* words that its walk read */
	bool any_fp;                  /* the walk did not depend on f.fp */
};
struct memo_word { uintptr_t at, value; };

/* Only its thread touches it; unwind_busy keeps that thread's signal handlers out.  Too big for a thread's own stack. */
struct unwind_thread {
	struct unwind_thread *next_free;
	struct stack_view view;
	uint64_t salt;                  /* cache_salt of the last trace */
	uint32_t nr;
	bool complete;                  /* the outermost is that of the stack, not where the depth limit came */
	uint8_t space;                  /* the one of the last trace */
	struct memo memos[1 << MEMO_BITS];
	struct memo_word memo_words[1 << MEMO_BITS][2 * MEMO_FRAMES];
	struct trace_frame *outermost;  /* of the last trace, which lies before it: nr frames, this one included */
	struct trace_frame spaces[2][TRACE_SPACE];
};

/* Frame i of the last trace, from the outermost on. */
__inline_hot struct trace_frame *trace_frame(const struct unwind_thread *t, uint32_t i)
{
	return t->outermost - i;
}

/* Where the walk going on writes its frames, innermost first. */
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
	return t ? t : meta_alloc(sizeof(*t), COST_UNWIND);
}

static __cold_path struct unwind_thread *thread_block_first(void)
{
	static bool registered;
	bool outer = depot_busy;

	depot_busy = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&registered, __ATOMIC_RELAXED)) {
		lock_register_for_fork(&free_lock);
		__atomic_store_n(&registered, true, __ATOMIC_RELAXED);
	}
	struct unwind_thread *t = thread_block_take();
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	depot_busy = outer;
	if (!t)
		return NULL;
	t->nr = 0;
	t->space = 0;
	t->outermost = t->spaces[0];
	mem_set(t->memos, 0, sizeof(t->memos));
	mem_set(&t->view, 0, sizeof(t->view));
	unwind_self = t;
	return t;
}

/* The block is this walk's until unwind_leave: what a signal handler unwinds meanwhile does without.  NULL when this is such a handler, or
 * there is no memory. */
__inline_hot struct unwind_thread *unwind_enter(void)
{
	if (unlikely(unwind_busy))
		return NULL;
	unwind_busy = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	struct unwind_thread *t = unwind_self;
	if (unlikely(!t) && !(t = thread_block_first()))
		unwind_busy = false;
	return t;
}

__inline_hot void unwind_leave(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	unwind_busy = false;
}

void unwind_thread_exit(void)
{
	struct unwind_thread *t = unwind_self;

	if (!t || unwind_busy)
		return;
	unwind_busy = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	unwind_self = NULL;
	bool outer = depot_busy;
	depot_busy = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	lock_acquire(&free_lock);
	t->next_free = free_blocks;
	free_blocks = t;
	lock_release(&free_lock);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	depot_busy = outer;
	unwind_leave();
}

/* ---- walks without memory -------------------------------------------------------------------------------------------------- */

__inline_hot size_t walk_out(struct stack_view *view, const struct unwind_regs *regs, uintptr_t *pcs, size_t max)
{
	struct walk w;
	struct frame f = frame_first(regs);
	struct origin from;
	uintptr_t first = 1;
	size_t n = 0;
	uint64_t row;

	if (max == 0)
		return 0;
	walk_begin(&w, view, &f);
	do {
		row = row_of(f.pc - 1);
		if (likely(!(row & ROW_HIDDEN)))
			pcs[n++] = f.pc - first;
		first = 0;
	} while (n < max && walk_step(&w, &f, row, &from));
	return n;
}

static __cold_path size_t walk_out_alone(const struct unwind_regs *regs, uintptr_t *pcs, size_t max)
{
	struct stack_view view;

	mem_set(&view, 0, sizeof(view));
	return walk_out(&view, regs, pcs, max);
}

size_t unwind_walk(const struct unwind_regs *regs, uintptr_t *pcs, size_t max)
{
	struct unwind_thread *t = unwind_enter();

	if (unlikely(!t))
		return walk_out_alone(regs, pcs, max);
	size_t n = walk_out(&t->view, regs, pcs, max);
	unwind_leave();
	return n;
}

/* A frame that a signal interrupted comes with its pc plus one. */
static bool walk_passes(struct stack_view *view, const struct unwind_regs *regs, uintptr_t from_sp, uintptr_t pc, uintptr_t sp)
{
	struct walk w;
	struct frame f = frame_first(regs);
	struct origin from;
	uintptr_t before = 0;

	walk_begin(&w, view, &f);
	for (unsigned i = 0; i < STACK_FRAMES_MAX; i++) {
		if (before == from_sp && f.pc == pc + 1 && f.sp == sp)
			return true;
		before = f.sp;
		if (!walk_step(&w, &f, row_of(f.pc - 1), &from))
			return false;
	}
	return false;
}

bool unwind_passes(const struct unwind_regs *regs, uintptr_t from_sp, uintptr_t pc, uintptr_t sp)
{
	struct unwind_thread *t = unwind_enter();
	struct stack_view view;
	bool passes;

	if (likely(t)) {
		passes = walk_passes(&t->view, regs, from_sp, pc, sp);
		unwind_leave();
		return passes;
	}
	mem_set(&view, 0, sizeof(view));
	return walk_passes(&view, regs, from_sp, pc, sp);
}

/* A stack that overflowed has up to half a million frames. */
#define ENDS_MAX ((size_t)4 << 20)

/* What does not fit goes round behind the head, so that the outermost stay; how many frames there are. */
static size_t walk_ends(struct stack_view *view, const struct unwind_regs *regs, uintptr_t *pcs, size_t max, size_t head)
{
	struct walk w;
	struct frame f = frame_first(regs);
	struct origin from;
	uintptr_t first = 1;
	size_t n = 0;
	uint64_t row;

	walk_begin(&w, view, &f);
	do {
		row = row_of(f.pc - 1);
		if (likely(!(row & ROW_HIDDEN))) {
			pcs[n < max ? n : head + (n - head) % (max - head)] = f.pc - first;
			n++;
		}
		first = 0;
	} while (n < ENDS_MAX && walk_step(&w, &f, row, &from));
	return n;
}

static void reverse(uintptr_t *pcs, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		uintptr_t pc = pcs[i];

		pcs[i] = pcs[n - 1 - i];
		pcs[n - 1 - i] = pc;
	}
}

size_t unwind_walk_ends(const struct unwind_regs *regs, uintptr_t *pcs, size_t max, size_t head, size_t *skipped)
{
	struct unwind_thread *t = unwind_enter();
	size_t n, turn, room = max - head;

	if (likely(t)) {
		n = walk_ends(&t->view, regs, pcs, max, head);
		unwind_leave();
	} else {
		struct stack_view view;

		mem_set(&view, 0, sizeof(view));
		n = walk_ends(&view, regs, pcs, max, head);
	}
	*skipped = n > max ? n - max : 0;
	if (!*skipped)
		return n;
	/* The ring begins with its oldest entry. */
	turn = (n - head) % room;
	reverse(pcs + head, turn);
	reverse(pcs + head + turn, room - turn);
	reverse(pcs + head, room);
	return max;
}

/* ---- saving, with the last trace ------------------------------------------------------------------------------------------- */

/* The three differences or-ed together: one branch, not three, for words that nearly always agree. */
__inline_hot bool origin_unchanged(const struct trace_frame *t)
{
	return ((*(const uintptr_t *)t->from.pc_at ^ t->f.pc) | (*(const uintptr_t *)t->from.fp_at ^ t->f.fp) |
	        (*(const uintptr_t *)t->from.cfa_at ^ t->f.sp)) == 0;
}

/* Off the thread's own stack, what was readable may have been unmapped since. */
static __cold_path bool origin_readable(struct stack_view *view, const struct trace_frame *t)
{
	const uintptr_t at[] = { t->from.pc_at, t->from.fp_at, t->from.cfa_at };

	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		bool inside = at[i] - (uintptr_t)t < sizeof(*t) || at[i] == (uintptr_t)&never;
		if (!inside && !stack_readable(view, at[i]))
			return false;
	}
	return true;
}

/* Frames [0, i) are outside frame i: do all the words that led there still hold what they held?  *changed: a frame known to have
 * changed, so that a walk that meets remembered states all the way looks at each word once. */
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

/* The remembered frame in state f, or -1.  *cursor: outer frames that may still match, since both lists get shallower. */
__inline_hot int trace_match(const struct unwind_thread *t, uint32_t *cursor, const struct frame *f)
{
	while (*cursor > 0 && trace_frame(t, *cursor - 1)->f.sp < f->sp)
		--*cursor;
	if (*cursor == 0)
		return -1;
	const struct frame *known = &trace_frame(t, *cursor - 1)->f;
	return known->sp == f->sp && known->pc == f->pc && known->fp == f->fp ? (int)*cursor - 1 : -1;
}

/* Is the origin where it will still be readable in the next walk? */
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

/* A frame is moved; words that stand for absent ones move along.  Each field by itself: a wider load would have to wait until the stores that
 * the walk has just made have reached the cache. */
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

/* The walk's frames, then `keep` of the last trace, become the trace.  The innermost of all is at an instruction, not at a return address, and so
 * is never met again as another frame's caller: when it shows it is not kept.  When there is no room for all, the walk's are dropped: a
 * deeper stack is matched from further out. */
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

/* The stack from the inside out: the fresh frames, then those that stand. */
__inline_hot const struct trace_frame *trace_at(struct unwind_thread *t, uint32_t keep, uint32_t nr_fresh, uint32_t i)
{
	return i < nr_fresh ? trace_fresh(t) + i : trace_frame(t, keep - 1 - (i - nr_fresh));
}

/* The stack is new: outwards to the first frame that the depot knows, then back, adding.  Where the depot takes no more, the stack ends: it has
 * no holes. */
static __cold_path stack_handle trace_insert(struct unwind_thread *t, uint32_t keep, uint32_t nr_fresh)
{
	stack_handle handle = 0;
	uint32_t i, nr = nr_fresh + keep;

	/* Nearly always it is one of the next few. */
	for (i = 1; i < MIN(nr, 5u); i++)
		depot_expect(trace_at(t, keep, nr_fresh, i)->hash);
	for (i = 0; i < nr; i++) {
		const struct trace_frame *f = trace_at(t, keep, nr_fresh, i);
		if (!f->hidden && (handle = depot_find(f->hash)) != 0)
			break;
	}
	while (i-- > 0) {
		const struct trace_frame *f = trace_at(t, keep, nr_fresh, i);
		if (f->hidden)
			continue;
		stack_handle child = depot_add(handle, f->hash, f->f.pc - (i == 0));
		if (child == handle)
			break;
		handle = child;
	}
	return handle;
}

/* What one frame adds to the hash of those further out; absent for a hidden one. */
struct path { uint64_t hash; uintptr_t last; uint32_t depth; bool foreign; };

__inline_hot void path_add(struct path *p, struct trace_frame *f, uintptr_t pc)
{
	if (likely(!f->hidden)) {
		p->last = pc;
		p->hash = depot_mix(p->hash, pc);
		p->depth++;
	}
	f->hash = p->hash;
	f->depth = (uint16_t)p->depth;
	f->foreign = p->foreign |= f->foreign;
}

/* Frames [0, keep) stay; the fresh ones go on top. */
__inline_hot stack_handle trace_extend(struct unwind_thread *t, uint32_t keep, uint32_t nr_fresh)
{
	struct trace_frame *fresh = trace_fresh(t);
	struct path p = { .hash = 0 };

	if (keep) {
		const struct trace_frame *f = trace_frame(t, keep - 1);
		p = (struct path){ f->hash, f->hidden ? 0 : f->f.pc, f->depth, f->foreign };
	}
	for (uint32_t i = nr_fresh - 1; i > 0; i--)
		path_add(&p, &fresh[i], fresh[i].f.pc);
	path_add(&p, &fresh[0], fresh[0].f.pc - 1);
	stack_handle handle = likely(p.last) ? depot_find(p.hash) : 0;
	return likely(handle) ? handle : trace_insert(t, keep, nr_fresh);
}

/* May the trace be reused from frame i inwards when n frames are new?  Cut off, it must still be deep enough, never too deep. */
__inline_hot bool trace_depth_fits(const struct unwind_thread *t, uint32_t i, uint32_t n, uint32_t limit)
{
	uint32_t depth = trace_frame(t, i)->depth + n;

	return (t->complete || depth >= limit) && depth <= MIN(2 * limit, (uint32_t)STACK_FRAMES_MAX);
}

/* Walks until a remembered frame that still stands, the end, or the limit.  Returns how many remembered frames to keep. */
__inline_hot uint32_t trace_walk(struct unwind_thread *t, const struct unwind_regs *regs, uint32_t limit, uint32_t *nr_fresh)
{
	struct walk w;
	struct frame f = frame_first(regs);
	struct origin from = { .pc_at = (uintptr_t)&never };
	struct trace_frame *fresh = trace_fresh(t);
	uint32_t cursor = t->nr, changed = t->nr, n = 0, shown = 0;
	/* A quarter more, so that recursion deeper than that finds its way back for a while. */
	uint32_t max = MIN(limit + limit / 4, (uint32_t)STACK_FRAMES_MAX);

	walk_begin(&w, &t->view, &f);
	for (;; fresh++) {
		uint64_t row = row_of(f.pc - 1);
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
		int i = trace_match(t, &cursor, &f);
		if (i >= 0 && trace_depth_fits(t, (uint32_t)i, shown, limit) && trace_unchanged(t, (uint32_t)i, &changed)) {
			/* Another function may have led there this time, which saved rbp elsewhere. */
			trace_set_origin(&t->view, trace_frame(t, (uint32_t)i), &from);
			trace_frame(t, (uint32_t)i)->foreign |= i > 0 && trace_frame(t, (uint32_t)i - 1)->foreign;
			return (uint32_t)i + 1;
		}
	}
}

/* ---- what was saved for a state ------------------------------------------------------------------------------------------------ */

/* Whoever called us, when that is one plain step away: its state, and its place in the table. */
__inline_hot struct memo *memo_of(struct unwind_thread *t, const struct unwind_regs *regs, struct frame *caller)
{
	uint64_t row = row_of(regs->pc);
	struct frame first = frame_first(regs);
	struct origin from;

	if (unlikely(!(row & ROW_HIDDEN) || ROW_KIND(row) > ROW_FP))
		return NULL;
	stack_view_begin(&t->view);
	if (unlikely(!step_plain(&t->view, &first, row, caller, &from)))
		return NULL;
	return &t->memos[(caller->pc ^ caller->sp) * 0x9e3779b97f4a7c15ULL >> (64 - MEMO_BITS)];
}

__inline_hot bool memo_is_of(const struct memo *m, const struct frame *f, uint64_t salt)
{
	return m->f.pc == f->pc && m->f.sp == f->sp && m->salt == salt;
}

__inline_hot struct memo_word *memo_words(struct unwind_thread *t, const struct memo *m)
{
	return t->memo_words[m - t->memos];
}

/* 0: not remembered, or a word has changed. */
__inline_hot stack_handle memo_find(struct unwind_thread *t, const struct memo *m, const struct frame *f, uint64_t salt)
{
	const struct memo_word *w = memo_words(t, m), *end = w + m->nr;
	uintptr_t changed = 0;

	if (!memo_is_of(m, f, salt) || !(m->any_fp || m->f.fp == f->fp))
		return 0;
	for (; w < end; w++)
		changed |= *(const uintptr_t *)w->at ^ w->value;
	return changed ? 0 : m->handle;
}

/* Does it matter what fp is in this frame's state, when `outer` says that of the next one's? */
static bool memo_needs_fp(const struct trace_frame *f, const struct trace_frame *next, bool outer)
{
	unsigned kind = ROW_KIND(row_of(f->f.pc - 1));

	if (kind != ROW_SP && kind != ROW_END)
		return true;
	return outer && next->from.fp_at == (uintptr_t)&next->f.fp;
}

/* False: there are others than plain steps, code in which a module may come to be, or other stacks.  From the outside in, as only what is done further out tells whether a saved fp is
 * ever used.  The first frame is ours, the second is the state itself. */
static bool memo_fill(struct unwind_thread *t, struct memo *m, uint32_t keep, uint32_t nr_fresh)
{
	const struct trace_frame *f, *next = NULL;
	uint32_t i, nr = nr_fresh + keep;
	struct memo_word *w = memo_words(t, m);
	bool needs_fp = false;

	if (!t->complete || nr < 2 || nr > MEMO_FRAMES + 2 || t->view.foreign || (keep && trace_frame(t, keep - 1)->foreign))
		return false;
	for (i = nr - 1; i > 1; i--, next = f) {
		f = trace_at(t, keep, nr_fresh, i);
		if (f->from.pc_at == (uintptr_t)&never || f->from.cfa_at != (uintptr_t)&f->f.sp ||
		    ROW_KIND(row_of(f->f.pc - 1)) == ROW_NO_CFI)
			return false;
		needs_fp = memo_needs_fp(f, next, needs_fp);
		*w++ = (struct memo_word){ f->from.pc_at, f->f.pc };
		if (needs_fp && f->from.fp_at != (uintptr_t)&f->f.fp)
			*w++ = (struct memo_word){ f->from.fp_at, f->f.fp };
	}
	m->nr = (uint32_t)(w - memo_words(t, m));
	m->any_fp = !memo_needs_fp(trace_at(t, keep, nr_fresh, 1), next, needs_fp);
	return true;
}

static void memo_keep(struct unwind_thread *t, struct memo *m, const struct frame *f, uint64_t salt, uint32_t keep, uint32_t nr_fresh,
                      stack_handle handle)
{
	bool again = memo_is_of(m, f, salt);

	m->f = *f;
	m->salt = salt;
	m->handle = again && memo_fill(t, m, keep, nr_fresh) ? handle : 0;
}

/* A signal handler's allocation while this thread is in here, or no memory for the thread's block. */
static __cold_path stack_handle save_plainly(const struct unwind_regs *regs)
{
	uintptr_t pcs[64];
	size_t n = walk_out_alone(regs, pcs, MIN(options.stack_depth, ARRAY_SIZE(pcs)));

	return depot_save(pcs, n);
}

/* Not remembered, or not by a state of its own. */
static __attribute__((noinline)) stack_handle save_walking(struct unwind_thread *t, const struct unwind_regs *regs, struct memo *m,
                                                           const struct frame *caller)
{
	uint64_t salt = t->salt;
	uint32_t nr_fresh, keep = trace_walk(t, regs, (uint32_t)MIN(options.stack_depth, STACK_FRAMES_MAX), &nr_fresh);
	stack_handle handle = trace_extend(t, keep, nr_fresh);

	if (m)
		memo_keep(t, m, caller, salt, keep, nr_fresh, handle);
	trace_replace(t, keep, nr_fresh);
	return handle;
}

stack_handle unwind_save(const struct unwind_regs *regs)
{
	struct unwind_thread *t = unwind_enter();
	uint64_t salt = __atomic_load_n(&cache_salt, __ATOMIC_RELAXED);
	stack_handle handle = 0;
	struct frame caller;
	struct memo *m;

	if (unlikely(!t))
		return save_plainly(regs);
	if (unlikely(t->salt != salt)) {
		t->salt = salt;
		t->nr = 0;
	}
	m = memo_of(t, regs, &caller);
	if (likely(m))
		handle = memo_find(t, m, &caller, salt);
	if (!handle)
		handle = save_walking(t, regs, m, &caller);
	unwind_leave();
	return handle;
}
