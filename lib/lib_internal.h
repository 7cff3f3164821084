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

/* modules.c: may _dl_find_object be asked yet? */
bool modules_usable(void);

/* ---- cfi.c: call frame information: the .eh_frame of a loaded module, read for one pc; for unwind.c ---------------------- */

/* How the caller's value of a register is found (DWARF 5, 6.4.1). */
enum cfi_rule_kind { CFI_SAME, CFI_UNDEFINED, CFI_OFFSET, CFI_VAL_OFFSET, CFI_REGISTER, CFI_EXPRESSION, CFI_VAL_EXPRESSION };
struct cfi_rule {
	uint8_t kind;
	uint8_t reg;            /* REGISTER */
	int32_t offset;         /* OFFSET, VAL_OFFSET: from the CFA */
	const uint8_t *expr;    /* EXPRESSION, VAL_EXPRESSION: ULEB length, then the operations */
};

struct cfi_row {
	uint8_t cfa_reg;
	int32_t cfa_offset;
	const uint8_t *cfa_expr;    /* not NULL: instead of the two above */
	bool signal_frame;          /* the frame that the kernel made: its caller's pc is exact */
	struct cfi_rule rules[ARCH_DWARF_REGS];
};

/* A frame's registers by DWARF number; a bit in `known` for each that has a value. */
struct cfi_regs {
	uintptr_t r[ARCH_DWARF_REGS];
	uint32_t known;
};

/* The row that holds at `pc`.  False: no call frame information covers it; *known tells whether a module does: where none does the
 * answer may be another one later (start-up of a static program, code of a JIT). */
bool cfi_find_row(uintptr_t pc, struct cfi_row *row, bool *known);

/* The code that the FDE at `fde` describes.  False for a CIE, or what cannot be read. */
bool cfi_fde_range(const uint8_t *fde, uintptr_t *start, uintptr_t *range);
/* cfi_static.c: the FDE that may describe pc in a program without .eh_frame_hdr, or NULL. */
const uint8_t *cfi_static_search(uintptr_t pc, uintptr_t bias);

/* Reads a word of the stack being walked; false ends the walk. */
typedef bool (*cfi_read_fn)(uintptr_t addr, uintptr_t *value);
/* The value of a location expression over a frame's registers, with `initial` pushed first when it is not NULL. */
bool cfi_evaluate(const uint8_t *expr, const struct cfi_regs *regs, const uintptr_t *initial, cfi_read_fn read, uintptr_t *result);

/* Is this expression "the word at register + offset" or "register + offset" (deref false)? */
bool cfi_expression_simple(const uint8_t *expr, uint8_t *reg, int32_t *offset, bool *deref);

#endif
