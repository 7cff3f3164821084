/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/report.c - an access to bad memory in watched code becomes a report, as one of instrumented code does. */
#include "shadow/shadow.h"
#include "watch/watch_internal.h"

/* With all of the processor's state saved, on the program's stack. The shadow may have changed since the check. */
static void bad_access(const struct copy_access *a)
{
	struct unwind_regs regs = {
		.pc = a->pc,
		.sp = a->regs->gpr[INSN_RSP],
		.fp = a->regs->gpr[INSN_RBP],
	};
	uintptr_t bad = shadow_find_bad((const void *)a->address, a->size);

	if (bad)
		shadow_report_range((const void *)a->address, a->size, bad, a->write ? ACCESS_WRITE : ACCESS_READ, NULL,
		                    &regs);
}

void report_start(void)
{
	copy_set_bad_access(bad_access);
}
