/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/unwind.c - the stack unwinder: full depth without frame pointers, at a few nanoseconds a frame.
 *
 * Three ideas, each on top of the one before:
 *
 * 1. Rows are cached per pc.  Nearly every row of call frame information on x86_64 says the same few things: the CFA is rsp or
 *    rbp plus a constant (or the word at rbp plus a constant, where the compiler realigned the stack), the return address is below it,
 *    and rbp is unchanged or saved at a constant distance.  That packs into 64 bits.  What does not (signal frames, PLT stubs,
 *    hand-written code) is marked and goes through the whole row (step_general).
 *
 *    entry:  [ check = row ^ pc ^ generation | row ]     two plain words, no lock: a torn or stale entry fails the check
 *                                                        (Hyatt and Mann's lockless hashing of chess transposition tables)
 *
 * 2. Stacks are saved in the depot's tree, outer frames first, so that equal outer frames are equal handles.
 *
 * 3. A thread's last trace remembers where each return address (and saved rbp) stood and what it was.  A new walk that reaches a
 *    remembered frame (same pc, CFA and rbp), all of whose outer words still hold the same values, is in the same activation of all
 *    outer functions: their handle is reused.  A loop that allocates pays for its innermost frames, and two compares for each other.
 *
 * Safety: a wrong row or a smashed stack must not make us fault.  Every word is read from pages that were seen to be readable: a thread
 * has two windows, grown page by page by os_page_readable, one for its ordinary stack, one for another (signal stack, coroutine).  A window
 * is only trusted while the walk's own stack pointer is in it or was reached through it.  The weakness accepted: a coroutine
 * stack that was unmapped while in the second window, and made again smaller at the same place, could be read past its end, if its
 * frames also lead there.
 *
 * Frames that a signal interrupted are given as pc + 1, so that every saved pc means "the call just before".
 */
#include "lib/lib_internal.h"

/* ---- packed rows ------------------------------------------------------------------------------------------------- */

enum row_kind {
	ROW_NONE,       /* empty */
	ROW_SP,         /* CFA = sp + cfa */
	ROW_FP,         /* CFA = fp + cfa */
	ROW_FP_DEREF,   /* CFA = word at fp + cfa; fp saved at where fp points plus `fp` */
	ROW_END,        /* outermost frame */
	ROW_GENERAL,    /* look at the whole row */
	ROW_NO_CFI,     /* follow frame pointers */
};
/* kind:8 | fp:24 (signed, from the CFA; 0 unchanged) | cfa:32 (signed) */
#define ROW_PACK(kind, fp, cfa) ((uint64_t)(kind) << 56 | ((uint64_t)(uint32_t)(fp) & 0xffffff) << 32 | (uint32_t)(cfa))
#define ROW_KIND(row) ((unsigned)((row) >> 56))
#define ROW_FP_AT(row) ((int32_t)((uint32_t)((row) >> 32) << 8) >> 8)
#define ROW_CFA(row) ((int32_t)(row))
#define FP_AT_MAX (1 << 23)

#define CACHE_BITS 16
struct cache_entry { uint64_t check, row; };
static struct cache_entry cache[1u << CACHE_BITS];   /* racy by design: see the essay */
static uint32_t cache_generation = 1;                /* atomic; bumped when a module goes away */

/* Neighbouring code shares pages of the cache, so that a small program touches few of them. */
__inline_hot struct cache_entry *cache_at(uintptr_t pc)
{
	uint32_t high = (uint32_t)(pc >> 14) * 0x9e3779b1u;

	return &cache[((pc >> 2) ^ (high >> (32 - CACHE_BITS))) & ((1u << CACHE_BITS) - 1)];
}

__inline_hot uint64_t cache_check(uintptr_t pc, uint64_t row)
{
	uint64_t generation = __atomic_load_n(&cache_generation, __ATOMIC_RELAXED);

	return (pc ^ row ^ generation * 0xff51afd7ed558ccdULL) + 1; /* + 1: an entry of zeros is never valid for pc 0 */
}

void unwind_flush(void)
{
	__atomic_fetch_add(&cache_generation, 1, __ATOMIC_RELAXED);
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
	if (fp->kind != CFI_EXPRESSION || !cfi_expression_simple(fp->expr, &fp_reg, &fp_at, &fp_deref) || fp_deref ||
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

static __cold_path uint64_t row_compute(uintptr_t pc)
{
	struct cfi_row row;
	bool known;
	uint64_t packed = cfi_find_row(pc, &row, &known) ? row_pack(&row) : ROW_PACK(ROW_NO_CFI, 0, 0);
	struct cache_entry *e = cache_at(pc);

	if (!known)
		return packed;
	__atomic_store_n(&e->row, packed, __ATOMIC_RELAXED);
	__atomic_store_n(&e->check, cache_check(pc, packed), __ATOMIC_RELAXED);
	return packed;
}

__inline_hot uint64_t row_of(uintptr_t pc)
{
	struct cache_entry *e = cache_at(pc);
	uint64_t row = __atomic_load_n(&e->row, __ATOMIC_RELAXED);

	if (likely(__atomic_load_n(&e->check, __ATOMIC_RELAXED) == cache_check(pc, row)))
		return row;
	return row_compute(pc);
}

/* ---- per-thread state ------------------------------------------------------------------------------------------------ */

struct window { uintptr_t lo, hi; };        /* readable pages */

#define TRACE_MAX 512
struct trace_frame {
	uintptr_t pc, sp, fp;         /* the frame's state once it is the innermost */
	uintptr_t pc_at, fp_at;       /* where its pc and fp were read; fp_at 0: fp was not saved by the inner frame */
	uintptr_t output;             /* as saved; 0: one of our own frames, left out */
	stack_handle handle;          /* of this frame and all outer ones */
	uint32_t depth;               /* frames in handle */
};

/* Only its thread touches it; unwind_busy keeps that thread's signal handlers out.  Too big for a thread's own stack. */
struct unwind_thread {
	struct unwind_thread *next_free;
	struct window windows[2];       /* ordinary stack, another one */
	uint32_t generation;
	uint32_t nr;
	struct trace_frame frames[TRACE_MAX];   /* the last trace, outermost frame first */
	struct trace_frame fresh[TRACE_MAX];    /* of the walk going on, innermost first */
};

static TLS_IE struct unwind_thread *unwind_self;
static TLS_IE bool unwind_busy;
static TLS_IE struct window *unwind_windows;   /* of the walk going on: home, other */

/* Guards the list of blocks left by threads that ended. */
static struct ranked_lock free_lock = RANKED_LOCK_INIT(LOCK_RANK_LEAF);
static struct unwind_thread *free_blocks;

static struct unwind_thread *thread_block(void)
{
	struct unwind_thread *t = unwind_self;
	static bool registered;

	if (likely(t))
		return t;
	if (!__atomic_load_n(&registered, __ATOMIC_RELAXED)) {
		lock_register_for_fork(&free_lock);
		__atomic_store_n(&registered, true, __ATOMIC_RELAXED);
	}
	lock_acquire(&free_lock);
	t = free_blocks;
	if (t)
		free_blocks = t->next_free;
	lock_release(&free_lock);
	if (!t)
		t = meta_alloc(sizeof(*t), COST_UNWIND);
	if (!t)
		return NULL;
	t->nr = 0;
	mem_set(t->windows, 0, sizeof(t->windows));
	unwind_self = t;
	return t;
}

void unwind_thread_exit(void)
{
	struct unwind_thread *t = unwind_self;

	if (!t || unwind_busy)
		return;
	unwind_self = NULL;
	lock_acquire(&free_lock);
	t->next_free = free_blocks;
	free_blocks = t;
	lock_release(&free_lock);
}

/* ---- reading the stack ------------------------------------------------------------------------------------------------ */

#define WINDOW_GROWTH_MAX 4096   /* pages between two frames */

static bool window_holds(const struct window *w, uintptr_t addr)
{
	return addr - w->lo < w->hi - w->lo;
}

/* Makes the window reach the page of addr, all pages between included. */
static bool window_grow(struct window *w, uintptr_t addr)
{
	uintptr_t page = ALIGN_DOWN(addr, PAGE_SIZE);

	if (page >= w->hi) {
		if ((page - w->hi) / PAGE_SIZE >= WINDOW_GROWTH_MAX)
			return false;
		while (w->hi <= page && os_page_readable((void *)w->hi))
			w->hi += PAGE_SIZE;
		return page < w->hi;
	}
	if ((w->lo - page) / PAGE_SIZE > WINDOW_GROWTH_MAX)
		return false;
	while (w->lo > page && os_page_readable((void *)(w->lo - PAGE_SIZE)))
		w->lo -= PAGE_SIZE;
	return page >= w->lo;
}

static __cold_path bool stack_reach(uintptr_t addr)
{
	struct window *home = &unwind_windows[0], *other = &unwind_windows[1];

	if (addr > UINTPTR_MAX - PAGE_SIZE)
		return false;
	if (home->lo == home->hi) {
		home->lo = home->hi = ALIGN_DOWN(addr, PAGE_SIZE);
		return window_grow(home, addr);
	}
	if (window_grow(home, addr))
		return true;
	if (other->lo != other->hi && window_grow(other, addr))
		return true;
	other->lo = other->hi = ALIGN_DOWN(addr, PAGE_SIZE);
	return window_grow(other, addr);
}

__inline_hot bool stack_readable(uintptr_t addr)
{
	if (unlikely(addr & 7))
		return false;
	return likely(window_holds(&unwind_windows[0], addr)) || window_holds(&unwind_windows[1], addr) || stack_reach(addr);
}

static bool stack_read(uintptr_t addr, uintptr_t *value)
{
	if (!stack_readable(addr))
		return false;
	*value = *(const uintptr_t *)addr;
	return true;
}

/* ---- one step ------------------------------------------------------------------------------------------------------------ */

struct walk {
	struct trace_frame f;      /* where we are; handle and depth unused */
	bool exact;                /* f.pc is the interrupted instruction, not a return address */
	bool all_known;            /* regs holds all registers of f (after a signal frame) */
	struct cfi_regs regs;
};

static uintptr_t walk_lookup_pc(const struct walk *w)
{
	return w->exact ? w->f.pc : w->f.pc - 1;
}

/* Takes over the caller's pc and fp.  A stack that does not get shallower is no stack. */
__inline_hot bool step_take(struct walk *w, uintptr_t cfa, uintptr_t fp_at)
{
	uintptr_t pc_at = cfa + ARCH_RA_OFFSET;

	if (unlikely(cfa <= w->f.sp || !stack_readable(pc_at)))
		return false;
	if (fp_at) {
		if (unlikely(!stack_readable(fp_at)))
			return false;
		w->f.fp = *(const uintptr_t *)fp_at;
	}
	w->f.pc = *(const uintptr_t *)pc_at;
	w->f.sp = cfa;
	w->f.pc_at = pc_at;
	w->f.fp_at = fp_at;
	w->exact = false;
	return w->f.pc != 0;
}

/* Code without call frame information (a JIT's, usually): the frame pointer, if it looks like one. */
static bool step_frame_pointer(struct walk *w)
{
	uintptr_t fp = w->f.fp;

	if (fp < w->f.sp || (fp & 7) || fp - w->f.sp > (16u << 20))
		return false;
	return step_take(w, fp + 16, fp);
}

static bool rule_value(const struct walk *w, const struct cfi_rule *rule, unsigned reg, uintptr_t cfa, uintptr_t *value, uintptr_t *at)
{
	*at = 0;
	switch (rule->kind) {
	case CFI_SAME:
		*value = w->regs.r[reg];
		return w->regs.known & 1u << reg;
	case CFI_OFFSET: *at = cfa + (uintptr_t)(intptr_t)rule->offset; break;
	case CFI_VAL_OFFSET: *value = cfa + (uintptr_t)(intptr_t)rule->offset; return true;
	case CFI_REGISTER:
		if (rule->reg >= ARCH_DWARF_REGS || !(w->regs.known & 1u << rule->reg))
			return false;
		*value = w->regs.r[rule->reg];
		return true;
	case CFI_EXPRESSION:
		if (!cfi_evaluate(rule->expr, &w->regs, &cfa, stack_read, at))
			return false;
		break;
	case CFI_VAL_EXPRESSION: return cfi_evaluate(rule->expr, &w->regs, &cfa, stack_read, value);
	default: return false;
	}
	return stack_read(*at, value);
}

static bool row_cfa(const struct walk *w, const struct cfi_row *row, uintptr_t *cfa)
{
	if (row->cfa_expr)
		return cfi_evaluate(row->cfa_expr, &w->regs, NULL, stack_read, cfa);
	if (row->cfa_reg >= ARCH_DWARF_REGS || !(w->regs.known & 1u << row->cfa_reg))
		return false;
	*cfa = w->regs.r[row->cfa_reg] + (uintptr_t)(intptr_t)row->cfa_offset;
	return true;
}

/* Any row, with every register. */
static __cold_path bool step_general(struct walk *w)
{
	struct cfi_row row;
	struct cfi_regs next;
	uintptr_t cfa, at, value;

	if (!w->all_known)
		w->regs.known = 0;
	w->regs.r[ARCH_DWARF_SP] = w->f.sp;
	w->regs.r[ARCH_DWARF_FP] = w->f.fp;
	w->regs.r[ARCH_DWARF_RA] = w->f.pc;
	w->regs.known |= 1u << ARCH_DWARF_SP | 1u << ARCH_DWARF_FP | 1u << ARCH_DWARF_RA;
	bool known;
	if (!cfi_find_row(walk_lookup_pc(w), &row, &known) || !row_cfa(w, &row, &cfa))
		return false;
	uintptr_t old_sp = w->f.sp;
	next.known = 0;
	w->f.pc_at = w->f.fp_at = 0;
	for (unsigned reg = 0; reg < ARCH_DWARF_REGS; reg++) {
		if (reg == ARCH_DWARF_SP && row.rules[reg].kind == CFI_SAME) {
			value = cfa;
			at = 0;
		} else if (!rule_value(w, &row.rules[reg], reg, cfa, &value, &at)) {
			continue;
		}
		next.r[reg] = value;
		next.known |= 1u << reg;
		if (reg == ARCH_DWARF_RA)
			w->f.pc_at = at;
		else if (reg == ARCH_DWARF_FP)
			w->f.fp_at = at;
	}
	if (!(next.known & 1u << ARCH_DWARF_RA) || !(next.known & 1u << ARCH_DWARF_SP) || !w->f.pc_at)
		return false;
	/* A signal may have come on another stack, above or below; every other frame is shallower than what it called. */
	if (!row.signal_frame && next.r[ARCH_DWARF_SP] <= old_sp)
		return false;
	mem_copy(&w->regs, &next, sizeof(next));
	w->all_known = true;
	w->f.pc = next.r[ARCH_DWARF_RA];
	w->f.sp = next.r[ARCH_DWARF_SP];
	if (next.known & 1u << ARCH_DWARF_FP)
		w->f.fp = next.r[ARCH_DWARF_FP];
	w->exact = row.signal_frame;
	return w->f.pc != 0;
}

__inline_hot bool walk_step(struct walk *w)
{
	uint64_t row = row_of(walk_lookup_pc(w));
	int32_t fp_at = ROW_FP_AT(row);
	uintptr_t cfa;

	switch (ROW_KIND(row)) {
	case ROW_SP: cfa = w->f.sp + (uintptr_t)(intptr_t)ROW_CFA(row); break;
	case ROW_FP: cfa = w->f.fp + (uintptr_t)(intptr_t)ROW_CFA(row); break;
	case ROW_FP_DEREF:
		w->all_known = false;
		if (!stack_read(w->f.fp + (uintptr_t)(intptr_t)ROW_CFA(row), &cfa))
			return false;
		return step_take(w, cfa, w->f.fp + (uintptr_t)(intptr_t)fp_at);
	case ROW_GENERAL: return step_general(w);
	case ROW_NO_CFI: w->all_known = false; return step_frame_pointer(w);
	default: return false;
	}
	w->all_known = false;
	return step_take(w, cfa, fp_at ? cfa + (uintptr_t)(intptr_t)fp_at : 0);
}

static void walk_start(struct walk *w, const struct unwind_regs *regs)
{
	w->f.pc = regs->pc;
	w->f.sp = regs->sp;
	w->f.fp = regs->fp;
	w->f.pc_at = w->f.fp_at = 0;
	w->exact = true;
	w->all_known = false;
}

/* ---- walks without memory -------------------------------------------------------------------------------------------------- */

static bool pc_counts(uintptr_t pc)
{
	return !module_is_self(pc) && pc < (uintptr_t)1 << 48;
}

static uintptr_t walk_output_pc(const struct walk *w, bool first)
{
	return w->exact && !first ? w->f.pc + 1 : w->f.pc;
}

/* A stack that overflowed has up to half a million frames; a stack that goes round in a circle cannot be (step_take). */
#define WALK_MAX ((size_t)4 << 20)

struct walk_output {
	uintptr_t *pcs;
	size_t max, head, n; /* n: frames seen */
};

/* What does not fit goes round behind the head, so that the outermost stay. */
static void walk_put(struct walk_output *out, uintptr_t pc)
{
	size_t at = out->n < out->max ? out->n : out->head + (out->n - out->head) % (out->max - out->head);

	out->pcs[at] = pc;
	out->n++;
}

static void walk_all(const struct unwind_regs *regs, struct walk_output *out, size_t limit)
{
	struct window windows[2], *outer = unwind_windows;
	struct walk w;
	bool first = true;

	/* What this thread's windows hold is known to be readable; a copy, since a signal handler may be walking. */
	mem_set(windows, 0, sizeof(windows));
	if (unwind_self && !unwind_busy)
		mem_copy(windows, unwind_self->windows, sizeof(windows));
	unwind_windows = windows;
	walk_start(&w, regs);
	do {
		if (out->n < limit && pc_counts(w.f.pc))
			walk_put(out, walk_output_pc(&w, first));
		first = false;
	} while (out->n < limit && walk_step(&w));
	unwind_windows = outer;
}

size_t unwind_walk(const struct unwind_regs *regs, uintptr_t *pcs, size_t max)
{
	struct walk_output out = { .pcs = pcs, .max = max, .head = max, .n = 0 };

	walk_all(regs, &out, max);
	return out.n;
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
	struct walk_output out = { .pcs = pcs, .max = max, .head = head, .n = 0 };
	size_t room = max - head, turn;

	walk_all(regs, &out, WALK_MAX);
	*skipped = out.n > max ? out.n - max : 0;
	if (!*skipped)
		return out.n;
	/* The ring begins with its oldest entry. */
	turn = (out.n - head) % room;
	reverse(pcs + head, turn);
	reverse(pcs + head + turn, room - turn);
	reverse(pcs + head, room);
	return max;
}

/* ---- saving, with the last trace ------------------------------------------------------------------------------------------- */

static bool slot_unchanged(const struct window *windows, uintptr_t at, uintptr_t value)
{
	return (window_holds(&windows[0], at) || window_holds(&windows[1], at)) && *(const uintptr_t *)at == value;
}

/* frames[0, i) are outside frame i: do all the words that led there still hold what they held? */
static bool trace_unchanged(const struct unwind_thread *t, uint32_t i)
{
	while (i-- > 0) {
		const struct trace_frame *f = &t->frames[i];
		if (!slot_unchanged(t->windows, f->pc_at, f->pc) || (f->fp_at && !slot_unchanged(t->windows, f->fp_at, f->fp)))
			return false;
	}
	return true;
}

/* The remembered frame that equals w's, or -1.  *cursor: outer frames that may still match, since both lists get shallower. */
__inline_hot int trace_match(const struct unwind_thread *t, uint32_t *cursor, const struct walk *w)
{
	while (*cursor > 0 && t->frames[*cursor - 1].sp < w->f.sp)
		--*cursor;
	if (*cursor == 0)
		return -1;
	const struct trace_frame *f = &t->frames[*cursor - 1];
	return f->sp == w->f.sp && f->pc == w->f.pc && f->fp == w->f.fp ? (int)*cursor - 1 : -1;
}

/* Frames [0, keep) stay; t->fresh (innermost first) go on top, each getting its handle. */
static stack_handle trace_extend(struct unwind_thread *t, uint32_t keep, uint32_t nr_fresh)
{
	stack_handle handle = keep ? t->frames[keep - 1].handle : 0;
	uint32_t depth = keep ? t->frames[keep - 1].depth : 0;
	uint32_t nr = keep;

	while (nr_fresh-- > 0) {
		struct trace_frame *f = &t->fresh[nr_fresh];
		if (f->output) {
			handle = depot_child(handle, f->output);
			depth++;
		}
		if (nr < TRACE_MAX) { /* a deeper stack is matched from further out */
			f->handle = handle;
			f->depth = depth;
			mem_copy(&t->frames[nr++], f, sizeof(*f));
		}
	}
	t->nr = nr;
	return handle;
}

/* Walks until a remembered frame that still stands, the end, or the limit.  Returns how many remembered frames to keep. */
__inline_hot uint32_t trace_walk(struct unwind_thread *t, struct walk *w, uint32_t limit, uint32_t *nr_fresh)
{
	uint32_t cursor = t->nr, n = 0;

	do {
		if (n > 0) { /* the innermost is in the allocator: never the same twice */
			int i = trace_match(t, &cursor, w);
			if (i >= 0 && t->frames[i].depth + n <= 2 * limit && trace_unchanged(t, (uint32_t)i)) {
				*nr_fresh = n;
				return (uint32_t)i + 1;
			}
		}
		struct trace_frame *f = &t->fresh[n];
		*f = w->f;
		f->output = pc_counts(w->f.pc) ? walk_output_pc(w, n == 0) : 0;
		n++;
	} while (n < limit && walk_step(w));
	*nr_fresh = n;
	return 0;
}

/* A signal handler's allocation while this thread is in here, or no memory for the thread's block. */
static __cold_path stack_handle save_plainly(const struct unwind_regs *regs)
{
	uintptr_t pcs[64];
	size_t n = unwind_walk(regs, pcs, MIN(options.stack_depth, ARRAY_SIZE(pcs)));

	return depot_save(pcs, n);
}

stack_handle unwind_save(const struct unwind_regs *regs)
{
	struct unwind_thread *t = unwind_busy ? NULL : thread_block();
	uint32_t generation = __atomic_load_n(&cache_generation, __ATOMIC_RELAXED);
	uint32_t keep, nr_fresh;
	struct walk w;

	if (unlikely(!t))
		return save_plainly(regs);
	unwind_busy = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST); /* a handler of this thread sees busy before anything changes */
	unwind_windows = t->windows;
	if (unlikely(t->generation != generation)) {
		t->generation = generation;
		t->nr = 0;
	}
	walk_start(&w, regs);
	keep = trace_walk(t, &w, (uint32_t)MIN(options.stack_depth, TRACE_MAX), &nr_fresh);
	stack_handle handle = trace_extend(t, keep, nr_fresh);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	unwind_busy = false;
	return handle;
}
