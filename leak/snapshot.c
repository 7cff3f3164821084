/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/snapshot.c - a copy of the process that stands still, so that a scan has all the time it needs. */
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
 * ptrace is not used, so this works as init of a container, under a debugger, and where ptrace is forbidden. clone is
 * called raw, so no handler of pthread_atfork runs (it may wait for a lock that a stopped thread has).  The exit signal
 * is 0, so no SIGCHLD comes and wait() does not see the child.
 *
 * Between the first signal and the release nothing may be done that needs a lock: a stopped thread may have it.
 *
 * The signal must be one that the program does not use.  When the program has a handler of its own, or a thread blocks
 * the signal (a pending signal would surface later, in a sigwait), that thread is not asked.  A thread in an
 * uninterruptible sleep is not waited for.  Such a thread runs on: pointers that it has only in registers, and changes
 * between the list and the copy, may be missed.  So its whole stack is scanned, and a line says so.  Our handler stays
 * installed, for a signal that was still on its way when the time was up.  A signal that somebody else sent has the
 * default action, as if there were no handler.  In a traced process the signal is SIGURG: debuggers pass it on without
 * a word, and by default it is ignored.
 *
 * poll, epoll_wait, pause, the sleeps and some others return EINTR after any handler, whatever SA_RESTART says;
 * preload/unseen/waits.c calls them again.  It must not do so when a handler of the program ran as well, because the
 * program expects to be told.  When signals are pending together, the kernel builds their frames before the first
 * handler runs, lowest number first.  No other frame can be on top of ours, since our handler blocks all signals.  A
 * frame below ours shows: then our signal did not interrupt a system call.  And a signal that came while the thread
 * stood still is pending when our handler returns.  Calls that are not made through libc's functions go on by
 * themselves (calls.c). */

#define FAULT_SIGNALS ((uint64_t)1 << (SIGSEGV - 1) | (uint64_t)1 << (SIGBUS - 1))
#define STOP_LIMIT_MS 1000
#define STOP_LOOK_MS 20   /* after this time, threads that have not answered are looked at */
#define PATIENT_ROUNDS 40 /* a millisecond each */
#define THREADS_MAX 16384u
#define RED_ZONE 128       /* below the stack pointer, the ABI's */
#define LIBC_OWN_SIGNAL 32 /* SIGCANCEL: cleared from every mask that a program sets through libc */

struct kernel_action {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};
#define ACTION_RESTORER 0x04000000ul

/* One scan at a time; a futex.  A scan needs nothing from the threads that wait for it. */
static uint32_t stop_busy;
/* How many signals were sent to our own threads whose handlers have not begun. */
static uint32_t stop_sent;
static struct {
	uint32_t active;             /* atomic: the number of this stop; 0: none */
	uint32_t nr_answered;        /* atomic; a futex */
	uint32_t nr_claimed;         /* atomic: slots taken by handlers */
	uint32_t left;               /* atomic: handlers that have not returned yet */
	struct leak_thread *threads; /* [0] is the scanning thread's */
	uint32_t max;
} stop;
static uint32_t stop_number;

void (*leak_hook_copying)(bool begins);

/* ---- small calls ----------------------------------------------------------------------------- */

uint64_t snapshot_now_us(void)
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

static bool action_set(int sig, const struct kernel_action *a)
{
	return arch_syscall6(SYS_rt_sigaction, sig, (long)a, 0, sizeof(uint64_t), 0, 0) == 0;
}

/* ---- the handler ----------------------------------------------------------------------------- */

#define REAL_TIME_SIGNALS (~(uint64_t)0 << (34 - 1)) /* 34 and up; libc's own two are below them */
static uint64_t signals_taken;                       /* atomic: bits of the signals that have had our handler */
/* atomic: bits of the signals that the program waits for by name, with sigwait: they are its own */
static uint64_t signals_waited;
static void on_stop(int sig, siginfo_t *info, void *context);

/* The thread's live stack and registers where a signal interrupted it. */
static void note_context(struct leak_thread *t, ucontext_t *uc)
{
	t->sp = ARCH_CONTEXT_SP(uc) - RED_ZONE;
	/* The frame may lie on a signal stack, so all saved registers are named. */
	arch_context_saved(&uc->uc_flags, &uc->uc_sigmask, uc->uc_mcontext.fpregs, t->saved, t->saved_size);
}

static void stop_here(ucontext_t *uc, uint32_t number)
{
	uint32_t slot = __atomic_fetch_add(&stop.nr_claimed, 1, __ATOMIC_RELAXED) + 1;

	if (slot < stop.max) {
		struct leak_thread *t = &stop.threads[slot];
		t->tid = os_gettid();
		t->tp = arch_thread_pointer();
		note_context(t, uc);
		__atomic_store_n(&t->answered, 1, __ATOMIC_RELEASE);
	}
	__atomic_fetch_add(&stop.nr_answered, 1, __ATOMIC_RELEASE);
	futex_wake(&stop.nr_answered);
	while (__atomic_load_n(&stop.active, __ATOMIC_ACQUIRE) == number)
		futex_wait(&stop.active, number, 1000000);
}

TLS_IE uint32_t leak_interrupts;

static const struct stop_signal_user *user; /* set once */

void stop_signal_share(const struct stop_signal_user *with)
{
	user = with;
}

/* Will a handler of the program run as soon as ours returns? */
static bool program_signal_waits(const ucontext_t *uc)
{
	uint64_t pending = 0, blocked;
	struct kernel_action a;

	mem_copy(&blocked, &uc->uc_sigmask, sizeof(blocked));
	arch_syscall6(SYS_rt_sigpending, (long)&pending, sizeof(pending), 0, 0, 0, 0);
	for (pending &= ~blocked; pending; pending &= pending - 1) {
		action_get(__builtin_ctzll(pending) + 1, &a);
		if (a.handler != (void *)SIG_DFL && a.handler != (void *)SIG_IGN && a.handler != (void *)on_stop)
			return true;
	}
	return false;
}

/* Somebody else sent the signal, and the program has no handler for it. */
static void default_action(int sig)
{
	struct kernel_action none = { NULL, 0, NULL, 0 };
	uint64_t mask = ~((uint64_t)1 << (sig - 1));

	if (sig == SIGURG)
		return;
	action_set(sig, &none);
	arch_syscall6(SYS_tgkill, os_getpid(), os_gettid(), sig, 0, 0, 0);
	mask_set(mask);
	stop_handler_install(sig); /* we are still here, so this is init of a name space */
}

static bool take_sent(void)
{
	uint32_t n = __atomic_load_n(&stop_sent, __ATOMIC_RELAXED);

	while (n && !__atomic_compare_exchange_n(&stop_sent, &n, n - 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return n != 0;
}

static void on_stop(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	bool went_on = false;

	if (info->si_code == SI_TKILL && info->si_pid == os_getpid() && take_sent()) {
		uint32_t number;

		__atomic_fetch_add(&stop.left, 1, __ATOMIC_ACQ_REL);
		number = __atomic_load_n(&stop.active, __ATOMIC_ACQUIRE);
		if (number)
			stop_here(uc, number);
		went_on = number && !program_signal_waits(uc) && calls_go_on(uc);
		__atomic_fetch_sub(&stop.left, 1, __ATOMIC_ACQ_REL);
	} else if ((info->si_code == SI_QUEUE || info->si_code == SI_TIMER) &&
	           info->si_value.sival_int == (int)LEAK_POKE_VALUE) {
		void *may_go_on = info->si_code == SI_QUEUE && !program_signal_waits(uc) ? uc : NULL;

		went_on = user && user->poked(info->si_code == SI_TIMER, may_go_on);
	} else {
		default_action(sig);
		return;
	}
	if (!went_on && arch_context_interrupted_call((const uint64_t *)uc->uc_mcontext.gregs) &&
	    !program_signal_waits(uc))
		leak_interrupts++;
}

uint64_t leak_signals_left_out(uint64_t waited)
{
	uint64_t ours = waited & __atomic_load_n(&signals_taken, __ATOMIC_RELAXED), out = 0;
	struct kernel_action now, none = { NULL, 0, NULL, 0 };

	/* A filter of the program's may end it for a call that it does not make itself; no scan comes any more. */
	if (!os_filter_allows(OS_CALL_SIGACTION))
		return 0;
	for (; ours; ours &= ours - 1) {
		int sig = __builtin_ctzll(ours) + 1;
		action_get(sig, &now);
		if (now.handler != (void *)on_stop)
			continue;
		if ((waited & REAL_TIME_SIGNALS) == REAL_TIME_SIGNALS) {
			out |= ours & -ours;
			continue;
		}
		__atomic_fetch_or(&signals_waited, ours & -ours, __ATOMIC_RELAXED);
		__atomic_fetch_and(&signals_taken, ~(ours & -ours), __ATOMIC_RELAXED);
		if (user)
			user->lost(sig);
		action_set(sig, &none);
	}
	return out;
}

bool leak_is_handler(const void *handler)
{
	return handler == (const void *)on_stop;
}

void leak_signal_keep(int sig)
{
	if ((__atomic_load_n(&signals_taken, __ATOMIC_RELAXED) >> (sig - 1) & 1) && stop_handler_install(sig) && user)
		user->kept(sig);
}

static bool is_traced(void)
{
	char text[1024];

	os_read_text("/proc/self/status", text, sizeof(text));
	for (const char *p = text; (p = str_char(p, '\n')) != NULL && *++p;)
		if (str_starts(p, "TracerPid:\t"))
			return p[11] != '0';
	return false;
}

static int signal_for(bool traced)
{
	return options.leak_signal ? (int)options.leak_signal : traced ? SIGURG : 64 - 3;
}

int snapshot_signal(void)
{
	return signal_for(!options.leak_signal && is_traced());
}

int snapshot_signal_at_start(void)
{
	return signal_for(os_was_traced());
}

/* False: the program uses the signal itself, or a sandbox forbids rt_sigaction: the signal would kill. */
bool stop_handler_install(int sig)
{
	struct kernel_action old, ours = { (void *)on_stop, SA_SIGINFO | SA_RESTART | SA_ONSTACK | ACTION_RESTORER,
		                           (void *)arch_sigreturn, ~(uint64_t)0 };

	if (!os_free_to(OS_CALL_SIGACTION))
		return false;
	action_get(sig, &old);
	if (__atomic_load_n(&signals_waited, __ATOMIC_RELAXED) >> (sig - 1) & 1)
		return false;
	if (old.handler == (void *)on_stop)
		return true;
	if (old.handler != (void *)SIG_DFL)
		return false;
	if (!action_set(sig, &ours))
		return false;
	__atomic_fetch_or(&signals_taken, (uint64_t)1 << (sig - 1), __ATOMIC_RELAXED);
	return true;
}

/* ---- the other threads ----------------------------------------------------------------------- */

/* A line of /proc/self/task/TID/status. */
struct thread_status {
	bool gone, cannot_answer;
	uint64_t blocked;
	uint64_t switches; /* how often the thread began to sleep; UINT64_MAX: not known */
	int32_t tid;
};

static void status_line(struct thread_status *st, const char *p)
{
	uint64_t tid;

	if (str_starts(p, "State:\t")) {
		st->cannot_answer = p[7] == 'D' || p[7] == 'T' || p[7] == 't';
		st->gone = p[7] == 'Z' || p[7] == 'X';
	} else if (str_starts(p, "NSpid:\t")) {
		/* Its numbers in the outer name spaces come first, ours last. */
		for (p += 6; p && *p == '\t';) {
			p = number_decimal(p + 1, &tid);
			st->tid = p ? (int32_t)tid : 0;
		}
	} else if (str_starts(p, "SigBlk:\t")) {
		number_hex(p + 8, &st->blocked);
	} else if (str_starts(p, "voluntary_ctxt_switches:\t")) {
		number_decimal(p + 25, &st->switches);
	}
}

/* name: the thread's number in /proc, which differs from its tid when /proc belongs to another name space. */
static void read_status(int32_t name, struct thread_status *st)
{
	char path[48], text[2048];
	struct fmt_buf b;
	ssize_t n;
	int fd;

	*st = (struct thread_status){ .tid = name, .switches = UINT64_MAX };
	fmt_init(&b, path, sizeof(path));
	fmt_printf(&b, "/proc/self/task/%d/status", name);
	fd = os_open(path, O_RDONLY | O_CLOEXEC, 0);
	st->gone = fd == -ENOENT;
	st->cannot_answer = fd < 0;
	if (fd < 0)
		return;
	n = os_read(fd, text, sizeof(text) - 1);
	os_close(fd);
	st->gone = n == -ESRCH;
	text[n > 0 ? n : 0] = '\0';
	for (const char *p = text; (p = str_char(p, '\n')) != NULL && *++p;)
		status_line(st, p);
}

/* Does the thread block the signal for long?  A thread that also blocks the two signals that libc never lets a program
 * block is in one of our handlers, or in one of libc's short critical moments. */
static bool status_blocks(const struct thread_status *st, int sig)
{
	return (st->blocked >> (sig - 1) & 1) && !(st->blocked >> (LIBC_OWN_SIGNAL - 1) & 1);
}

/* In which system call a thread sleeps, since when; 0: it runs, or that is not known.  A thread for which the answer is
 * the same after the copy stood still meanwhile.  Node has such a thread, which blocks all signals. */
static uint64_t thread_sleep(int32_t name)
{
	struct thread_status before, after;
	char path[48], text[256];
	struct fmt_buf b;
	uint64_t sleep;

	fmt_init(&b, path, sizeof(path));
	fmt_printf(&b, "/proc/self/task/%d/syscall", name);
	read_status(name, &before);
	os_read_text(path, text, sizeof(text));
	read_status(name, &after);
	/* "running", "-1" and two addresses outside of calls, or the call's number and registers */
	if (text[0] < '0' || text[0] > '9' || before.switches == UINT64_MAX || before.switches != after.switches)
		return 0;
	sleep = hash_bytes(before.switches, text, str_length(text));
	return sleep ? sleep : 1;
}

/* A thread that was met: its number in /proc, and its tid. */
struct met {
	int32_t name, tid;
	bool asked;
	uint64_t sleep; /* of a thread that was not asked: thread_sleep before the copy */
};
struct round {
	struct met *met; /* all seen so far */
	uint32_t nr, nr_asked, nr_silent, nr_new;
	int32_t self;  /* this thread's number in /proc */
	int sig;       /* 0: no thread may be asked */
	bool patient;  /* a thread that cannot answer just now is met again */
	bool deferred; /* there is one */
};

static bool is_known(const struct round *r, int32_t name)
{
	for (uint32_t i = 0; i < r->nr; i++)
		if (r->met[i].name == name)
			return true;
	return false;
}

static bool ask_thread(const struct round *r, int32_t name, const struct thread_status *st)
{
	if (!r->sig || st->cannot_answer || status_blocks(st, r->sig))
		return false;
	calls_note(name, st->tid);
	__atomic_fetch_add(&stop_sent, 1, __ATOMIC_RELAXED);
	if (arch_syscall6(SYS_tgkill, os_getpid(), st->tid, r->sig, 0, 0, 0) == 0)
		return true;
	take_sent();
	return false;
}

/* Does the thread run with the signal blocked? libc starts the threads of a timer (SIGEV_THREAD) so, and soon they
 * unblock it. */
static bool blocks_for_now(const struct round *r, int32_t name, const struct thread_status *st)
{
	return r->sig && !st->gone && !st->cannot_answer && status_blocks(st, r->sig) && !thread_sleep(name);
}

static void meet_thread(struct round *r, int32_t name)
{
	struct thread_status st;
	struct met *m = &r->met[r->nr];

	if (r->nr == THREADS_MAX || name == r->self || is_known(r, name))
		return;
	read_status(name, &st);
	if (st.tid == os_gettid()) {
		r->self = name;
		return;
	}
	if (r->patient && blocks_for_now(r, name, &st)) {
		r->deferred = true;
		return;
	}
	r->nr++;
	r->nr_new++;
	*m = (struct met){ .name = name, .tid = st.tid, .asked = !st.gone && ask_thread(r, name, &st) };
	if (m->asked)
		r->nr_asked++;
	else if (!st.gone && arch_syscall6(SYS_tgkill, os_getpid(), st.tid, 0, 0, 0, 0) == 0) {
		r->nr_silent++;
		m->sleep = thread_sleep(name);
	}
}

/* Threads that were not asked, and slept all the time. */
static uint32_t slept(const struct round *r)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < r->nr; i++)
		nr += r->met[i].sleep && thread_sleep(r->met[i].name) == r->met[i].sleep;
	return nr;
}

static int32_t parse_tid(const char *name)
{
	uint64_t tid;
	const char *end = number_decimal(name, &tid);

	return end && !*end ? (int32_t)tid : 0;
}

static bool list_threads(int fd, struct round *r)
{
	char buf[4096] __attribute__((aligned(8)));
	long n;

	arch_syscall6(SYS_lseek, fd, 0, 0 /* SEEK_SET */, 0, 0, 0);
	while ((n = arch_syscall6(SYS_getdents64, fd, (long)buf, sizeof(buf), 0, 0, 0)) > 0)
		for (long at = 0; at < n;) {
			const struct os_dirent *d = (const struct os_dirent *)(buf + at);
			int32_t name = parse_tid(d->name);
			if (name)
				meet_thread(r, name);
			at += d->reclen;
		}
	return n == 0;
}

/* Threads that ended before they could answer are not waited for. */
static uint32_t asked_and_gone(const struct round *r)
{
	uint32_t gone = 0;

	for (uint32_t i = 0; i < r->nr; i++)
		gone += r->met[i].asked && arch_syscall6(SYS_tgkill, os_getpid(), r->met[i].tid, 0, 0, 0, 0) == -ESRCH;
	return gone;
}

static bool has_answered(int32_t tid)
{
	uint32_t n = MIN(__atomic_load_n(&stop.nr_claimed, __ATOMIC_RELAXED) + 1, stop.max);

	for (uint32_t i = 1; i < n; i++)
		if (stop.threads[i].tid == tid && __atomic_load_n(&stop.threads[i].answered, __ATOMIC_ACQUIRE))
			return true;
	return false;
}

/* Nor are threads that began to sleep for a disk, a tracer or a child of vfork before the signal came. */
static uint32_t asked_in_vain(const struct round *r)
{
	uint32_t vain = 0;
	struct thread_status st;

	for (uint32_t i = 0; i < r->nr; i++) {
		if (!r->met[i].asked || has_answered(r->met[i].tid))
			continue;
		read_status(r->met[i].name, &st);
		vain += st.gone || st.cannot_answer || status_blocks(&st, r->sig);
	}
	return vain;
}

static void wait_for_answers(const struct round *r, uint64_t until)
{
	uint64_t look = snapshot_now_us() + STOP_LOOK_MS * 1000;

	for (;;) {
		uint32_t n = __atomic_load_n(&stop.nr_answered, __ATOMIC_ACQUIRE);
		uint64_t now = snapshot_now_us();
		if (n >= r->nr_asked || now >= until)
			return;
		futex_wait(&stop.nr_answered, n, MIN(until - now, 5000));
		if (n != __atomic_load_n(&stop.nr_answered, __ATOMIC_ACQUIRE))
			continue;
		if (n + asked_and_gone(r) >= r->nr_asked || (now > look && n + asked_in_vain(r) >= r->nr_asked))
			return;
	}
}

static bool stop_threads(struct round *r)
{
	uint64_t until = snapshot_now_us() + STOP_LIMIT_MS * 1000;
	int fd = os_open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	uint32_t answered, gone;
	bool ok = fd >= 0;

	for (int rounds = 0; ok && rounds < 100; rounds++) {
		r->nr_new = 0;
		r->patient = rounds < PATIENT_ROUNDS;
		r->deferred = false;
		ok = list_threads(fd, r);
		wait_for_answers(r, until);
		if ((!r->nr_new && !r->deferred) || snapshot_now_us() >= until)
			break;
		if (r->deferred)
			futex_wait(&stop.nr_answered, __atomic_load_n(&stop.nr_answered, __ATOMIC_ACQUIRE), 1000);
	}
	if (fd >= 0)
		os_close(fd);
	answered = __atomic_load_n(&stop.nr_answered, __ATOMIC_ACQUIRE);
	gone = answered < r->nr_asked ? asked_and_gone(r) : 0;
	r->nr_silent += r->nr_asked - MIN(r->nr_asked, answered + gone);
	return ok;
}

static void release_threads(void)
{
	__atomic_store_n(&stop.active, 0, __ATOMIC_RELEASE);
	futex_wake(&stop.active);
}

/* ---- the copy -------------------------------------------------------------------------------- */

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	if (arch_probe_recover((uint64_t *)((ucontext_t *)context)->uc_mcontext.gregs))
		return;
	leak_scan_faulted((uintptr_t)info->si_addr);
	/* The fault is our own. */
	os_exit_group(3);
}

static const struct kernel_action fault_action = {
	(void *)on_fault,
	SA_SIGINFO | SA_NODEFER | ACTION_RESTORER,
	(void *)arch_sigreturn,
	0,
};

struct snapshot_job {
	const struct snapshot_how *how;
	void (*fn)(void *ctx, const struct leak_thread *threads, uint32_t nr);
	void *ctx;
};

static void child_run(const struct snapshot_job *job)
{
	process_fork_child(); /* it reads what the parent kept, and settles nothing */
	/* Not dumpable, a process may not open its own files in /proc unless root starts it. */
	if (job->how->begin)
		job->how->begin(job->how->copied);
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
	uint64_t mask;

	action_get(SIGSEGV, &segv);
	action_get(SIGBUS, &bus);
	action_set(SIGSEGV, &fault_action);
	action_set(SIGBUS, &fault_action);
	mask = mask_set(~FAULT_SIGNALS);
	if (job->how->begin)
		job->how->begin(job->how->copied);
	job->fn(job->ctx, stop.threads, stop.max);
	mask_set(mask);
	action_set(SIGSEGV, &segv);
	action_set(SIGBUS, &bus);
}

/* The copy's pid, while there is one; a futex.  When the program waits for any clone child, the wait can see the copy;
 * preload/unseen/waits.c passes it over. */
static int32_t snapshot_child;
/* atomic: the copy that a wait of the program reaped, and that the program has yet to look at */
static int32_t snapshot_reaped;

int32_t leak_snapshot_child(void)
{
	return __atomic_load_n(&snapshot_child, __ATOMIC_ACQUIRE);
}

bool leak_snapshot_was(int32_t pid)
{
	return pid == leak_snapshot_child() || pid == __atomic_load_n(&snapshot_reaped, __ATOMIC_RELAXED);
}

void leak_snapshot_wait(int32_t pid)
{
	while (__atomic_load_n(&snapshot_child, __ATOMIC_ACQUIRE) == pid)
		futex_wait((uint32_t *)&snapshot_child, (uint32_t)pid, 1000000);
}

/* False: the copy did not end well.  When a wait of the program reaped it, the copy's result tells. */
static bool child_wait(long pid)
{
	int status = -1;
	long r;

	do
		r = arch_syscall6(SYS_wait4, pid, (long)&status, __WCLONE, 0, 0, 0);
	while (r == -EINTR);
	__atomic_store_n(&snapshot_reaped, r == -ECHILD ? (int32_t)pid : 0, __ATOMIC_RELAXED);
	__atomic_store_n(&snapshot_child, 0, __ATOMIC_RELEASE);
	futex_wake((uint32_t *)&snapshot_child);
	return r == -ECHILD || (r == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static ucontext_t *dying_context; /* atomic */
static int32_t dying_tid;

void leak_thread_dies(void *context)
{
	dying_tid = os_gettid();
	__atomic_store_n(&dying_context, context, __ATOMIC_RELEASE);
}

/* Our own frames, below sp, are left out: they are large, and where they are not written yet they hold words of earlier
 * calls. */
static void note_self(uintptr_t sp)
{
	static stack_t signal_stack; /* one thread scans at a time */
	struct leak_thread self = { .tid = os_gettid(), .answered = 1, .sp = sp, .tp = arch_thread_pointer() };
	ucontext_t *dying = __atomic_load_n(&dying_context, __ATOMIC_ACQUIRE);

	if (dying && dying_tid == self.tid) {
		note_context(&self, dying);
		stop.threads[0] = self;
		return;
	}
	/* Perhaps only the kernel has the pointer to this thread's signal stack.  For the others it is in their
	 * handler's frame. */
	if (!os_filter_set() && arch_syscall6(SYS_sigaltstack, 0, (long)&signal_stack, 0, 0, 0, 0) == 0) {
		self.saved[0] = (uintptr_t)&signal_stack;
		self.saved_size[0] = sizeof(signal_stack);
	}
	stop.threads[0] = self;
}

/* The copy cannot copy shared memory, so it reads that memory while nobody changes it.  Gives up after a
 * second: a thread that stands still may have to fill that memory in. */
static void wait_for_copy(uint32_t *copied)
{
	uint64_t until = snapshot_now_us() + STOP_LIMIT_MS * 1000;

	struct timespec t = { 0, 20000000 };

	/* The word is shared between two processes, so the futex must not be a private one. */
	while (!__atomic_load_n(copied, __ATOMIC_ACQUIRE) && snapshot_now_us() < until)
		arch_syscall6(SYS_futex, (long)copied, FUTEX_WAIT, 0, (long)&t, 0, 0);
}

static bool snapshot_take(struct snapshot_how how, const struct snapshot_job *job, struct snapshot_info *info,
                          struct round *r)
{
	uint64_t began = snapshot_now_us();
	long pid = 0;

	if (how.mode != SNAPSHOT_BY_SCANNER)
		note_self(how.sp);
	info->why = stop_threads(r) ? NULL : "the threads cannot be listed (/proc/self/task)";
	info->nr_threads = r->nr + (how.mode != SNAPSHOT_BY_SCANNER);
	info->nr_silent = r->nr_silent;
	if (!info->why && !(how.mode == SNAPSHOT_IN_PLACE && r->nr == 0)) {
		/* A thread that still runs might fork just then, and its child would lack the memory that is left out
		 * of the copy. */
		bool all_still = leak_hook_copying && r->nr_silent == 0;
		if (all_still)
			leak_hook_copying(true);
		pid = arch_clone_copy();
		if (pid == 0)
			child_run(job);
		if (all_still)
			leak_hook_copying(false);
	}
	if (pid > 0)
		__atomic_store_n(&snapshot_child, (int32_t)pid, __ATOMIC_RELEASE);
	if (!info->why && pid <= 0 && how.mode == SNAPSHOT_BY_SCANNER)
		info->why = "no process can be made";
	if (!info->why && pid <= 0)
		run_in_place(job);
	if (pid > 0 && how.copied)
		wait_for_copy(how.copied);
	if (r->nr_silent)
		info->nr_slept = slept(r);
	release_threads();
	info->pause_us = snapshot_now_us() - began;
	if (pid > 0 && !child_wait(pid))
		info->why = "the scan crashed";
	return !info->why;
}

/* Signals stay as they are while this waits: the scan that is running may have to stop this very thread. */
uint64_t snapshot_lock(void)
{
	for (;;) {
		uint64_t mask = mask_set(~FAULT_SIGNALS);
		if (!__atomic_exchange_n(&stop_busy, 1, __ATOMIC_ACQUIRE))
			return mask;
		mask_set(mask);
		futex_wait(&stop_busy, 1, 1000000);
	}
}

void snapshot_unlock(uint64_t mask)
{
	__atomic_store_n(&stop_busy, 0, __ATOMIC_RELEASE);
	futex_wake(&stop_busy);
	mask_set(mask);
}

void snapshot_fork_child(void)
{
	stop_busy = 0;
	stop_sent = 0;
	stop.active = stop.left = 0;
	calls_end();
	snapshot_child = 0;
}

bool snapshot_run(struct snapshot_how how, void (*fn)(void *ctx, const struct leak_thread *threads, uint32_t nr),
                  void *ctx, struct snapshot_info *info)
{
	struct snapshot_job job = { &how, fn, ctx };
	struct round r = { .sig = snapshot_signal() };
	size_t threads = THREADS_MAX * (sizeof(struct leak_thread) + sizeof(struct met));
	size_t size = ALIGN_UP(threads + calls_size(THREADS_MAX), PAGE_SIZE);
	char *memory;
	bool ok;

	mem_set(info, 0, sizeof(*info));
	memory = os_reserve(size, PAGE_SIZE);
	info->why = "no memory";
	if (!memory || !os_commit(memory, size, false)) {
		if (memory)
			os_release(memory, size);
		return false;
	}
	stop.threads = (struct leak_thread *)memory;
	stop.max = THREADS_MAX;
	stop.nr_answered = stop.nr_claimed = 0;
	r.met = (struct met *)(memory + THREADS_MAX * sizeof(struct leak_thread));
	if (!stop_handler_install(r.sig))
		r.sig = 0;
	calls_begin(memory + threads, THREADS_MAX);
	__atomic_store_n(&stop.active, ++stop_number ? stop_number : ++stop_number, __ATOMIC_RELEASE);
	ok = snapshot_take(how, &job, info, &r);
	/* A late handler may still write to its slot. */
	while (__atomic_load_n(&stop.left, __ATOMIC_ACQUIRE))
		arch_syscall6(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
	calls_end();
	os_release(memory, size);
	return ok;
}
