/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/snapshot.c - a copy of the process that stands still, in which there is all the time to look around. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

#include "leak/leak_internal.h"
#include "reports/reports.h"

/* The program stands still only while its page tables are copied:
 *
 *     scanning thread                     other threads
 *       lists /proc/self/task
 *       tgkill, to each ───────────────►  handler: says where its registers are, waits
 *       … until no new ones appear
 *       clone (a plain copy) ──►  child: scans, writes to shared memory, ends
 *       lets them go ──────────────────►  handler returns
 *       waits for the child
 *
 * No ptrace: it works as init of a container, under a debugger, where ptrace is forbidden.  clone is called raw, so that no handler of
 * pthread_atfork runs (they may wait for a lock that a stopped thread has); with exit signal 0, so that no SIGCHLD comes and wait()
 * does not see the child.
 *
 * Between the first signal and the release nothing may be done that needs a lock: the thread that has it may stand still.
 *
 * The signal must be the program's to have.  With a handler of its own, or a thread that blocks it (a pending signal would surface
 * later, in a sigwait), that thread is not asked.  It runs on: what it held in registers only, and changes between the list and the
 * copy, may be missed, so its stack is scanned as a whole, and it is told.  Our handler stays installed, for a signal that
 * was on its way when the time was up.
 *
 * poll, epoll_wait, pause, the sleeps and some others return EINTR after any handler, whatever SA_RESTART says: preload/waits.c calls
 * them again.  Accepted: calls that it does not know (io_getevents, semop, a raw system call, a static program's). */

#define STOP_LIMIT_MS 1000
#define THREADS_MAX 16384u
#define LIBC_OWN_SIGNAL 32           /* SIGCANCEL: cleared from every mask that a program sets through libc */

struct kernel_action { void *handler; unsigned long flags; void *restorer; uint64_t mask; };
#define ACTION_RESTORER 0x04000000ul

/* One scan at a time: taken by exchange, never waited for. */
static uint32_t stop_busy;
static struct {
	uint32_t active;          /* atomic: the number of this stop; 0: none */
	uint32_t nr_answered;     /* atomic; a futex */
	uint32_t nr_claimed;      /* atomic: slots taken by handlers */
	uint32_t left;            /* atomic: handlers that have not returned yet */
	struct leak_thread *threads; /* [0] is the scanning thread's */
	uint32_t max;
} stop;
static uint32_t stop_number;

void (*leak_hook_copying)(bool begins);

/* ---- small calls ---------------------------------------------------------------------------------------------------------- */

static uint64_t now_us(void)
{
	struct timespec t = { 0, 0 };

	arch_syscall6(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&t, 0, 0, 0, 0);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void futex_wait(uint32_t *word, uint32_t value, uint64_t us)
{
	struct timespec t = { (time_t)(us / 1000000), (long)(us % 1000000 * 1000) };

	arch_syscall6(SYS_futex, (long)word, FUTEX_WAIT_PRIVATE, value, (long)&t, 0, 0);
}

static void futex_wake(uint32_t *word)
{
	arch_syscall6(SYS_futex, (long)word, FUTEX_WAKE_PRIVATE, 1 << 30, 0, 0, 0);
}

static uint64_t mask_set(uint64_t mask)
{
	uint64_t old = 0;

	arch_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, (long)&old, sizeof(mask), 0, 0);
	return old;
}

static void action_get(int sig, struct kernel_action *a)
{
	mem_set(a, 0, sizeof(*a));
	arch_syscall6(SYS_rt_sigaction, sig, 0, (long)a, sizeof(uint64_t), 0, 0);
}

static void action_set(int sig, const struct kernel_action *a)
{
	arch_syscall6(SYS_rt_sigaction, sig, (long)a, 0, sizeof(uint64_t), 0, 0);
}

/* ---- the handler -------------------------------------------------------------------------------------------------------------- */

static void stop_here(ucontext_t *uc, uint32_t number)
{
	uint32_t slot = __atomic_fetch_add(&stop.nr_claimed, 1, __ATOMIC_RELAXED) + 1;

	if (slot < stop.max) {
		struct leak_thread *t = &stop.threads[slot];
		t->tid = os_gettid();
		t->sp = ARCH_CONTEXT_SP(uc);
		t->tp = arch_thread_pointer();
		/* The frame may lie on a signal stack: all of the saved registers are named. */
		t->saved[0] = (uintptr_t)uc;
		t->saved_size[0] = sizeof(*uc);
		t->saved[1] = ARCH_CONTEXT_VECTORS(uc);
		t->saved_size[1] = t->saved[1] ? sizeof(struct _libc_fpstate) + 2048 : 0;
		__atomic_store_n(&t->answered, 1, __ATOMIC_RELEASE);
	}
	__atomic_fetch_add(&stop.nr_answered, 1, __ATOMIC_RELEASE);
	futex_wake(&stop.nr_answered);
	while (__atomic_load_n(&stop.active, __ATOMIC_ACQUIRE) == number)
		futex_wait(&stop.active, number, 1000000);
}

TLS_IE uint32_t leak_stops;

static void on_stop(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	leak_stops++;
	if (info->si_code != SI_TKILL || info->si_pid != os_getpid())
		return;
	__atomic_fetch_add(&stop.left, 1, __ATOMIC_ACQ_REL);
	uint32_t number = __atomic_load_n(&stop.active, __ATOMIC_ACQUIRE);
	if (number)
		stop_here(context, number);
	__atomic_fetch_sub(&stop.left, 1, __ATOMIC_ACQ_REL);
}

static int stop_signal(void)
{
	return options.leak_signal ? (int)options.leak_signal : 64 - 3;
}

#define REAL_TIME_SIGNALS (~(uint64_t)0 << (34 - 1)) /* below them are libc's own two */

static int program_waits; /* atomic: for the signal by name, with sigwait, so it is the program's */

int leak_signal_left_out(uint64_t waited)
{
	int sig = stop_signal();
	uint64_t bit = (uint64_t)1 << (sig - 1);
	struct kernel_action now;

	if (!(waited & bit))
		return 0;
	action_get(sig, &now);
	if (now.handler != (void *)SIG_DFL && now.handler != (void *)on_stop)
		return 0;
	if ((waited & REAL_TIME_SIGNALS) == REAL_TIME_SIGNALS)
		return sig;
	__atomic_store_n(&program_waits, 1, __ATOMIC_RELAXED);
	return 0;
}

bool leak_is_handler(const void *handler)
{
	return handler == (const void *)on_stop;
}

/* False: the program uses the signal itself. */
static bool handler_install(int sig)
{
	struct kernel_action old, ours = { (void *)on_stop, SA_SIGINFO | SA_RESTART | SA_ONSTACK | ACTION_RESTORER,
	                                   (void *)arch_sigreturn, ~(uint64_t)0 };

	action_get(sig, &old);
	if (__atomic_load_n(&program_waits, __ATOMIC_RELAXED))
		return false;
	if (old.handler == (void *)on_stop)
		return true;
	if (old.handler != (void *)SIG_DFL)
		return false;
	action_set(sig, &ours);
	return true;
}

/* ---- the other threads ------------------------------------------------------------------------------------------------------------ */

struct dirent64 { uint64_t ino; int64_t off; uint16_t reclen; uint8_t type; char name[]; };

static bool known_tid(int32_t *tids, uint32_t nr, int32_t tid)
{
	for (uint32_t i = 0; i < nr; i++)
		if (tids[i] == tid)
			return true;
	return false;
}

/* Is the signal blocked in that thread for long?  A thread that blocks the two that libc never lets a program block is in a handler of
 * ours still, or in one of libc's short moments.  A thread that has gone does not matter. */
static bool blocks_signal(int32_t tid, int sig)
{
	char path[48], text[2048];
	struct fmt_buf b;
	uint64_t mask = 0;
	ssize_t n;
	int fd;

	fmt_init(&b, path, sizeof(path));
	fmt_printf(&b, "/proc/self/task/%d/status", tid);
	fd = os_open(path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd != -ENOENT;
	n = os_read(fd, text, sizeof(text) - 1);
	os_close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (const char *p = text; (p = str_char(p, '\n')) != NULL && *++p;)
		if (str_starts(p, "SigBlk:\t")) {
			for (p += 8; (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f'); p++)
				mask = mask << 4 | (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
			break;
		}
	return (mask >> (sig - 1) & 1) && !(mask >> (LIBC_OWN_SIGNAL - 1) & 1);
}

struct round {
	int32_t *tids;            /* all seen so far */
	uint32_t nr, nr_asked, nr_silent, nr_new;
	int sig;                  /* 0: nobody may be asked */
};

static void meet_thread(struct round *r, int32_t tid)
{
	if (r->nr == THREADS_MAX || known_tid(r->tids, r->nr, tid))
		return;
	r->tids[r->nr++] = tid;
	r->nr_new++;
	if (r->sig && !blocks_signal(tid, r->sig) &&
	    arch_syscall6(SYS_tgkill, os_getpid(), tid, r->sig, 0, 0, 0) == 0)
		r->nr_asked++;
	else if (arch_syscall6(SYS_tgkill, os_getpid(), tid, 0, 0, 0, 0) == 0)
		r->nr_silent++;
}

static int32_t parse_tid(const char *name)
{
	int32_t tid = 0;

	for (; *name >= '0' && *name <= '9'; name++)
		tid = tid * 10 + (*name - '0');
	return *name ? 0 : tid;
}

static bool list_threads(int fd, struct round *r)
{
	char buf[4096] __attribute__((aligned(8)));
	int32_t self = os_gettid();
	long n;

	arch_syscall6(SYS_lseek, fd, 0, 0 /* SEEK_SET */, 0, 0, 0);
	while ((n = arch_syscall6(SYS_getdents64, fd, (long)buf, sizeof(buf), 0, 0, 0)) > 0)
		for (long at = 0; at < n;) {
			const struct dirent64 *d = (const struct dirent64 *)(buf + at);
			int32_t tid = parse_tid(d->name);
			if (tid && tid != self)
				meet_thread(r, tid);
			at += d->reclen;
		}
	return n == 0;
}

/* Threads that ended before they could answer leave the count short: whoever is asked and gone is not waited for. */
static uint32_t asked_and_gone(const struct round *r)
{
	uint32_t gone = 0;

	for (uint32_t i = 0; i < r->nr; i++)
		gone += arch_syscall6(SYS_tgkill, os_getpid(), r->tids[i], 0, 0, 0, 0) == -ESRCH;
	return gone;
}

static void wait_for_answers(const struct round *r, uint64_t until)
{
	for (;;) {
		uint32_t n = __atomic_load_n(&stop.nr_answered, __ATOMIC_ACQUIRE);
		uint64_t now = now_us();
		if (n >= r->nr_asked || now >= until)
			return;
		futex_wait(&stop.nr_answered, n, MIN(until - now, 5000));
		if (n == __atomic_load_n(&stop.nr_answered, __ATOMIC_ACQUIRE) && n + asked_and_gone(r) >= r->nr_asked)
			return;
	}
}

static bool stop_threads(struct round *r)
{
	uint64_t until = now_us() + STOP_LIMIT_MS * 1000;
	int fd = os_open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	bool ok = fd >= 0;

	for (int rounds = 0; ok && rounds < 100; rounds++) {
		r->nr_new = 0;
		ok = list_threads(fd, r);
		wait_for_answers(r, until);
		if (!r->nr_new || now_us() >= until)
			break;
	}
	if (fd >= 0)
		os_close(fd);
	uint32_t answered = __atomic_load_n(&stop.nr_answered, __ATOMIC_ACQUIRE);
	uint32_t gone = answered < r->nr_asked ? asked_and_gone(r) : 0;
	r->nr_silent += r->nr_asked - MIN(r->nr_asked, answered + gone);
	return ok;
}

static void release_threads(void)
{
	__atomic_store_n(&stop.active, 0, __ATOMIC_RELEASE);
	futex_wake(&stop.active);
}

/* ---- the copy ------------------------------------------------------------------------------------------------------------------------ */

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	leak_scan_faulted((uintptr_t)info->si_addr);
	/* A fault of our own making. */
	os_exit_group(3);
}

static const struct kernel_action fault_action = {
	(void *)on_fault, SA_SIGINFO | SA_NODEFER | ACTION_RESTORER, (void *)arch_sigreturn, 0,
};

#define FAULT_SIGNALS ((uint64_t)1 << (SIGSEGV - 1) | (uint64_t)1 << (SIGBUS - 1))

struct snapshot_job {
	void (*fn)(void *ctx, const struct leak_thread *threads, uint32_t nr);
	void *ctx;
};

static void child_run(const struct snapshot_job *job)
{
	arch_syscall6(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0);
	arch_syscall6(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0, 0);
	action_set(SIGSEGV, &fault_action);
	action_set(SIGBUS, &fault_action);
	mask_set(~FAULT_SIGNALS);
	job->fn(job->ctx, stop.threads, stop.max);
	os_exit_group(0);
}

static void run_in_place(const struct snapshot_job *job)
{
	struct kernel_action segv, bus;

	action_get(SIGSEGV, &segv);
	action_get(SIGBUS, &bus);
	action_set(SIGSEGV, &fault_action);
	action_set(SIGBUS, &fault_action);
	uint64_t mask = mask_set(~FAULT_SIGNALS);
	job->fn(job->ctx, stop.threads, stop.max);
	mask_set(mask);
	action_set(SIGSEGV, &segv);
	action_set(SIGBUS, &bus);
}

static bool child_wait(long pid)
{
	int status = -1;
	long r;

	do
		r = arch_syscall6(SYS_wait4, pid, (long)&status, __WCLONE, 0, 0, 0);
	while (r == -EINTR);
	return r == -ECHILD || (r == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Registers of this thread: the callee-saved ones are stored in this frame, the others were given up by the call. */
static __attribute__((noinline)) void note_self(void)
{
	struct leak_thread *t = &stop.threads[0];

	t->tid = os_gettid();
	t->answered = 1;
	t->tp = arch_thread_pointer();
}

static bool snapshot_take(bool in_place, const struct snapshot_job *job, struct snapshot_info *info, struct round *r)
{
	uint64_t began = now_us();
	long pid = 0;

	__builtin_unwind_init();
	note_self();
	stop.threads[0].sp = (uintptr_t)__builtin_frame_address(0) - 512;
	info->why = stop_threads(r) ? NULL : "the threads cannot be listed (/proc/self/task)";
	info->nr_threads = r->nr + 1;
	info->nr_silent = r->nr_silent;
	if (!info->why && !(in_place && r->nr == 0)) {
		/* A thread that runs on might fork just then, and its child would miss what is left out of the copy. */
		bool all_still = leak_hook_copying && r->nr_silent == 0;
		if (all_still)
			leak_hook_copying(true);
		pid = arch_clone_copy();
		if (pid == 0)
			child_run(job);
		if (all_still)
			leak_hook_copying(false);
	}
	if (!info->why && pid <= 0)
		run_in_place(job);
	release_threads();
	info->pause_us = now_us() - began;
	if (pid > 0 && !child_wait(pid))
		info->why = "the scan crashed";
	return !info->why;
}

bool snapshot_run(bool in_place, void (*fn)(void *ctx, const struct leak_thread *threads, uint32_t nr), void *ctx,
                  struct snapshot_info *info)
{
	struct snapshot_job job = { fn, ctx };
	struct round r = { .sig = stop_signal() };
	size_t size = ALIGN_UP(THREADS_MAX * (sizeof(struct leak_thread) + sizeof(int32_t)), PAGE_SIZE);
	char *memory;
	uint64_t mask;
	bool ok;

	mem_set(info, 0, sizeof(*info));
	info->why = "another scan is running";
	if (__atomic_exchange_n(&stop_busy, 1, __ATOMIC_ACQUIRE))
		return false;
	memory = os_reserve(size, PAGE_SIZE);
	info->why = "no memory";
	if (!memory || !os_commit(memory, size, false)) {
		__atomic_store_n(&stop_busy, 0, __ATOMIC_RELEASE);
		return false;
	}
	mask = mask_set(~(uint64_t)0);
	stop.threads = (struct leak_thread *)memory;
	stop.max = THREADS_MAX;
	stop.nr_answered = stop.nr_claimed = 0;
	r.tids = (int32_t *)(memory + THREADS_MAX * sizeof(struct leak_thread));
	if (!handler_install(r.sig))
		r.sig = 0;
	__atomic_store_n(&stop.active, ++stop_number ? stop_number : ++stop_number, __ATOMIC_RELEASE);
	ok = snapshot_take(in_place, &job, info, &r);
	/* A late handler may still write its slot. */
	while (__atomic_load_n(&stop.left, __ATOMIC_ACQUIRE))
		arch_syscall6(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
	os_release(memory, size);
	mask_set(mask);
	__atomic_store_n(&stop_busy, 0, __ATOMIC_RELEASE);
	return ok;
}
