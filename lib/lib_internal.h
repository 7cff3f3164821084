/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/lib_internal.h - shared between the files of lib/ only. */
#ifndef MEMSAN_LIB_INTERNAL_H
#define MEMSAN_LIB_INTERNAL_H

#include "lib/lib.h"

/* Most calls have few arguments. */
static inline long os_syscall4(long nr, long a, long b, long c, long d)
{
	return arch_syscall6(nr, a, b, c, d, 0, 0);
}

/* What each file adds to struct lib_root. */
void os_root_fill(struct lib_root *r);
void depot_root_fill(struct lib_root *r);
void thread_root_fill(struct lib_root *r);
void clock_root_fill(struct lib_root *r);

/* modules.c: may _dl_find_object be asked yet? */
bool modules_usable(void);

/* ---- cfi.c: call frame information: the .eh_frame of a loaded module, read for one pc; for unwind.c ---------------------- */

/* How the caller's value of a register is found (DWARF 5, 6.4.1). */
enum cfi_rule_kind { CFI_SAME, CFI_UNDEFINED, CFI_OFFSET, CFI_VAL_OFFSET, CFI_REGISTER, CFI_EXPRESSION, CFI_VAL_EXPRESSION };
struct cfi_rule {
	uint8_t kind;
	uint8_t reg;            /* REGISTER */
	int32_t offset;         /* OFFSET, VAL_OFFSET: from the CFA; EXPRESSION, VAL_EXPRESSION: of the block, from cfi_row.fde */
};

/* Small, since a few of them are on the stack of whoever allocates, and threads may have 16 KiB. */
struct cfi_row {
	uint8_t cfa_reg;
	bool signal_frame;          /* the frame that the kernel made: its caller's pc is exact */
	int32_t cfa_offset;
	const uint8_t *cfa_expr;    /* not NULL: instead of register and offset; ULEB length, then the operations */
	const uint8_t *fde;
	struct cfi_rule rules[ARCH_DWARF_REGS];
};

static inline const uint8_t *cfi_rule_expr(const struct cfi_row *row, const struct cfi_rule *rule)
{
	return row->fde + rule->offset;
}

/* A frame's registers by DWARF number; a bit in `known` for each that has a value. */
struct cfi_regs {
	uintptr_t r[ARCH_DWARF_REGS];
	uint32_t known;
};

/* The row that holds at `pc`, if call frame information covers it. */
enum cfi_found { CFI_NO_MODULE, CFI_NO_ROW, CFI_FOUND };
enum cfi_found cfi_find_row(uintptr_t pc, struct cfi_row *row);

/* The code that the FDE at `fde` describes.  False for a CIE, or what cannot be read. */
bool cfi_fde_range(const uint8_t *fde, uintptr_t *start, uintptr_t *range);
/* cfi_static.c: the FDE that may describe pc in a program without .eh_frame_hdr, or NULL. */
const uint8_t *cfi_static_search(uintptr_t pc, uintptr_t bias);

struct stack_view;   /* what the expression may read of the stack */
/* The value of a location expression over a frame's registers, with `initial` pushed first when it is not NULL. */
bool cfi_evaluate(const uint8_t *expr, const struct cfi_regs *regs, const uintptr_t *initial, struct stack_view *view,
                  uintptr_t *result);

/* Is this expression "the word at register + offset" or "register + offset" (deref false)? */
bool cfi_expression_simple(const uint8_t *expr, uint8_t *reg, int32_t *offset, bool *deref);

/* ---- depot.c ------------------------------------------------------------------------------------------------------------- */

/* This thread holds the depot's lock or one that inserting takes, or is about to: its signal handlers insert nothing.  (lock_mine is not
 * enough: the holder is not known at the first and last instructions.) */
extern TLS_IE bool depot_busy __attribute__((visibility("hidden")));

/* The hash of a path and of one more frame further in; 0 is that of no frames. */
__inline_hot uint64_t depot_mix(uint64_t outer, uintptr_t pc)
{
	uint64_t h = (outer ^ pc) * 0x9e3779b97f4a7c15ULL;

	return h ^ h >> 32;
}

/* The stack of that hash, whose outer frames have the hash `outer`, or 0.  Takes no lock; may overlook one that another thread inserts just now. */
stack_handle depot_find(uint64_t outer, uint64_t hash);
/* A stack with such outer frames will be looked for soon: what has to come from memory is asked for. */
void depot_expect(uint64_t outer);
/* Found, or inserted; `parent` is the stack of its outer frames, of the hash `outer`.  No room: parent. */
stack_handle depot_add(stack_handle parent, uint64_t outer, uint64_t hash, uintptr_t pc);

/* ---- window.c: which words of a stack may be read without a fault --------------------------------------------------------- */

struct window { uintptr_t lo, words; };        /* readable pages: their start, and how many words */

/* All zero when new.  One walk at a time. */
struct stack_view {
	struct window home;       /* the thread's own stack: stays */
	struct window other;      /* of this walk */
	bool anchored;            /* home's beginning was looked for */
	bool home_ends_here;      /* there is nothing below home.lo */
	bool foreign;             /* this walk read outside home */
};

/* A walk begins: what `other` held may be gone. */
__inline_hot void stack_view_begin(struct stack_view *v)
{
	v->other.words = 0;
	v->foreign = false;
}

/* Asks the system; false: not readable, or not the address of a word. */
bool stack_view_reach(struct stack_view *v, uintptr_t addr);

/* An address that is no multiple of 8 becomes a huge number by the rotation: one compare for both questions. */
__inline_hot bool window_holds(const struct window *w, uintptr_t addr)
{
	uintptr_t off = addr - w->lo;

	return (off >> 3 | off << 61) < w->words;
}

__inline_hot bool stack_readable(struct stack_view *v, uintptr_t addr)
{
	return likely(window_holds(&v->home, addr)) || stack_view_reach(v, addr);
}

__inline_hot bool stack_read(struct stack_view *v, uintptr_t addr, uintptr_t *value)
{
	if (!stack_readable(v, addr))
		return false;
	*value = *(const uintptr_t *)addr;
	return true;
}

#endif
