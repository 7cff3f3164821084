/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/cfi.h - call frame information: the .eh_frame of a loaded module, read for one pc; between cfi.c and unwind.c only. */
#ifndef MEMSAN_LIB_CFI_H
#define MEMSAN_LIB_CFI_H

#include "lib/lib.h"

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

/* The row that holds at `pc`.  False: no call frame information covers it. */
bool cfi_find_row(uintptr_t pc, struct cfi_row *row);

/* Reads a word of the stack being walked; false ends the walk. */
typedef bool (*cfi_read_fn)(uintptr_t addr, uintptr_t *value);
/* The value of a location expression over a frame's registers, with `initial` pushed first when it is not NULL. */
bool cfi_evaluate(const uint8_t *expr, const struct cfi_regs *regs, const uintptr_t *initial, cfi_read_fn read, uintptr_t *result);

/* Is this expression "the word at register + offset" or "register + offset" (deref false)? */
bool cfi_expression_simple(const uint8_t *expr, uint8_t *reg, int32_t *offset, bool *deref);

#endif
