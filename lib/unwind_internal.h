/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/unwind_internal.h - one step of the unwinder, in line: rows of call frame information out of their cache, frames, walks.  Shared by unwind.c and
 * unwind_save.c; the essay is in unwind.c. */
#ifndef MEMSAN_LIB_UNWIND_INTERNAL_H
#define MEMSAN_LIB_UNWIND_INTERNAL_H

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
extern struct cache_entry unwind_cache[1u << CACHE_BITS];   /* racy by design: see the essay */
extern uint64_t unwind_salt;                                /* atomic; another one when a module goes away */

/* Neighbouring code shares pages of the cache, so that a small program touches few of them.  No multiplication: the next frame waits
 * for this. */
__inline_hot struct cache_entry *cache_at(uintptr_t pc)
{
	return &unwind_cache[(pc >> 2 ^ pc >> 17) & ((1u << CACHE_BITS) - 1)];
}

__inline_hot uint64_t cache_check(uintptr_t pc, uint64_t row, uint64_t salt)
{
	return pc ^ row * 0x9e3779b97f4a7c15ULL ^ salt; /* of zeros: not 0, for a salt is no pc */
}

/* A row that is not in the cache, and into it. */
__cold_path uint64_t unwind_row_compute(uintptr_t pc, uint64_t salt);

__inline_hot uint64_t row_of(uintptr_t pc)
{
	struct cache_entry *e = cache_at(pc);
	uint64_t row = __atomic_load_n(&e->row, __ATOMIC_RELAXED), salt = __atomic_load_n(&unwind_salt, __ATOMIC_RELAXED);

	if (likely(__atomic_load_n(&e->check, __ATOMIC_RELAXED) == cache_check(pc, row, salt)))
		return row;
	return unwind_row_compute(pc, salt);
}

/* ---- one step ------------------------------------------------------------------------------------------------------ */

struct frame { uintptr_t pc, sp, fp; };

/* Where a frame's state was read from; the last two may be 0. */
struct origin { uintptr_t pc_at, fp_at, cfa_at; };

/* Where no word was read: never equal to a pc. */
extern const uintptr_t unwind_never;

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

/* By any other row than the two plain kinds. */
struct step { struct frame f; struct origin from; };

/* The frame comes as single words: the caller's would otherwise live in memory, or packed in a vector register. */
__cold_path bool unwind_step_rare(struct walk *w, uint64_t row, uintptr_t pc, uintptr_t sp, uintptr_t fp, struct step *out);

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
	if (!unwind_step_rare(w, row, f->pc, f->sp, f->fp, &out))
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
static inline struct frame frame_first(const struct unwind_regs *regs)
{
	return (struct frame){ regs->pc + 1, regs->sp, regs->fp };
}

/* ---- unwind_save.c -------------------------------------------------------------------------------------------------- */

/* What this thread knows of its stack's memory, its user's until unwind_leave.  NULL: a signal handler while it is in use, or no memory. */
struct stack_view *unwind_enter_view(void);
void unwind_leave(void);
/* unwind_walk without that. */
size_t unwind_walk_alone(const struct unwind_regs *regs, uintptr_t *pcs, size_t max);

#endif
