/* SPDX-License-Identifier: BSD-2-Clause */
/* fault/relay.c - handlers of other signals than SIGSEGV and SIGBUS see original code, while functions run as copies
 * (struct code_copies).
 *
 *     kernel ─► relay_N ─► relay_enter      the context gets the original's pc and registers
 *                             └─► the program's handler, in the frame that the kernel made
 *                                    └─ returns into the copy (machine_return_to_copy), or, if no copy was
 *                                       interrupted, where the kernel's frame says
 *
 * For each handler of the program's, the kernel gets one of many small entries, which know by their number whose they
 * are. So an action still changes in one step, and the kernel's own record tells what the program has set.
 *
 * SIGILL, SIGFPE and SIGTRAP without a handler get one of memsan's, which the program does not see: a core file then
 * shows the original. Other signals that end a process are left to the kernel: a core file may show a copy's pc. */
#include "config.h"

#include <signal.h>
#include <sys/syscall.h>

#include "fault/fault_internal.h"

bool fault_installed;

/* Atomic; a number is never given to another handler. */
static uintptr_t handlers[MACHINE_RELAYS];

bool relay_works(void)
{
	return fault_installed && code_copies;
}

uintptr_t relay_for(uintptr_t handler)
{
	if (!relay_works() || handler == (uintptr_t)SIG_DFL || handler == (uintptr_t)SIG_IGN)
		return handler;
	for (unsigned i = 0; i < MACHINE_RELAYS; i++) {
		uintptr_t now = 0;

		if (__atomic_compare_exchange_n(&handlers[i], &now, handler, false, __ATOMIC_RELEASE,
		                                __ATOMIC_RELAXED) ||
		    now == handler)
			return (uintptr_t)machine_relays + (size_t)i * MACHINE_RELAY_SIZE;
	}
	return handler;
}

uintptr_t relay_behind(uintptr_t handler)
{
	size_t off = handler - (uintptr_t)machine_relays;

	if (off >= (size_t)MACHINE_RELAYS * MACHINE_RELAY_SIZE)
		return handler;
	return __atomic_load_n(&handlers[off / MACHINE_RELAY_SIZE], __ATOMIC_ACQUIRE);
}

/* Does the kernel fill in the address of an instruction? Only with SA_SIGINFO it fills in anything. */
static bool tells_instruction(int sig)
{
	return sig == SIGILL || sig == SIGFPE || sig == SIGTRAP || sig == SIGSYS;
}

/* The pc at which the copy goes on, or 0. */
static uint64_t see_original(int sig, siginfo_t *info, ucontext_t *uc)
{
	uint64_t *gregs = (uint64_t *)uc->uc_mcontext.gregs, pc = gregs[REG_RIP], resumes;

	resumes = code_copies->origin(gregs, true);
	if (resumes && tells_instruction(sig) && (uint64_t)(uintptr_t)info->si_addr == pc)
		info->si_addr = (void *)gregs[REG_RIP];
	return resumes;
}

/* A program that steps through itself sees original instructions. Between two of them there are a check's, and a
 * handler that returns goes to the check's start: so it would never come further. */
static bool steps_in_check(int sig, const siginfo_t *info, const ucontext_t *uc)
{
	uint64_t gregs[NGREG];

	if (sig != SIGTRAP || info->si_code != TRAP_TRACE)
		return false;
	mem_copy(gregs, uc->uc_mcontext.gregs, sizeof(gregs));
	return code_copies->origin(gregs, true) &&
	       code_copies->resume(gregs[REG_RIP]) != (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
}

static void step_on(int sig)
{
	(void)sig;
}

void relay_enter(int sig, siginfo_t *info, void *context, unsigned number)
{
	ucontext_t *uc = context;

	if (steps_in_check(sig, info, uc))
		machine_frame_enter(uc, sig, (uintptr_t)step_on);
	if (see_original(sig, info, uc))
		machine_frame_to_copy(uc);
	machine_frame_enter(uc, sig, __atomic_load_n(&handlers[number], __ATOMIC_ACQUIRE));
}

/* ---- signals without a handler --------------------------------------------------------------- */

struct kernel_action {
	uintptr_t handler;
	uint64_t flags;
	void (*restorer)(void);
	uint64_t mask;
};

bool relay_install_kernels(int sig, void (*handler)(int))
{
	struct kernel_action act = { (uintptr_t)handler, 0, NULL, 0 };

	return arch_syscall6(SYS_rt_sigaction, sig, (long)&act, 0, sizeof(act.mask), 0, 0) == 0;
}

static const uint8_t relayed_defaults[] = { SIGILL, SIGFPE, SIGTRAP };

/* The signal comes again when the context is back, before the instruction there, and ends the process. */
static void on_default(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	if (see_original(sig, info, uc))
		code_copies->show_original(ARCH_CONTEXT_PC(uc));
	if (os_filter_set() || !relay_install_kernels(sig, SIG_DFL))
		os_exit_group(128 + sig); /* a sandbox: the signal would come back here, for ever */
	arch_syscall6(SYS_rt_tgsigqueueinfo, os_getpid(), os_gettid(), sig, (long)info, 0, 0);
}

bool relay_is_default(const void *handler)
{
	return handler == (const void *)on_default;
}

void relay_keep(int sig)
{
	struct kernel_action act = { 0, 0, NULL, 0 };

	for (unsigned i = 0; relay_works() && i < ARRAY_SIZE(relayed_defaults); i++) {
		if (relayed_defaults[i] != sig)
			continue;
		arch_syscall6(SYS_rt_sigaction, sig, 0, (long)&act, sizeof(act.mask), 0, 0);
		if (act.handler != (uintptr_t)SIG_DFL)
			return;
		act.handler = (uintptr_t)on_default;
		act.flags = (uint64_t)(SA_SIGINFO | SA_ONSTACK) | SIGNALS_RESTORER;
		act.restorer = arch_sigreturn;
		act.mask = ~SIGNALS_OURS;
		arch_syscall6(SYS_rt_sigaction, sig, (long)&act, 0, sizeof(act.mask), 0, 0);
	}
}

void relay_start(void)
{
	if (!relay_works())
		code_may_step = true;
	for (unsigned i = 0; i < ARRAY_SIZE(relayed_defaults); i++)
		relay_keep(relayed_defaults[i]);
}
