/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/control.c - scans of a running process that somebody asks for: memsan leak --pid, or the process's own timer. */
#include "config.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "leak/leak_internal.h"
#include "reports/reports.h"

/* There is no socket, and no thread that waits.  Every process that may write to this one's memory may ask.
 *
 *     memsan leak                        a thread of the program             the scanner
 *       writes leak_control
 *       (/proc/PID/mem)
 *       signal, with a value ──────────► handler: takes the request,
 *                                        clone(CLONE_THREAD) ────────────►  stops all threads, copies the process,
 *                                        goes on                            lets them go, waits for the copy,
 *       reads the result ◄────────────────────────────────────────────────  answers, ends
 *
 * The scanner is a thread that exists only as long as a scan lasts, and that libc does not know.  It has a stack and a
 * thread control block of memsan's own, all signals blocked, and no pointers of the program.  So no thread of the
 * program waits for longer than the copying takes, and there is a thread that waits for the copy's end.  Scans by
 * leak.scan_interval begin in the same way.  Their signal comes from a POSIX timer, which the program does not see,
 * children do not inherit, and exec removes.
 *
 * When the program uses the signal itself, a request is noticed at the next allocation that takes the slow path (in
 * check mode: at any).
 *
 * Accepted: while a scan lasts, /proc/self/task has one more entry, and calls that the kernel refuses to processes with
 * several threads (unshare of a user name space) fail. */

#define SCANNER_STACK ((size_t)256 << 10)
#define SCANNER_TLS_ROOM ((size_t)16 << 10) /* room above and below our thread-local variables */

struct leak_control leak_control = { .version = LEAK_CONTROL_VERSION, .size = sizeof(struct leak_control) };

static uint32_t scanner_tid;     /* the kernel makes it 0 when the thread is gone */
static uint32_t scanner_claimed; /* atomic: a thread is starting it, or it runs */
static char *scanner_memory;
static size_t scanner_tls; /* bytes of scanner_memory below the thread control block */
static bool scanner_by_timer;
static int timer_id = -1, timer_signal;
static uint64_t timer_due_ms; /* when the timer's next signal is due; UINT64_MAX: never; atomic */
/* The coarse clock may be this much behind the timer's. */
#define TIMER_EARLY_MS 50

/* ---- the timer ------------------------------------------------------------------------------- */

static void timer_stop(void)
{
	if (timer_id >= 0)
		arch_syscall6(SYS_timer_delete, timer_id, 0, 0, 0, 0, 0);
	timer_id = -1;
}

static bool timer_start(uint64_t seconds)
{
	struct sigevent ev;
	struct itimerspec t = { { (time_t)seconds, 0 }, { (time_t)seconds, 0 } };

	timer_stop();
	leak_control.interval = seconds;
	if (!seconds)
		return true;
	mem_set(&ev, 0, sizeof(ev));
	ev.sigev_notify = SIGEV_SIGNAL;
	ev.sigev_signo = timer_signal;
	ev.sigev_value.sival_int = (int)LEAK_POKE_VALUE;
	if (!timer_signal ||
	    arch_syscall6(SYS_timer_create, CLOCK_MONOTONIC, (long)&ev, (long)&timer_id, 0, 0, 0) != 0) {
		timer_id = -1;
		leak_control.interval = 0;
		return false;
	}
	__atomic_store_n(&timer_due_ms, clock_coarse_ms() + seconds * 1000, __ATOMIC_RELAXED);
	arch_syscall6(SYS_timer_settime, timer_id, 0, (long)&t, 0, 0, 0);
	return true;
}

void leak_signal_lost(int sig)
{
	if (!(leak_control.signals >> (sig - 1) & 1))
		return;
	leak_control.signals &= ~((uint64_t)1 << (sig - 1));
	if (sig != timer_signal)
		return;
	timer_signal = 0;
	if (timer_id >= 0)
		report_line("leak: the program uses signal %d itself; no more scans by leak.scan_interval", sig);
	timer_stop();
	leak_control.interval = 0;
}

static void signal_kept(int sig)
{
	leak_control.signals |= (uint64_t)1 << (sig - 1);
	if (!timer_signal)
		timer_signal = sig;
}

/* ---- the requests ---------------------------------------------------------------------------- */

static void answer_text(const char *text)
{
	str_copy(leak_control.message, text, sizeof(leak_control.message));
}

static const struct snapshot_how by_scanner = { .mode = SNAPSHOT_BY_SCANNER };

/* Reports by kmemleak's rules, and prints the kernel's line. */
static void scan_by_rules(struct scan_answer *a)
{
	if (!scan_run(by_scanner, SUSPECTS_CONFIRMED, 0, NULL, a)) {
		report_line("leak: no scan: %s", a->info.why);
		return;
	}
	if (a->objects)
		report_line("leak: %llu new unreferenced objects", (unsigned long long)a->objects);
}

static bool serve_scan(struct scan_answer *a)
{
	struct leak_groups *kept = NULL;

	switch (leak_control.command) {
	case LEAK_COMMAND_LOOK:
		if (!scan_run(by_scanner, SUSPECTS_ALL, leak_control.classes, &kept, a))
			return false;
		leak_control.result = (uintptr_t)kept;
		return true;
	case LEAK_COMMAND_SCAN:
		scan_by_rules(a);
		return !a->info.why;
	default:
		return scan_run(by_scanner, SUSPECTS_CLEAR, 0, NULL, a);
	}
}

static void serve_request(void)
{
	struct leak_control *c = &leak_control;
	struct scan_answer a;

	mem_set(&a, 0, sizeof(a));
	c->failed = 0;
	c->result = 0;
	answer_text("");
	switch (c->command) {
	case LEAK_COMMAND_LOOK:
	case LEAK_COMMAND_SCAN:
	case LEAK_COMMAND_CLEAR:
		c->failed = !serve_scan(&a);
		break;
	case LEAK_COMMAND_EVERY:
		c->failed = !timer_start(c->argument);
		a.info.why = "the program uses the signal itself, or there are no more timers";
		break;
	case LEAK_COMMAND_STACK:
		roots_scan_stacks = c->argument != 0;
		break;
	default:
		c->failed = 1;
		a.info.why = "not understood";
	}
	if (c->failed)
		answer_text(a.info.why ? a.info.why : "");
	c->objects = a.objects;
	c->printed = a.printed;
	c->suppressed = a.suppressed;
	c->nr_threads = a.info.nr_threads;
	c->nr_silent = a.info.nr_silent;
	c->pause_us = a.info.pause_us;
	__atomic_store_n(&c->answered, c->taken, __ATOMIC_RELEASE);
}

/* ---- the scanner ----------------------------------------------------------------------------- */

static void scanner_run(void)
{
	struct scan_answer a;

	report_in_foreign_thread();
	if (__atomic_exchange_n(&scanner_by_timer, false, __ATOMIC_ACQ_REL)) {
		mem_set(&a, 0, sizeof(a));
		scan_by_rules(&a);
	}
	while (leak_control_pending()) {
		leak_control.taken = leak_control.request;
		serve_request();
	}
	thread_exit_notify();
	__atomic_store_n(&scanner_claimed, 0, __ATOMIC_RELEASE);
	for (;;)
		arch_syscall6(SYS_exit, 0, 0, 0, 0, 0, 0);
}

static bool scanner_allocate(void)
{
	/* Our variables have the same distance from the thread pointer in every thread. */
	uintptr_t below = arch_thread_pointer() - (uintptr_t)&leak_interrupts;
	size_t size;

	if (scanner_memory)
		return true;
	scanner_tls = ALIGN_UP(below + SCANNER_TLS_ROOM, PAGE_SIZE);
	size = SCANNER_STACK + scanner_tls + PAGE_SIZE;
	scanner_memory = os_reserve(size, PAGE_SIZE);
	/* The lowest page is a guard. */
	if (scanner_memory && os_commit(scanner_memory + PAGE_SIZE, size - PAGE_SIZE, false))
		return true;
	if (scanner_memory)
		os_release(scanner_memory, size);
	scanner_memory = NULL;
	return false;
}

/* All signals are blocked, and the thread inherits that. */
static bool scanner_clone(void)
{
	char *tcb = scanner_memory + SCANNER_STACK + scanner_tls;

	/* An earlier scanner left its tid there, among other things. */
	mem_set(scanner_memory + SCANNER_STACK, 0, scanner_tls + PAGE_SIZE);
	arch_tcb_init(tcb);
	return arch_clone_thread(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
	                                 CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_UNTRACED,
	                         scanner_memory + SCANNER_STACK, scanner_run, tcb, &scanner_tid) > 0;
}

/* The last scanner has given up its claim, but may still be on its stack. */
static void scanner_await_end(void)
{
	uint32_t tid;

	while ((tid = __atomic_load_n(&scanner_tid, __ATOMIC_ACQUIRE)) != 0)
		arch_syscall6(SYS_futex, (long)&scanner_tid, FUTEX_WAIT, tid, 0, 0, 0);
}

/* Starts the scanner, unless it runs.  A request that comes while it runs is served by it, since it looks for requests
 * until it gives up its claim, or else by the next scanner. */
static void scanner_start(void)
{
	uint64_t all = ~(uint64_t)0, mask = 0;

	while (leak_control_pending() || __atomic_load_n(&scanner_by_timer, __ATOMIC_RELAXED)) {
		bool ok;

		if (__atomic_exchange_n(&scanner_claimed, 1, __ATOMIC_ACQUIRE))
			return;
		scan_prepare();
		arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&mask, sizeof(mask), 0, 0);
		scanner_await_end();
		ok = scanner_allocate() && scanner_clone();
		if (!ok) {
			leak_control.taken = leak_control.request;
			leak_control.failed = 1;
			answer_text("no thread can be made");
			__atomic_store_n(&scanner_by_timer, false, __ATOMIC_RELAXED);
			__atomic_store_n(&scanner_claimed, 0, __ATOMIC_RELEASE);
			__atomic_store_n(&leak_control.answered, leak_control.taken, __ATOMIC_RELEASE);
		}
		arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof(mask), 0, 0);
		if (ok)
			return;
	}
}

/* Is a signal of the timer due?  Another process may queue a signal that looks like the timer's.  Such a signal starts
 * nothing that the timer would not start at this moment. */
static bool timer_is_due(void)
{
	uint64_t due = __atomic_load_n(&timer_due_ms, __ATOMIC_RELAXED), now = clock_coarse_ms() + TIMER_EARLY_MS, next;

	do {
		if (timer_id < 0 || !leak_control.interval || now < due)
			return false;
		next = due + ((now - due) / (leak_control.interval * 1000) + 1) * leak_control.interval * 1000;
	} while (!__atomic_compare_exchange_n(&timer_due_ms, &due, next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return true;
}

static bool poked(bool by_timer, void *may_go_on)
{
	bool goes_on = may_go_on && calls_go_on_asked(&leak_control.call, may_go_on);

	if (by_timer && !timer_is_due())
		return false;
	if (by_timer)
		__atomic_store_n(&scanner_by_timer, true, __ATOMIC_RELEASE);
	scanner_start();
	return goes_on;
}

static const struct stop_signal_user signal_user = { .poked = poked, .lost = leak_signal_lost, .kept = signal_kept };

void leak_control_serve(void)
{
	scanner_start();
}

/* ---- life ------------------------------------------------------------------------------------ */

void leak_control_start(void)
{
	int sig = snapshot_signal_at_start();

	stop_signal_share(&signal_user);
	if (stop_handler_install(sig)) {
		leak_control.signals |= (uint64_t)1 << (sig - 1);
		timer_signal = sig;
	}
	slab_directory.control = (uintptr_t)&leak_control;
	if (options.leak_scan_interval && !timer_start(options.leak_scan_interval))
		report_line("leak: no scans by leak.scan_interval: signal %d is used by the program", sig);
}

static void control_fork_child(void)
{
	scanner_claimed = 0;
	scanner_tid = 0;
	scanner_by_timer = false;
	leak_control.taken = leak_control.answered = leak_control.request;
	timer_id = -1;
	if (leak_control.interval)
		timer_start(leak_control.interval);
}

void leak_fork_child(void)
{
	snapshot_fork_child();
	suspects_fork_child();
	scan_fork_child();
	control_fork_child();
}
