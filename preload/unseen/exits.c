/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/exits.c - the last checks of a program that ends without exit handlers: by _exit, quick_exit or abort.
 * Scans for leaks are off by default there, and after a fatal signal (leak.quick_exit, leak.fatal_signals).
 *
 * For leak.fatal_signals a handler of memsan's is installed for every signal that would end the program. The program
 * sees no handler, and one that it sets replaces memsan's. After the scan the signal gets its default action, so that
 * the exit status is the program's own. SIGSEGV and SIGBUS come through fault/fault.c, after their report. */
#include "preload/preload.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>

static const uint8_t fatal_signals[] = { SIGHUP,  SIGINT,    SIGQUIT, SIGILL,  SIGTRAP, SIGABRT,   SIGFPE,
	                                 SIGUSR1, SIGUSR2,   SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU,
	                                 SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGSYS };

struct kernel_action {
	const void *handler;
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};
#define ACTION_RESTORER 0x04000000ul

static bool action_set(int sig, const struct kernel_action *a)
{
	return arch_syscall6(SYS_rt_sigaction, sig, (long)a, 0, sizeof(a->mask), 0, 0) == 0;
}

static const void *action_get(int sig)
{
	struct kernel_action a = { NULL, 0, NULL, 0 };

	arch_syscall6(SYS_rt_sigaction, sig, 0, (long)&a, sizeof(a.mask), 0, 0);
	return a.handler;
}

void exits_verify_all(void *unused)
{
	(void)unused;
	slab_check_all(SLAB_AT_EXIT, NULL);
	fence_check_all("at exit", NULL);
}

/* Children that servers fork, and children that fail to run another program, end by _exit. They must not spend their
 * time on a large heap that their parent verifies as well. */
#define CHILD_HEAP_MAX ((uint64_t)64 << 20)
static bool forked; /* this process is a fork's child */

/* A fenced object costs a page, whatever its size. */
static bool heap_is_large(void)
{
	struct slab_stats s;
	struct fence_stats f;

	slab_get_stats(&s);
	fence_get_stats(&f);
	return s.live_bytes + f.live * PAGE_SIZE > CHILD_HEAP_MAX;
}

void exits_fork_child(void)
{
	forked = true;
}

void exits_tell_given_up(void)
{
	static bool told;
	pid_t holder = locks_given_up();

	if (holder && !__atomic_exchange_n(&told, true, __ATOMIC_RELAXED))
		report_line(
			"not all checks at exit: a signal handler interrupted malloc or free in thread %d, and has not "
			"returned",
			holder);
}

void exits_verify(void)
{
	bool ends = thread_ends_process;

	if (!options.check_at_exit || !process_is_this() || process_is_torn() || runtime_state_now != RUNTIME_READY ||
	    report_is_mine() || !slab_enter())
		return;
	/* The caller ends the process, so a lock that no thread will give must not hold it up. */
	thread_ends_process = true;
	if (!forked || !heap_is_large())
		deep_run(exits_verify_all, NULL);
	slab_leave();
	exits_tell_given_up();
	thread_ends_process = ends; /* a signal that the program has blocked ends nothing */
}

/* Where a lock was not given, what it guards may be half changed, and a scan might call objects lost that are not. */
void exits_leak_check(void)
{
	if (!locks_given_up())
		leak_check_at_exit();
	exits_tell_given_up();
}

static void last_scan(void)
{
	bool ends = thread_ends_process;

	thread_ends_process = true;
	/* During a report a scan would wait for the report's lock for ever. */
	if (process_is_this() && runtime_state_now == RUNTIME_READY && !report_is_mine())
		exits_leak_check();
	thread_ends_process = ends;
}

static void dying_scan(void *context)
{
	leak_thread_dies(context);
	last_scan();
	leak_thread_dies(NULL);
}

static void on_fatal(int sig, siginfo_t *info, void *context)
{
	static const struct kernel_action none = { SIG_DFL, 0, NULL, 0 };
	uint64_t mask = ~((uint64_t)1 << (sig - 1));

	(void)info;
	if (!slab_is_inside()) {
		exits_verify();
		dying_scan(context);
	}
	if (!action_set(sig, &none))
		os_exit_group(128 + sig); /* a sandbox: the signal would come back here, for ever */
	arch_syscall6(SYS_tgkill, os_getpid(), os_gettid(), sig, 0, 0, 0);
	arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof(mask), 0, 0);
	/* Still here: the first process of a PID name space ignores its own fatal signals. */
}

/* Only where the program has the default action. */
static void install(int sig)
{
	static const struct kernel_action ours = { (const void *)on_fatal, SA_SIGINFO | ACTION_RESTORER, arch_sigreturn,
		                                   ~(uint64_t)0 };

	if (os_free_to(OS_CALL_SIGACTION) && action_get(sig) == (const void *)SIG_DFL)
		action_set(sig, &ours);
}

bool exits_is_handler(const void *handler)
{
	return handler == (const void *)on_fatal;
}

void exits_keep(int sig)
{
	for (unsigned i = 0; options.leak && options.leak_fatal_signals && i < ARRAY_SIZE(fatal_signals); i++)
		if (fatal_signals[i] == sig)
			install(sig);
}

void exits_tell(int status)
{
	struct unwind_regs here;

	/* A program that ends with success did not crash: it provoked the fault on purpose, as tests of configure
	 * scripts do. */
	if (!status || !process_is_this() || runtime_state_now != RUNTIME_READY || report_is_mine())
		return;
	UNWIND_HERE(&here);
	pending_tell(&here);
}

static void on_quick_exit(void)
{
	int status = exits_scan(0);

	if (status)
		os_exit_group(status);
}

static bool done;

void exits_are_done(void)
{
	done = true;
}

int exits_scan(int status)
{
	if (done || !process_is_this() || runtime_state_now != RUNTIME_READY)
		return status;
	/* A signal handler that interrupted the runtime ends the process: locks may be taken, also that of reports. */
	if (slab_is_inside())
		return status;
	exits_are_done();
	thread_ends_process = true;
	exits_verify();
	if (options.leak && options.leak_quick_exit)
		last_scan();
	report_summary();
	return report_count() && options.exitcode ? (int)options.exitcode : status;
}

void exits_init(void)
{
	if (options.check_at_exit || (options.leak && options.leak_quick_exit))
		at_quick_exit(on_quick_exit); /* registered first, called last */
	if (!options.leak || !os_filter_allows(OS_CALL_SIGACTION))
		return;
	for (unsigned i = 0; options.leak_fatal_signals && i < ARRAY_SIZE(fatal_signals); i++)
		install(fatal_signals[i]);
	if (options.leak_fatal_signals)
		fault_hook_dying = dying_scan;
}
