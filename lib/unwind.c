/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/unwind.c - the stack unwinder: full depth without frame pointers, at a few nanoseconds a frame. unwind_save.c
 * saves stacks for less.
 *
 * Rows are cached for each pc. Nearly every row of call frame information on x86_64 has the same form: the CFA is rsp
 * or rbp plus a constant (or the word at rbp plus a constant, where the compiler realigned the stack), the return
 * address is just below the CFA, and rbp is unchanged or saved at a constant distance. Such a row packs into 64 bits.
 * Other rows (signal frames, PLT stubs, hand-written code) are marked and evaluated whole (step_general).
 *
 * entry:  [ check = pc ^ mix(row) ^ salt | row ]      two plain words, no lock: a torn or stale entry fails the check
 *                                                     (Hyatt and Mann's lockless hashing of chess transposition tables)
 *
 * The salt changes when a module goes away. It is read before a row is computed. So a row of the old module never
 * counts for a module that is loaded there later. Rows of code outside all modules (a JIT's) are not cached, since a
 * module may be loaded there later.
 *
 * A wrong row or a smashed stack must not cause a fault: every word is read through a stack_view (window.c). Call frame
 * information itself is trusted, as the C++ unwinder trusts it. Two weaknesses are accepted. Garbage may look like a
 * return address into a module that another thread's dlclose unmaps at this moment. And memsan does not notice when
 * libc unloads modules by itself (gconv's).
 *
 * Every pc is kept as a return address: pc - 1 lies inside the call. For a frame that a signal interrupted, its pc plus
 * one is kept.
 */
#include "lib/lib_internal.h"

/* ---- packed rows ----------------------------------------------------------------------------- */

/* A process that walks few stacks, as most do in production, uses one page of the cache. */
#define CACHE_SMALL (PAGE_SIZE / sizeof(struct cache_entry))
__large_bss struct cache_entry unwind_cache[1u << CACHE_BITS] __attribute__((aligned(PAGE_SIZE)));
uint32_t unwind_cache_mask = CACHE_SMALL - 1;
uint64_t unwind_salt = CACHE_SALT;
const uintptr_t unwind_never;

void unwind_flush(void)
{
	__atomic_fetch_add(&unwind_salt, CACHE_SALT << 1, __ATOMIC_RELAXED);
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

/* Packs gcc's dynamically realigned frames: the CFA is in a slot below rbp, and rbp itself is saved where rbp
 * points. */
static bool row_pack_realigned(const struct cfi_row *row, uint64_t *packed)
{
	const struct cfi_rule *fp = &row->rules[ARCH_DWARF_FP];
	uint8_t cfa_reg, fp_reg;
	int32_t cfa_at, fp_at;
	bool deref, fp_deref;

	if (!cfi_expression_simple(row->cfa_expr, &cfa_reg, &cfa_at, &deref) || !deref || cfa_reg != ARCH_DWARF_FP)
		return false;
	if (fp->kind != CFI_EXPRESSION || !cfi_expression_simple(cfi_rule_expr(row, fp), &fp_reg, &fp_at, &fp_deref) ||
	    fp_deref || fp_reg != ARCH_DWARF_FP || fp_at <= -FP_AT_MAX || fp_at >= FP_AT_MAX)
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

struct row_wanted {
	uintptr_t pc;
	uint64_t salt, row;
};

static void row_compute(void *arg)
{
	struct row_wanted *r = arg;
	struct cfi_row row;
	enum cfi_found found = cfi_find_row(r->pc, &row);

	r->row = found == CFI_FOUND ? row_pack(&row) : ROW_PACK(ROW_NO_CFI, 0, 0);
	if (module_is_self(r->pc) || r->pc >> 47)
		r->row |= ROW_HIDDEN;
	if (found != CFI_NO_MODULE)
		row_enter(r->pc, r->row, r->salt);
}

/* Threads may count at once; the cache then grows a little later. */
static void cache_count(void)
{
	static uint32_t rows;
	uint32_t n = READ_ONCE(rows) + 1;

	if (READ_ONCE(unwind_cache_mask) == ARRAY_SIZE(unwind_cache) - 1)
		return;
	WRITE_ONCE(rows, n);
	if (n >= CACHE_SMALL / 2)
		WRITE_ONCE(unwind_cache_mask, (uint32_t)ARRAY_SIZE(unwind_cache) - 1);
}

/* Programs for tables and expressions of DWARF need much stack, so they run on memsan's own. */
__cold_path uint64_t unwind_row_compute(uintptr_t pc, uint64_t salt)
{
	struct row_wanted r = { pc, salt, 0 };

	cache_count();
	deep_run(row_compute, &r);
	return r.row;
}

/* ---- one step -------------------------------------------------------------------------------- */

/* Code without call frame information, usually a JIT's: follows the frame pointer, if it looks like one. */
static bool step_frame_pointer(struct stack_view *view, const struct frame *in, struct frame *out, struct origin *from)
{
	if (in->fp < in->sp || in->fp - in->sp > (16u << 20))
		return false;
	return step_take(view, in, in->fp + 2 * sizeof(uintptr_t), in->fp, out, from);
}

static bool step_realigned(struct stack_view *view, const struct frame *in, uint64_t row, struct frame *out,
                           struct origin *from)
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
		if (!(w->regs.known & 1u << reg))
			return false;
		*value = w->regs.r[reg];
		return true;
	case CFI_OFFSET:
		return stack_read(w->view, at, value);
	case CFI_VAL_OFFSET:
		*value = at;
		return true;
	case CFI_REGISTER:
		if (rule->reg >= ARCH_DWARF_REGS || !(w->regs.known & 1u << rule->reg))
			return false;
		*value = w->regs.r[rule->reg];
		return true;
	case CFI_EXPRESSION:
		return cfi_evaluate(cfi_rule_expr(row, rule), &w->regs, &cfa, w->view, &at) &&
		       stack_read(w->view, at, value);
	case CFI_VAL_EXPRESSION:
		return cfi_evaluate(cfi_rule_expr(row, rule), &w->regs, &cfa, w->view, value);
	default:
		return false;
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

/* Overwritten signal frames may lead the walk in a circle. */
#define GENERAL_STEPS_MAX (2 * STACK_FRAMES_MAX)
#define KNOWN(regs, reg) ((regs)->known & 1u << (reg))
#define ALL_KNOWN ((1u << ARCH_DWARF_REGS) - 1)

const struct code_copies *code_copies;
bool code_may_step;

/* A signal may have interrupted a copy of a function, which has no call frame information of its own. */
static void interrupted_origin(struct cfi_regs *regs)
{
	struct unwind_regs r = { .pc = regs->r[ARCH_DWARF_RA],
		                 .sp = regs->r[ARCH_DWARF_SP],
		                 .fp = regs->r[ARCH_DWARF_FP] };

	if (!code_copies)
		return;
	code_copies->unwind(&r);
	regs->r[ARCH_DWARF_RA] = r.pc;
	regs->r[ARCH_DWARF_SP] = r.sp;
	regs->r[ARCH_DWARF_FP] = r.fp;
}

/* A step by any row, from the known registers to the caller's. */
bool unwind_step_whole(struct walk *w, const struct frame *in, struct frame *out)
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
	if (row.signal_frame)
		interrupted_origin(&next);
	/* A signal handler may run on another stack, above or below the interrupted one. Every other caller's frame is
	 * shallower. */
	if (!row.signal_frame && next.r[ARCH_DWARF_SP] <= in->sp)
		return false;
	w->signal |= row.signal_frame && !module_is_self(in->pc);
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

/* A row may need a register that an inner frame has saved (ld.so's lazy binding keeps its CFA in rbx). Repeats the walk
 * up to here by whole rows. Slow and rare. */
static bool regs_recover(struct walk *w, const struct frame *here)
{
	struct frame f = w->first;

	regs_forget(w, &f);
	for (unsigned i = 0; i < STACK_FRAMES_MAX; i++) {
		if (f.sp == here->sp && f.pc == here->pc)
			return i > 0;
		if (!unwind_step_whole(w, &f, &f))
			return false;
	}
	return false;
}

/* In a general row, fp_at counts how often regs_recover did not help at this pc. After RECOVER_TRIES it is not tried
 * again. */
#define RECOVER_TRIES 100

static bool step_general(struct walk *w, const struct frame *in, uint64_t row, struct frame *out)
{
	bool all_known;
	intptr_t tries;
	bool ok;

	if (w->general_steps++ == GENERAL_STEPS_MAX)
		return false;
	/* Plain steps since the last general step have changed sp, and only pc, sp and fp are known after them. */
	if (!regs_are_of(w, in))
		regs_forget(w, in);
	all_known = w->regs.known == ALL_KNOWN;
	if (unwind_step_whole(w, in, out))
		return true;
	tries = ROW_FP_AT(row);
	if (all_known || tries == RECOVER_TRIES)
		return false;
	ok = regs_recover(w, in) && unwind_step_whole(w, in, out);
	row_enter(in->pc - 1, (row & ROW_HIDDEN) | ROW_PACK(ROW_GENERAL, ok ? 0 : tries + 1, 0),
	          __atomic_load_n(&unwind_salt, __ATOMIC_RELAXED));
	return ok;
}

struct general_step {
	struct walk *walk;
	const struct frame *in;
	struct frame *out;
	uint64_t row;
	bool ok;
};

static void step_deep(void *arg)
{
	struct general_step *s = arg;

	s->ok = step_general(s->walk, s->in, s->row, s->out);
}

__cold_path bool unwind_step_rare(struct walk *w, uint64_t row, uintptr_t pc, uintptr_t sp, uintptr_t fp,
                                  struct step *out)
{
	const struct frame in = { pc, sp, fp };
	struct general_step general = { w, &in, &out->f, row, false };

	switch (ROW_KIND(row)) {
	case ROW_GENERAL:
		out->from = (struct origin){ .pc_at = (uintptr_t)&unwind_never };
		deep_run(step_deep, &general);
		return general.ok;
	case ROW_FP_DEREF:
		return step_realigned(w->view, &in, row, &out->f, &out->from);
	case ROW_NO_CFI:
		return step_frame_pointer(w->view, &in, &out->f, &out->from);
	default:
		return false;
	}
}

/* ---- a walk without memory ------------------------------------------------------------------- */

static size_t walk_frames(struct walk *w, struct stack_view *view, const struct unwind_regs *regs, uintptr_t *pcs,
                          size_t max)
{
	struct frame f = frame_first(regs);
	struct origin from;
	uintptr_t first = 1;
	size_t n = 0;
	uint64_t row;

	if (max == 0)
		return 0;
	walk_begin(w, view, &f);
	do {
		row = row_of(f.pc - 1);
		if (likely(!(row & ROW_HIDDEN)))
			pcs[n++] = f.pc - first;
		first = 0;
	} while (n < max && walk_step(w, &f, row, &from));
	return n;
}

size_t unwind_walk_in(struct stack_view *view, const struct unwind_regs *regs, uintptr_t *pcs, size_t max)
{
	struct walk w;

	return walk_frames(&w, view, regs, pcs, max);
}

__cold_path size_t unwind_walk_signal(const struct unwind_regs *regs, uintptr_t *pcs, size_t max, bool *signal)
{
	struct stack_view view;
	struct walk w;

	mem_set(&view, 0, sizeof(view));
	max = walk_frames(&w, &view, regs, pcs, max);
	*signal = max && w.signal;
	return max;
}

__cold_path size_t unwind_walk_alone(const struct unwind_regs *regs, uintptr_t *pcs, size_t max)
{
	bool signal;

	return unwind_walk_signal(regs, pcs, max, &signal);
}
