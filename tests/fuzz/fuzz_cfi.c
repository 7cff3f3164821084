/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/fuzz/fuzz_cfi.c - any bytes as call frame information.
 *
 *     data    a byte: the length of the CIE's body | the CIE's body | the FDE's body
 *
 * Both entries get a right length, because lib/cfi.c trusts lengths: they belong to loaded code.  What it promises is
 * that nothing is read past an entry's end, so memory that may not be read lies behind each. */
#include "tests/fuzz/fuzz.h"

#include "lib/cfi.c" /* its parts, without the search for a module */

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define GAP 64

/* cfi.c's neighbours. */
bool modules_usable(void)
{
	return false;
}
const uint8_t *cfi_static_search(uintptr_t pc, uintptr_t bias, cfi_range_fn range)
{
	(void)pc;
	(void)bias;
	(void)range;
	return NULL;
}
bool stack_view_reach(struct stack_view *v, uintptr_t addr)
{
	(void)v;
	(void)addr;
	return false;
}

static uint8_t *put_entry(uint8_t *at, uint32_t back, const uint8_t *body, size_t size)
{
	uint32_t length = (uint32_t)size + 4;

	memcpy(at, &length, 4);
	memcpy(at + 4, &back, 4);
	if (size)
		memcpy(at + 8, body, size);
	return at + 8 + size;
}

static void evaluate(const struct cfi_row *row)
{
	static uintptr_t stack[64];
	struct stack_view view = { .home = { (uintptr_t)stack, 64 } };
	struct cfi_regs regs = { .known = ~0u };
	uintptr_t value, cfa = (uintptr_t)stack + 256;
	int32_t offset;
	uint8_t reg;
	bool deref;

	for (unsigned i = 0; i < ARCH_DWARF_REGS; i++)
		regs.r[i] = (uintptr_t)stack + i * 24;
	if (row->cfa_expr) {
		cfi_expression_simple(row->cfa_expr, &reg, &offset, &deref);
		cfi_evaluate(row->cfa_expr, &regs, NULL, &view, &value);
	}
	for (unsigned i = 0; i < ARCH_DWARF_REGS; i++)
		if (row->rules[i].kind == CFI_EXPRESSION || row->rules[i].kind == CFI_VAL_EXPRESSION) {
			const uint8_t *expr = cfi_rule_expr(row, &row->rules[i]);

			cfi_expression_simple(expr, &reg, &offset, &deref);
			cfi_evaluate(expr, &regs, &cfa, &view, &value);
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t cie_size = size ? data[0] : 0, fde_size;
	uintptr_t start, range;
	uint8_t *memory, *fde, *end;
	struct machine m;

	if (size <= 1 + cie_size)
		return 0;
	fde_size = size - 1 - cie_size;
	memory = malloc(8 + cie_size + GAP + 8 + fde_size);
	MUST(memory);
	end = put_entry(memory, 0, data + 1, cie_size);
	fde = end + GAP;
	put_entry(fde, (uint32_t)(fde + 4 - memory), data + 1 + cie_size, fde_size);
	ASAN_POISON_MEMORY_REGION(end, GAP);
	if (fde_range(fde, &start, &range))
		for (unsigned part = 0; part < 4; part++) {
			/* What an earlier use left on the stack, and no run may see. */
			for (unsigned i = 0; i < ARCH_DWARF_REGS; i++)
				m.initial.rules[i] = (struct cfi_rule){ .kind = CFI_EXPRESSION, .offset = INT32_MAX };
			mem_set(&m.row, 0, sizeof(m.row));
			m.nr_remembered = 0;
			if (fde_run(fde, start + range / 4 * part, &m))
				evaluate(&m.row);
		}
	ASAN_UNPOISON_MEMORY_REGION(end, GAP);
	free(memory);
	return 0;
}
