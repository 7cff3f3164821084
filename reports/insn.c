/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/insn.c - decodes the instruction of a fault or of a checked access: its text, and for a fault the size and
 * kind of its access. */
#include "config.h"

#include <capstone/capstone.h>
#include <stdio.h>
#include <string.h>

#include "reports/reports_internal.h"

static uint32_t add_string(struct report_record *r, const char *text)
{
	size_t len = strlen(text);
	uint32_t at = r->strings_len;

	if (at + len + 1 > REPORT_STRINGS)
		return 0;
	memcpy(r->strings + at, text, len + 1);
	r->strings_len += (uint32_t)len + 1;
	return at;
}

/* The value of a register, given capstone's number for it, if it was recorded. */
static bool reg_value(const struct report_fault *f, csh handle, unsigned reg, uint64_t *value)
{
	static const char *const names[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8",
		                             "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip" };
	const char *name;

	*value = 0;
	if (reg == X86_REG_INVALID)
		return true;
	name = cs_reg_name(handle, reg);
	for (size_t i = 0; name && i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], name) == 0) {
			*value = f->regs[i];
			return true;
		}
	return false;
}

static bool operand_is(const struct report_record *r, csh handle, const cs_insn *insn, const cs_x86_op *op)
{
	uint64_t base, index, addr;

	if (!reg_value(&r->fault, handle, op->mem.base, &base) || !reg_value(&r->fault, handle, op->mem.index, &index))
		return false;
	addr = base + index * (uint64_t)op->mem.scale + (uint64_t)op->mem.disp;
	if (op->mem.base == X86_REG_RIP)
		addr += insn->size;
	/* The first byte that faults may lie on the next page. */
	return r->addr - addr < op->size;
}

/* The operand that faulted gives the size, and the kind of access when the processor did not tell a write from a
 * read. */
static void use_operands(struct report_record *r, csh handle, const cs_insn *insn)
{
	const cs_x86 *x = &insn->detail->x86;
	const cs_x86_op *best = NULL;

	for (unsigned i = 0; i < x->op_count; i++) {
		const cs_x86_op *op = &x->operands[i];

		if (op->type != X86_OP_MEM || insn->id == X86_INS_LEA || insn->id == X86_INS_NOP)
			continue;
		if (!best || operand_is(r, handle, insn, op))
			best = op;
	}
	if (!best || r->access == ACCESS_EXECUTE || r->fault.present == MACHINE_AT_ACCESS)
		return;
	if (!r->access_size)
		r->access_size = best->size;
	if (r->access == ACCESS_UNKNOWN && best->access)
		r->access = best->access & CS_AC_WRITE ? ACCESS_WRITE : ACCESS_READ;
}

void insn_decode(struct report_record *r)
{
	struct report_fault *f = &r->fault;
	char text[256];
	cs_insn *insn;
	csh handle;

	if (!f->present || !f->code_len || cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
		return;
	cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
	cs_option(handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
	if (cs_disasm(handle, f->code, f->code_len, f->regs[16], 1, &insn) == 1) {
		snprintf(text, sizeof(text), "%s%s%s", insn->mnemonic, insn->op_str[0] ? " " : "", insn->op_str);
		f->insn = add_string(r, text);
		use_operands(r, handle, insn);
		cs_free(insn, 1);
	}
	cs_close(&handle);
}
