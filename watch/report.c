/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/report.c - an access to bad memory in watched code becomes a report, as one of instrumented code does, with the
 * registers of the original. */
#include "shadow/shadow.h"
#include "watch/watch_internal.h"

#define BLOCK_MAX 256u /* bytes between an access and its check */

_Static_assert(sizeof(struct copy_regs) <= sizeof(((struct report_fault *)0)->regs), "registers fit");

static size_t read_code(uintptr_t pc, uint8_t *bytes, size_t n)
{
	n = os_safe_read(bytes, (const void *)pc, n);
	code_copies->original_code(pc, bytes, n);
	return n;
}

/* By bit: the registers that the instructions between the check and the access may change. */
static uint32_t changed_between(const struct copy_access *a)
{
	uint32_t changed = COPY_LOST_FLAGS | INSN_ALL_REGS;
	uint8_t bytes[BLOCK_MAX];
	struct insn x;
	size_t n;

	if (a->pc - a->checked_pc > sizeof(bytes))
		return changed & ~(1u << INSN_RSP);
	n = read_code(a->checked_pc, bytes, a->pc - a->checked_pc);
	changed = 0;
	for (size_t at = 0; at < n && x86_decode(&x, bytes + at, n - at, a->checked_pc + at); at += x.length)
		changed |= x.writes | (x.flags_written ? COPY_LOST_FLAGS : 0);
	return changed;
}

static void describe_machine(const struct copy_access *a, struct report_fault *f)
{
	mem_set(f, 0, sizeof(*f));
	f->present = MACHINE_AT_ACCESS;
	f->addr = a->address;
	mem_copy(f->regs, a->regs, sizeof(*a->regs));
	f->lost_regs = a->lost | changed_between(a);
	f->code_len = (uint32_t)read_code(a->pc, f->code, sizeof(f->code));
	f->nr_words = (uint32_t)(os_safe_read(f->words, (const void *)a->regs->gpr[INSN_RSP], sizeof(f->words)) /
	                         sizeof(f->words[0]));
}

/* With all of the processor's state saved, on the program's stack. The shadow may have changed since the check. */
static void bad_access(const struct copy_access *checked)
{
	struct copy_access a = *checked;
	struct copy_regs before = *a.regs;
	struct unwind_regs regs = {
		.pc = a.pc,
		.sp = before.gpr[INSN_RSP],
		.fp = before.gpr[INSN_RBP],
	};
	uintptr_t bad = shadow_find_bad((const void *)a.address, a.size);
	bool tells = shadow_tells(); /* code may repeat a bad access millions of times */
	struct report_fault machine;

	if (!bad)
		return;
	if (tells) {
		regs.pc = origin_shared(a.pc, regs.sp);
		a.checked_pc += regs.pc - a.pc;
		a.pc = before.rip = regs.pc;
		a.regs = &before;
		describe_machine(&a, &machine);
	}
	shadow_report_insn((const void *)a.address, a.size, bad, a.write ? ACCESS_WRITE : ACCESS_READ, &regs,
	                   tells ? &machine : NULL);
}

void report_start(void)
{
	copy_set_bad_access(bad_access);
}

void report_stop(void)
{
	copy_set_bad_access(NULL);
}
