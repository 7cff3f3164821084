/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/unwind_abort.c - ends the process so that its core file begins in the program's own frame.
 *
 * A debugger shows a core file where SIGABRT met the thread, which for abort() is deep inside of memsan. So the signal
 * is sent while it is blocked. Then the thread returns, as from a signal handler, to registers of the program's frame,
 * with the signal unblocked. The kernel delivers it before the first instruction there: nothing of the program runs.
 *
 *     registers of the access, or of here ──whole rows, outwards──► the frame at place->pc
 *     SIGABRT: default action, blocked, sent, pending? ── rt_sigreturn ──► pc ── dumps core
 *
 * A frame that waits for a call shows the call itself, not the line behind it. Vector registers are zero. */
#include <signal.h>
#include <sys/syscall.h>

#include "lib/lib_internal.h"

#define SIGABRT_BIT (1ull << (SIGABRT - 1))
#define ALL_KNOWN ((1u << ARCH_DWARF_REGS) - 1)

struct search {
	const struct abort_place *place;
	const uintptr_t *stored; /* by arch_call_stored */
	struct cfi_regs regs;    /* found */
	bool found;
};

/* pc + 1 stands for an exact pc, as everywhere in unwind.c. */
static void begin_at_machine(const struct abort_place *place, struct cfi_regs *regs)
{
	arch_dwarf_registers(place->machine, regs->r);
	regs->r[ARCH_DWARF_RA]++;
	regs->known = ALL_KNOWN;
}

static void search(void *arg)
{
	struct search *s = arg;
	uintptr_t wanted = s->place->pc + s->place->exact;
	struct stack_view view;
	struct walk w;
	struct frame f = { 0, 0, 0 };

	mem_set(&view, 0, sizeof(view));
	walk_begin(&w, &view, &f);
	if (s->place->machine)
		begin_at_machine(s->place, &w.regs);
	else
		w.regs.known = arch_stored_registers(s->stored, w.regs.r);
	f = (struct frame){ w.regs.r[ARCH_DWARF_RA], w.regs.r[ARCH_DWARF_SP], w.regs.r[ARCH_DWARF_FP] };
	for (unsigned i = 0; i < STACK_FRAMES_MAX; i++) {
		if (f.pc == wanted) {
			s->found = true;
			mem_copy(&s->regs, &w.regs, sizeof(s->regs));
			return;
		}
		if (!unwind_step_whole(&w, &f, &f))
			return;
	}
}

/* Blocked, so that it stays pending. Process 1 of a name space would go on with the program. */
static bool abort_pending(void)
{
	/* handler, flags, restorer, mask: all of them 0 is the default action */
	const uint64_t action[4] = { 0, 0, 0, 0 };
	uint64_t pending = 0;

	if (!os_free_to(OS_CALL_SIGACTION) || !os_free_to(OS_CALL_SIGPROCMASK) || os_getpid() == 1)
		return false;
	os_mask_set(~0ull);
	arch_syscall6(SYS_rt_sigaction, SIGABRT, (long)action, 0, sizeof(pending), 0, 0);
	arch_syscall6(SYS_tgkill, os_getpid(), os_gettid(), SIGABRT, 0, 0, 0);
	arch_syscall6(SYS_rt_sigpending, (long)&pending, sizeof(pending), 0, 0, 0, 0);
	return pending & SIGABRT_BIT;
}

static void abort_stored(void *arg, uintptr_t sp)
{
	const struct abort_place *place = arg;
	struct search s = { .place = place, .stored = (const uintptr_t *)sp };

	deep_run(search, &s);
	if (!s.found || !abort_pending())
		return;
	s.regs.r[ARCH_DWARF_RA] = place->exact ? place->pc : arch_call_before(place->pc);
	for (unsigned reg = 0; reg < ARCH_DWARF_REGS; reg++)
		if (!(s.regs.known & 1u << reg))
			s.regs.r[reg] = 0;
	if (code_copies)
		code_copies->show_original(place->pc);
	arch_enter(s.regs.r, ~SIGABRT_BIT);
}

_Noreturn void unwind_abort(const struct abort_place *place)
{
	struct abort_place here = *place;

	if (here.pc)
		arch_call_stored(abort_stored, &here);
	os_abort();
}
