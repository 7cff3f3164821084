/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/render_fault.c - the machine at a fault or at a checked access, as text in the manner of a kernel oops
 * (instruction, registers, code bytes), and as JSON. */
#include "config.h"

#include "reports/reports_internal.h"

/* Numbered as in instructions. */
static const char *const reg_names[] = {
	"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R08",
	"R09", "R10", "R11", "R12", "R13", "R14", "R15", "RIP", "EFLAGS",
};
enum { AX, CX, DX, BX, SP, BP, SI, DI, R8, R9, R10, R11, R12, R13, R14, R15, IP, FLAGS };
_Static_assert(ARRAY_SIZE(reg_names) <= REPORT_REGS, "every register has a name");

static bool is_lost(const struct report_fault *f, unsigned reg)
{
	return f->lost_regs >> reg & 1;
}

static void put_reg(struct fmt_buf *b, const struct report_fault *f, unsigned reg, const char *behind)
{
	if (is_lost(f, reg))
		fmt_printf(b, "%s: %s%s", reg_names[reg], reg == FLAGS ? "--------" : "----------------", behind);
	else if (reg == FLAGS)
		fmt_printf(b, "%s: %08llx%s", reg_names[reg], (unsigned long long)f->regs[reg], behind);
	else
		fmt_printf(b, "%s: %016llx%s", reg_names[reg], (unsigned long long)f->regs[reg], behind);
}

static void put_regs(struct fmt_buf *b, const struct report_fault *f)
{
	/* the order of __show_regs in arch/x86/kernel/process_64.c */
	static const uint8_t order[] = { AX, BX, CX, DX, SI, DI, BP, R8, R9, R10, R11, R12, R13, R14, R15 };

	put_reg(b, f, SP, " ");
	put_reg(b, f, FLAGS, "\n");
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		put_reg(b, f, order[i], i % 3 == 2 ? "\n" : " ");
}

static const char *trap_name(uint32_t trap)
{
	switch (trap) {
	case 12:
		return "stack segment fault";
	case 13:
		return "general protection fault";
	case 14:
		return "page fault";
	case 17:
		return "alignment check";
	default:
		return "trap";
	}
}

void report_put_fault(struct fmt_buf *b, const struct report_record *r)
{
	const struct report_fault *f = &r->fault;

	if (!f->present)
		return;
	if (f->present == MACHINE_AT_FAULT)
		fmt_printf(b, "%s: %04llx, signal %u code %d\n", trap_name(f->trap), (unsigned long long)f->error,
		           f->signo, f->si_code);
	if (f->insn)
		fmt_printf(b, "Instruction: %.200s\n", report_str(r, f->insn));
	fmt_printf(b, "RIP: %016llx Code:", (unsigned long long)f->regs[IP]);
	for (size_t i = 0; i < f->code_len; i++)
		fmt_printf(b, i == 0 ? " <%02x>" : " %02x", f->code[i]);
	fmt_printf(b, f->code_len ? "\n" : " Unable to access opcode bytes\n");
	put_regs(b, f);
	if (f->trap == 14)
		fmt_printf(b, "CR2: %016llx\n", (unsigned long long)f->addr);
}

void report_put_fault_json(struct fmt_buf *b, const struct report_record *r)
{
	const struct report_fault *f = &r->fault;

	if (!f->present) {
		fmt_printf(b, "null");
		return;
	}
	if (f->present == MACHINE_AT_FAULT)
		fmt_printf(b, "{\"signal\":%u,\"code\":%d,\"trap\":%u,\"error\":%llu,", f->signo, f->si_code, f->trap,
		           (unsigned long long)f->error);
	else
		fmt_printf(b, "{\"signal\":null,\"code\":null,\"trap\":null,\"error\":null,");
	fmt_printf(b, "\"instruction\":");
	if (f->insn)
		fmt_json_string(b, report_str(r, f->insn), 200);
	else
		fmt_printf(b, "null");
	fmt_printf(b, ",\"bytes\":\"");
	for (size_t i = 0; i < f->code_len; i++)
		fmt_printf(b, "%02x", f->code[i]);
	fmt_printf(b, "\",\"registers\":{");
	for (unsigned i = 0; i < ARRAY_SIZE(reg_names); i++) {
		fmt_printf(b, "%s\"%s\":", i ? "," : "", reg_names[i]);
		if (is_lost(f, i))
			fmt_printf(b, "null");
		else
			fmt_printf(b, "\"0x%llx\"", (unsigned long long)f->regs[i]);
	}
	fmt_printf(b, "},\"stack\":[");
	for (size_t i = 0; i < f->nr_words; i++)
		fmt_printf(b, "%s\"0x%llx\"", i ? "," : "", (unsigned long long)f->words[i]);
	fmt_printf(b, "]");
	if (f->stack_hi)
		fmt_printf(b, ",\"stack_range\":[\"0x%llx\",\"0x%llx\"]", (unsigned long long)f->stack_lo,
		           (unsigned long long)f->stack_hi);
	else
		fmt_printf(b, ",\"stack_range\":null");
	fmt_printf(b, "}");
}
