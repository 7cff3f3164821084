/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/signals/program.c - everything that a program can ask the kernel about its signals.  A run is one case, and
 * prints what the program saw.
 *
 * tests/signals/run compares the output, and how the run ended, with and without memsan. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

extern char **environ;
static int sig; /* SIGSEGV or SIGBUS */
static char *self;
static sigjmp_buf jump;
static char stack[65536] __attribute__((aligned(64)));
static char *page;

/* ---- printing -------------------------------------------------------------------------------- */

static const char *mask_text(const sigset_t *set)
{
	static char text[200];
	size_t n = 0;

	text[0] = 0;
	for (int s = 1; s < 65; s++)
		if (s != 32 && s != 33 && sigismember(set, s) == 1 && n < sizeof(text) - 5)
			n += (size_t)sprintf(text + n, " %d", s);
	return text;
}

static void show_mask(const char *what)
{
	sigset_t set;

	sigprocmask(SIG_BLOCK, NULL, &set);
	printf("%s: blocked%s\n", what, mask_text(&set));
}

static void show_pending(const char *what)
{
	sigset_t set;

	sigpending(&set);
	printf("%s: pending%s\n", what, mask_text(&set));
}

static void handler(int s);
static void other(int s);
static void informed(int s, siginfo_t *info, void *context);

static const char *handler_name(void (*h)(int))
{
	return h == SIG_DFL                    ? "default"
	       : h == SIG_IGN                  ? "ignore"
	       : h == SIG_ERR                  ? "error"
	       : h == SIG_HOLD                 ? "hold"
	       : h == handler                  ? "handler"
	       : h == other                    ? "other"
	       : (void *)h == (void *)informed ? "informed"
	                                       : "somebody's";
}

static void show_action(const char *what)
{
	struct sigaction a;

	sigaction(sig, NULL, &a);
	printf("%s: %s flags %x restorer %d mask%s\n", what, handler_name(a.sa_handler), (unsigned)a.sa_flags,
	       a.sa_restorer != NULL, mask_text(&a.sa_mask));
}

static void handler(int s)
{
	printf("handler %d\n", s);
	show_mask("in the handler");
}

static void other(int s)
{
	printf("other %d\n", s);
	show_mask("in the other handler");
}

static void informed(int s, siginfo_t *info, void *context)
{
	char here;

	printf("informed %d code %d from here %d value %d on the signal stack %d\n", s, info->si_code,
	       info->si_code <= 0 && info->si_pid == getpid(), info->si_code == SI_QUEUE ? info->si_value.sival_int : 0,
	       &here >= stack && &here < stack + sizeof(stack));
	show_mask("informed");
	if (info->si_code > 0) {
		printf("at the page %d\n", (char *)info->si_addr == page + 5);
		mprotect(page, 4096, PROT_READ | PROT_WRITE);
	}
	(void)context;
}

static void jumping(int s)
{
	siglongjmp(jump, s);
}

static void block(int how, int a, int b)
{
	sigset_t set, old;
	int r;

	sigemptyset(&set);
	sigaddset(&set, a);
	if (b)
		sigaddset(&set, b);
	r = sigprocmask(how, &set, &old);
	printf("mask %d: before%s\n", r, mask_text(&old));
}

static void set_action(void (*h)(int, siginfo_t *, void *), int flags)
{
	struct sigaction a, old;

	memset(&a, 0, sizeof(a));
	a.sa_sigaction = h;
	a.sa_flags = flags;
	sigaddset(&a.sa_mask, SIGUSR2);
	printf("sigaction %d", sigaction(sig, &a, &old));
	printf(", before: %s flags %x\n", handler_name(old.sa_handler), (unsigned)old.sa_flags);
}

static void queue(int value)
{
	union sigval v = { .sival_int = value };

	sigqueue(getpid(), sig, v);
}

/* ---- sigaction, signal ----------------------------------------------------------------------- */

static void actions(void)
{
	show_action("at first");
	printf("signal: %s\n", handler_name(signal(sig, handler)));
	show_action("signal");
	raise(sig);
	printf("sysv_signal: %s\n", handler_name(sysv_signal(sig, other)));
	show_action("sysv_signal");
	raise(sig);
	show_action("after it ran");
	siginterrupt(sig, 1);
	signal(sig, handler);
	show_action("siginterrupt 1");
	siginterrupt(sig, 0);
	signal(sig, handler);
	show_action("siginterrupt 0");
	set_action(informed, SA_SIGINFO | SA_ONSTACK | SA_NODEFER | 0x400 | 0x200000);
	show_action("strange flags");
	raise(sig);
	queue(77);
	kill(getpid(), sig);
	set_action(informed, SA_SIGINFO | (int)SA_RESETHAND);
	raise(sig);
	show_action("once");
	printf("signal: %s\n", handler_name(signal(sig, SIG_IGN)));
	raise(sig);
	kill(getpid(), sig);
	printf("signal: %s\n", handler_name(signal(sig, SIG_DFL)));
	show_action("default again");
	errno = 0;
	printf("bad: %d", sigaction(65, NULL, NULL));
	printf(" %d", errno);
	printf(" %s", handler_name(signal(SIGKILL, handler)));
	printf(" %s\n", handler_name(signal(sig, SIG_ERR)));
}

/* Actions of signals that memsan has nothing to do with: each is given back as it was set, with its mask and flags. */
static void other_actions(void)
{
	static const int masked[][2] = {
		{ SIGUSR2, 0 }, { SIGSEGV, 0 }, { SIGBUS, SIGSEGV }, { SIGHUP, SIGBUS }, { 64, 0 },
	};
	static const int flags[] = { 0, SA_ONSTACK, SA_RESTART, SA_ONSTACK | SA_SIGINFO | SA_NODEFER };
	struct sigaction act, old;
	stack_t own = { .ss_sp = stack, .ss_size = sizeof(stack) };

	for (int round = 0; round < 2; round++) {
		for (size_t m = 0; m < sizeof(masked) / sizeof(masked[0]); m++)
			for (size_t f = 0; f < sizeof(flags) / sizeof(flags[0]); f++) {
				memset(&act, 0, sizeof(act));
				act.sa_handler = other;
				act.sa_flags = flags[f];
				sigemptyset(&act.sa_mask);
				for (int k = 0; k < 2 && masked[m][k]; k++)
					sigaddset(&act.sa_mask, masked[m][k]);
				memset(&old, 0, sizeof(old));
				printf("set %d", sigaction(SIGUSR1, &act, &old));
				printf(" before %s %#x%s", handler_name(old.sa_handler), old.sa_flags,
				       mask_text(&old.sa_mask));
				memset(&old, 0, sizeof(old));
				printf(" asked %d", sigaction(SIGUSR1, NULL, &old));
				printf(" %s %#x%s\n", handler_name(old.sa_handler), old.sa_flags,
				       mask_text(&old.sa_mask));
			}
		/* Then the same with a signal stack. */
		sigaltstack(&own, NULL);
		sigaction(SIGUSR1, NULL, &old);
		printf("with a stack %#x%s\n", old.sa_flags, mask_text(&old.sa_mask));
	}
	memset(&old, 0, sizeof(old));
	printf("bad %d", sigaction(SIGKILL, &act, &old));
	printf(" %d", sigaction(65, NULL, &old));
	printf(" %d\n", sigaction(0, NULL, &old));
	signal(SIGUSR1, SIG_DFL);
	sigaction(SIGUSR1, NULL, &old);
	printf("in the end %s%s\n", handler_name(old.sa_handler), mask_text(&old.sa_mask));
}

static void system_v(void)
{
	printf("sigset: %s\n", handler_name(sigset(sig, handler)));
	show_action("sigset");
	printf("sighold %d\n", sighold(sig));
	show_mask("sighold");
	raise(sig);
	show_pending("sighold");
	printf("sigset: %s\n", handler_name(sigset(sig, other)));
	show_mask("sigset");
	printf("sigset: %s\n", handler_name(sigset(sig, SIG_HOLD)));
	printf("sigset: %s\n", handler_name(sigset(sig, SIG_HOLD)));
	raise(sig);
	printf("sigrelse %d\n", sigrelse(sig));
	printf("sigignore %d\n", sigignore(sig));
	show_action("sigignore");
	raise(sig);
	printf("sigset: %s\n", handler_name(sigset(sig, SIG_DFL)));
	signal(sig, handler);
	sighold(sig);
	raise(sig);
	errno = 0;
	printf("sigpause %d %d\n", sigpause(sig), errno);
	show_mask("sigpause");
	errno = 0;
	printf("wrong: %d %d\n", sighold(99), errno);
}

/* ---- masks, pending signals, waits ----------------------------------------------------------- */

static void masks(void)
{
	sigset_t set, old;
	int bus = sig == SIGSEGV ? SIGBUS : SIGSEGV;

	signal(sig, handler);
	show_mask("at first");
	block(SIG_BLOCK, sig, SIGUSR1);
	show_mask("one");
	block(SIG_BLOCK, bus, 0);
	show_mask("both");
	block(SIG_UNBLOCK, sig, 0);
	show_mask("the other one");
	block(SIG_SETMASK, sig, SIGSTKFLT);
	show_mask("with one that nobody sends");
	raise(sig);
	kill(getpid(), sig);
	show_pending("sent");
	block(SIG_UNBLOCK, sig, 0);
	show_pending("opened");
	sigfillset(&set);
	pthread_sigmask(SIG_SETMASK, &set, &old);
	printf("before%s\n", mask_text(&old));
	show_mask("all");
	raise(sig);
	sigemptyset(&set);
	pthread_sigmask(SIG_SETMASK, &set, &old);
	printf("before%s\n", mask_text(&old));
	printf("wrong %d", sigprocmask(99, &set, NULL));
	printf(" %d\n", errno);
	show_mask("at last");
}

static void ignored_while_pending(void)
{
	signal(sig, handler);
	block(SIG_BLOCK, sig, 0);
	raise(sig);
	show_pending("sent");
	signal(sig, SIG_IGN);
	show_pending("ignored");
	raise(sig);
	show_pending("sent once more");
	signal(sig, handler);
	show_pending("handled");
	block(SIG_UNBLOCK, sig, 0);
	show_pending("opened");
}

static void queued_while_blocked(void)
{
	set_action(informed, SA_SIGINFO);
	block(SIG_BLOCK, sig, 0);
	queue(5);
	queue(6);
	show_pending("sent");
	block(SIG_UNBLOCK, sig, 0);
}

static void wait_for(void)
{
	struct timespec none = { 0, 0 }, bit = { 0, 20000000 };
	siginfo_t info;
	sigset_t set;
	int got = 0, fd;
	struct signalfd_siginfo read_info;
	struct pollfd p;

	signal(sig, handler);
	block(SIG_BLOCK, sig, 0);
	sigemptyset(&set);
	sigaddset(&set, sig);
	errno = 0;
	printf("nothing %d", sigtimedwait(&set, &info, &none));
	printf(" %d\n", errno);
	raise(sig);
	printf("sigwait %d", sigwait(&set, &got));
	printf(" %d\n", got);
	queue(9);
	printf("sigwaitinfo %d", sigwaitinfo(&set, &info));
	printf(" code %d value %d\n", info.si_code, info.si_value.sival_int);
	kill(getpid(), sig);
	printf("sigtimedwait %d", sigtimedwait(&set, &info, &bit));
	printf(" code %d\n", info.si_code);
	fd = signalfd(-1, &set, 0);
	raise(sig);
	p = (struct pollfd){ fd, POLLIN, 0 };
	printf("poll %d", poll(&p, 1, 1000));
	printf(" read %d", read(fd, &read_info, sizeof(read_info)) == sizeof(read_info));
	printf(" signal %d\n", (int)read_info.ssi_signo);
	show_pending("at last");
}

/* Is the first thread asleep? */
static int main_waits(void)
{
	char line[400];
	FILE *f = fopen("/proc/self/stat", "r");
	char *end = f && fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;

	if (f)
		fclose(f);
	return end && end[2] == 'S';
}

static volatile int wait_over;

/* Sends, and changes no mask until the wait is over: a thread that does so could take the process's signal with memsan,
 * and the wait would return early (fault/signals.c). */
static void *sends_later(void *target)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	while (!main_waits())
		usleep(1000);
	if (target)
		pthread_kill(*(pthread_t *)target, sig);
	else
		kill(getpid(), sig);
	while (!wait_over)
		usleep(1000);
	return NULL;
}

static pthread_t start_sender(pthread_t *target)
{
	pthread_t t;

	wait_over = 0;
	pthread_create(&t, NULL, sends_later, target);
	return t;
}

static void join_sender(pthread_t t)
{
	wait_over = 1;
	pthread_join(t, NULL);
}

/* One wait, which ends by a pending signal or by one that comes; none of the waits may notice a signal that is blocked
 * or ignored. */
static int waits_once(int which, const sigset_t *mask)
{
	struct timespec limit = { 0, 120000000 }, rest;
	struct epoll_event event;
	int fd;

	errno = 0;
	switch (which) {
	case 0:
		return sigsuspend(mask);
	case 1:
		return ppoll(NULL, 0, &limit, mask);
	case 2:
		return pselect(0, NULL, NULL, NULL, &limit, mask);
	case 3:
		fd = epoll_create1(0);
		return epoll_pwait(fd, &event, 1, 120, mask);
	case 4:
		fd = epoll_create1(0);
		return (int)syscall(SYS_epoll_pwait2, fd, NULL, 0, NULL, NULL, 0) +
		       epoll_pwait2(fd, &event, 1, &limit, mask);
	case 5:
		return nanosleep(&limit, &rest);
	case 6:
		return poll(NULL, 0, 120);
	default:
		return pause();
	}
}

static void waits(void)
{
	static const char *const names[] = { "sigsuspend",   "ppoll",     "pselect", "epoll_pwait",
		                             "epoll_pwait2", "nanosleep", "poll",    "pause" };
	sigset_t open, closed;
	pthread_t me = pthread_self(), t;

	sigemptyset(&open);
	sigemptyset(&closed);
	sigaddset(&closed, sig);
	signal(sig, handler);
	for (int which = 0; which < 5; which++) {
		block(SIG_BLOCK, sig, SIGUSR1);
		raise(sig);
		printf("%s, pending: %d", names[which], waits_once(which, &open));
		printf(" %d\n", errno);
		show_mask("after");
		show_pending("after");
		t = start_sender(which & 1 ? &me : NULL);
		printf("%s, sent: %d", names[which], waits_once(which, &open));
		printf(" %d\n", errno);
		join_sender(t);
		show_mask("after");
		block(SIG_UNBLOCK, sig, SIGUSR1);
		if (which == 0)
			continue;
		t = start_sender(which & 1 ? &me : NULL);
		printf("%s, blocked by its mask: %d", names[which], waits_once(which, &closed));
		printf(" %d\n", errno);
		join_sender(t);
	}
	for (int which = 1; which < 7; which++) {
		block(SIG_BLOCK, sig, 0);
		t = start_sender(which & 1 ? &me : NULL);
		printf("%s, blocked: %d", names[which], waits_once(which, &closed));
		printf(" %d\n", errno);
		join_sender(t);
		show_pending("after");
		block(SIG_UNBLOCK, sig, 0);
	}
	signal(sig, SIG_IGN);
	for (int which = 1; which < 7; which++) {
		t = start_sender(which & 1 ? &me : NULL);
		printf("%s, ignored: %d", names[which], waits_once(which, &open));
		printf(" %d\n", errno);
		join_sender(t);
	}
	signal(sig, handler);
	t = start_sender(&me);
	printf("pause: %d", waits_once(7, NULL));
	printf(" %d\n", errno);
	join_sender(t);
}

static void reads(void)
{
	pthread_t me = pthread_self(), t;
	int ends[2];
	char c;

	for (int round = 0; round < 4; round++) {
		int r;

		if (pipe(ends) != 0)
			return;
		if (round == 3)
			signal(sig, SIG_IGN);
		else
			set_action(informed, round == 1 ? SA_SIGINFO | SA_RESTART : SA_SIGINFO);
		if (round == 2)
			block(SIG_BLOCK, sig, 0);
		t = start_sender(&me);
		struct timespec when = { 0, 100000000 };
		pid_t child = fork();
		if (child == 0) {
			nanosleep(&when, NULL);
			r = (int)write(ends[1], "x", 1);
			_exit(0);
		}
		errno = 0;
		r = (int)read(ends[0], &c, 1);
		printf("read %d %d\n", r, errno);
		join_sender(t);
		waitpid(child, NULL, 0);
	}
}

static volatile int taken, ready;

static void *takes(void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	ready = 1;
	while (!taken)
		usleep(1000);
	return arg;
}

static pthread_t taker;

static void taking(int s)
{
	taken = 1;
	printf("signal %d taken by the thread that does not block it %d\n", s, pthread_equal(pthread_self(), taker));
}

/* The signal is sent to the process: a thread that does not block the signal takes it. */
static void process_directed(void)
{
	block(SIG_BLOCK, sig, 0);
	signal(sig, taking);
	pthread_create(&taker, NULL, takes, NULL);
	while (!ready)
		usleep(1000);
	kill(getpid(), sig);
	pthread_join(taker, NULL);
	show_pending("after");
	show_mask("after");
}

static void *waits_for_it(void *arg)
{
	sigset_t set;
	int got = 0;

	sigemptyset(&set);
	sigaddset(&set, sig);
	ready = 1;
	printf("sigwait %d", sigwait(&set, &got));
	printf(" %d\n", got);
	taken = 1;
	return arg;
}

/* All threads block the signal, and the one that waits for it gets it. */
static void waited_for_by_a_thread(void)
{
	block(SIG_BLOCK, sig, 0);
	signal(sig, handler);
	pthread_create(&taker, NULL, waits_for_it, NULL);
	while (!ready)
		usleep(1000);
	for (int i = 0; i < 2; i++) {
		kill(getpid(), sig);
		while (!taken)
			usleep(1000);
		show_pending("after");
	}
	pthread_join(taker, NULL);
}

static void *shows_mask(void *arg)
{
	show_mask(arg);
	raise(sig);
	show_pending(arg);
	return NULL;
}

static void threads(void)
{
	pthread_attr_t a;
	sigset_t set;
	pthread_t t;

	signal(sig, handler);
	block(SIG_BLOCK, sig, SIGUSR1);
	pthread_create(&t, NULL, shows_mask, "inherited");
	pthread_join(t, NULL);
	block(SIG_UNBLOCK, sig, SIGUSR1);
	pthread_attr_init(&a);
	sigemptyset(&set);
	sigaddset(&set, sig);
	pthread_attr_setsigmask_np(&a, &set);
	pthread_create(&t, &a, shows_mask, "in the attributes");
	pthread_join(t, NULL);
	sigfillset(&set);
	sigdelset(&set, sig);
	pthread_attr_setsigmask_np(&a, &set);
	pthread_create(&t, &a, shows_mask, "all but this");
	pthread_join(t, NULL);
	show_mask("at last");
}

/* ---- signal stacks --------------------------------------------------------------------------- */

static void show_stack(const char *what)
{
	stack_t s;

	memset(&s, 0, sizeof(s));
	sigaltstack(NULL, &s);
	printf("%s: at %d size %zu flags %x\n", what, s.ss_sp ? (int)((char *)s.ss_sp - stack) : -1, s.ss_size,
	       (unsigned)s.ss_flags);
}

static void on_stack(int s, siginfo_t *info, void *context)
{
	stack_t now = { .ss_sp = stack, .ss_size = sizeof(stack) };

	informed(s, info, context);
	show_stack("in the handler");
	errno = 0;
	printf("set: %d %d\n", sigaltstack(&now, NULL), errno);
}

static void stacks(void)
{
	static const size_t sizes[] = { 0, 2047, 2048, 2560, 3376, 4096, 8192, 65536 };
	stack_t s, old;

	show_stack("at first");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		s = (stack_t){ .ss_sp = stack, .ss_size = sizes[i] };
		memset(&old, 0, sizeof(old));
		errno = 0;
		printf("%zu bytes: %d", sizes[i], sigaltstack(&s, &old));
		printf(" %d before %zu flags %x\n", errno, old.ss_size, (unsigned)old.ss_flags);
		show_stack("set");
	}
	set_action(on_stack, SA_SIGINFO | SA_ONSTACK);
	raise(sig);
	page[5] = 1;
	mprotect(page, 4096, PROT_NONE);
	set_action(on_stack, SA_SIGINFO);
	page[5] = 1;
	s = (stack_t){ .ss_flags = SS_DISABLE };
	printf("off %d\n", sigaltstack(&s, &old));
	show_stack("off");
	set_action(on_stack, SA_SIGINFO | SA_ONSTACK);
	raise(sig);
	s = (stack_t){ .ss_sp = stack, .ss_size = sizeof(stack), .ss_flags = 3 };
	errno = 0;
	printf("bad %d", sigaltstack(&s, &old));
	printf(" %d\n", errno);
}

/* ---- faults ---------------------------------------------------------------------------------- */

static void faults(void)
{
	set_action(informed, SA_SIGINFO);
	for (int i = 0; i < 3; i++) {
		mprotect(page, 4096, PROT_NONE);
		page[5] = 1;
		show_mask("after");
	}
	signal(SIGSEGV, jumping);
	for (int i = 0; i < 3; i++) {
		mprotect(page, 4096, PROT_NONE);
		printf("jump %d\n", sigsetjmp(jump, 1) ? 1 : (page[5] = 1, 0));
		show_mask("after");
	}
	signal(SIGSEGV, SIG_DFL);
	page[5] = 1;
}

static void fault_blocked(void)
{
	signal(SIGSEGV, handler);
	block(SIG_BLOCK, SIGSEGV, 0);
	page[5] = 1;
}

static void fault_ignored(void)
{
	signal(SIGSEGV, SIG_IGN);
	page[5] = 1;
}

static void changing(int s, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)s, (void)info;
	uc->uc_mcontext.gregs[REG_RCX] = 4711;
	uc->uc_mcontext.gregs[REG_RIP] += 2;
	sigaddset(&uc->uc_sigmask, SIGUSR1);
}

static void fault_changed(void)
{
	long result = 0;

	set_action(changing, SA_SIGINFO | SA_NODEFER);
	__asm__ volatile("movl (%%rax), %%ecx" : "=c"(result) : "a"(page));
	printf("result %ld\n", result);
	show_mask("after");
}

static void dies_of_it(void)
{
	kill(getpid(), sig);
	puts("not reached");
}

/* ---- other programs -------------------------------------------------------------------------- */

static void other_program(void)
{
	show_action("inherited");
	show_mask("inherited");
	show_pending("inherited");
}

static void wait_child(pid_t child)
{
	int status = 0;

	waitpid(child, &status, 0);
	printf("child %x\n", (unsigned)status);
}

static void exec_one(int way)
{
	char name[8];
	char *argv[] = { self, "other", name, NULL };

	sprintf(name, "%d", sig);
	switch (way) {
	case 0:
		execl(self, self, "other", name, NULL);
		break;
	case 1:
		execlp(self, self, "other", name, NULL);
		break;
	case 2:
		execle(self, self, "other", name, NULL, environ);
		break;
	case 3:
		execv(self, argv);
		break;
	case 4:
		execvp(self, argv);
		break;
	case 5:
		execve(self, argv, environ);
		break;
	default:
		execvpe(self, argv, environ);
		break;
	}
}

static void programs(void (*h)(int))
{
	char name[8];
	char *argv[] = { self, "other", name, NULL };
	posix_spawnattr_t a;
	sigset_t set;
	pid_t child;
	FILE *f;
	char line[300];
	int r;

	sprintf(name, "%d", sig);
	signal(sig, h);
	for (int way = 0; way < 7; way++) {
		child = way & 1 ? fork() : vfork();
		if (child == 0) {
			exec_one(way);
			_exit(1);
		}
		wait_child(child);
	}
	r = posix_spawn(&child, self, NULL, NULL, argv, environ);
	wait_child(child);
	printf("posix_spawn %d\n", r);
	posix_spawnattr_init(&a);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	posix_spawnattr_setsigmask(&a, &set);
	sigemptyset(&set);
	sigaddset(&set, sig);
	posix_spawnattr_setsigdefault(&a, &set);
	posix_spawnattr_setflags(&a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = posix_spawnp(&child, self, NULL, &a, argv, environ);
	wait_child(child);
	printf("posix_spawnp %d\n", r);
	snprintf(line, sizeof(line), "exec %s other %d", self, sig);
	f = popen(line, "r");
	while (f && fgets(line, sizeof(line), f))
		printf("popen: %s", line);
	printf("popen %d\n", f ? pclose(f) : -1);
	errno = 0;
	printf("no such program: %d", execl("/nonexistent/program", "x", NULL));
	printf(" %d\n", errno);
	show_mask("after");
	show_action("after");
	raise(sig);
	show_pending("after");
}

static void exec_ignored(void)
{
	programs(SIG_IGN);
}

static void exec_handled(void)
{
	programs(handler);
}

static void exec_blocked(void)
{
	block(SIG_BLOCK, sig, SIGUSR1);
	programs(handler);
}

static void exec_itself(void)
{
	signal(sig, SIG_IGN);
	block(SIG_BLOCK, sig, 0);
	raise(sig);
	exec_one(0);
}

/* ---- children that share this process's memory ------------------------------------------------ */

static void jump_out(int s)
{
	(void)s;
	siglongjmp(jump, 1);
}

/* All that a child does to its signals before it runs another program. */
static int guest(void *unused)
{
	struct rlimit limit = { 1 << 26, RLIM_INFINITY };
	struct sigaction a, old;
	sigset_t set;
	stack_t none = { .ss_flags = SS_DISABLE }, was;
	char name[8];
	char *argv[] = { self, "other", name, NULL };

	(void)unused;
	sprintf(name, "%d", sig);
	show_action("child");
	show_mask("child");
	sigaltstack(NULL, &was);
	printf("child: stack %d of its parent's\n", was.ss_sp == stack);
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	show_mask("child");
	memset(&a, 0, sizeof(a));
	a.sa_handler = other;
	a.sa_flags = SA_ONSTACK;
	sigaddset(&a.sa_mask, SIGSEGV);
	sigaction(SIGUSR1, &a, NULL);
	sigaction(sig, &a, &old);
	printf("child: was %s\n", handler_name(old.sa_handler));
	show_action("child");
	signal(sig, SIG_IGN);
	siginterrupt(SIGSEGV, 1);
	show_action("child");
	signal(sig, SIG_DFL);
	for (int s = SIGRTMIN; s <= SIGRTMAX; s++)
		signal(s, other);
	for (int s = SIGRTMIN; s <= SIGRTMAX; s++)
		signal(s, SIG_DFL);
	sigaltstack(&none, NULL);
	sigaltstack(NULL, &was);
	printf("child: no stack %d\n", was.ss_flags);
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigaddset(&set, sig);
	sigprocmask(SIG_BLOCK, &set, NULL);
	show_mask("child");
	show_action("child");
	limit.rlim_max = RLIM_INFINITY;
	setrlimit(RLIMIT_CORE, &limit);
	execve(self, argv, environ);
	_exit(1);
}

static void guests(int (*start)(void))
{
	struct sigaction a, old;
	char *big;
	stack_t ours = { .ss_sp = stack, .ss_size = sizeof(stack) }, was;

	memset(&a, 0, sizeof(a));
	a.sa_handler = jump_out;
	a.sa_flags = SA_ONSTACK;
	sigaltstack(&ours, NULL);
	sigaction(sig == SIGSEGV ? SIGBUS : SIGSEGV, &a, NULL);
	sigaction(SIGSEGV, &a, NULL);
	for (int i = 0; i < 3; i++) {
		wait_child(start());
		sigaction(SIGSEGV, NULL, &old);
		printf("parent: its own handler %d\n", old.sa_handler == jump_out);
		sigaction(SIGUSR1, NULL, &old);
		printf("parent: SIGUSR1 %s flags %x\n", handler_name(old.sa_handler), (unsigned)old.sa_flags);
		show_mask("parent");
		sigaltstack(NULL, &was);
		printf("parent: stack %d\n", was.ss_sp == stack);
		if (sigsetjmp(jump, 1) == 0)
			*(volatile char *)page = 1;
		else
			puts("parent: its fault was handled");
		big = malloc(100 << 20);
		printf("parent: memory %d\n", big != NULL);
		free(big);
		if (i == 1) {
			signal(sig, SIG_IGN);
			sigaction(SIGSEGV, &a, NULL);
		}
	}
}

static int by_vfork(void)
{
	pid_t child = vfork();

	if (child == 0)
		guest(NULL);
	return child;
}

static char guest_stack[65536] __attribute__((aligned(64)));

static int by_clone(void)
{
	return clone(guest, guest_stack + sizeof(guest_stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
}

static void guest_of_vfork(void)
{
	guests(by_vfork);
}

static void guest_of_clone(void)
{
	guests(by_clone);
}

/* ---- objects whose pages the program protects ------------------------------------------------ */

static char *object;
static size_t object_size;
static int object_faults;

static void unprotecting(int s, siginfo_t *info, void *context)
{
	char *at = info->si_addr;

	(void)context;
	if (at < object || at >= object + object_size || object_faults++ > 1000) {
		printf("signal %d code %d outside of the object, or too often\n", s, info->si_code);
		exit(3);
	}
	printf("signal %d code %d page %ld byte %ld\n", s, info->si_code, (long)(at - object) / 4096,
	       (long)(at - object) % 4096);
	mprotect(object + (at - object) / 4096 * 4096, 4096, PROT_READ | PROT_WRITE);
}

static char *page_object(int way)
{
	void *p = NULL;

	switch (way) {
	case 0:
		return posix_memalign(&p, 4096, object_size) == 0 ? p : NULL;
	case 1:
		return valloc(object_size);
	default:
		return aligned_alloc(4096, object_size);
	}
}

/* As a garbage collector's barriers do. The object is in use all the time. */
static void protects_objects(void)
{
	struct sigaction a;

	memset(&a, 0, sizeof(a));
	a.sa_sigaction = unprotecting;
	a.sa_flags = SA_SIGINFO;
	sigaction(SIGSEGV, &a, NULL);
	for (int way = 0; way < 3; way++)
		for (object_size = 4096; object_size <= 16384; object_size += 4096) {
			volatile char *p = object = page_object(way);

			memset(object, 1, object_size);
			for (int round = 0; round < 4; round++) {
				mprotect(object, object_size, round & 1 ? PROT_NONE : PROT_READ);
				for (size_t i = 0; i < object_size; i += 4096)
					p[i + (size_t)round * 7]++;
				mprotect(object, object_size, PROT_NONE);
				printf("%d\n", p[object_size - 1]);
				memset(object, 1, object_size);
			}
			free(object);
		}
	puts("ends by a write to a read-only object");
	fflush(stdout);
	object_size = 4096;
	object = page_object(0);
	mprotect(object, object_size, PROT_READ);
	signal(SIGSEGV, SIG_DFL);
	*object = 1;
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "actions", actions },
	{ "other_actions", other_actions },
	{ "system_v", system_v },
	{ "masks", masks },
	{ "ignored_while_pending", ignored_while_pending },
	{ "queued_while_blocked", queued_while_blocked },
	{ "wait_for", wait_for },
	{ "waits", waits },
	{ "reads", reads },
	{ "process_directed", process_directed },
	{ "waited_for_by_a_thread", waited_for_by_a_thread },
	{ "threads", threads },
	{ "stacks", stacks },
	{ "faults", faults },
	{ "fault_blocked", fault_blocked },
	{ "fault_ignored", fault_ignored },
	{ "fault_changed", fault_changed },
	{ "dies_of_it", dies_of_it },
	{ "protects_objects", protects_objects },
	{ "exec_ignored", exec_ignored },
	{ "exec_handled", exec_handled },
	{ "exec_blocked", exec_blocked },
	{ "exec_itself", exec_itself },
	{ "guest_of_vfork", guest_of_vfork },
	{ "guest_of_clone", guest_of_clone },
	{ "other", other_program },
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	self = argv[0];
	if (argc < 3) {
		for (size_t i = 0; i + 1 < sizeof(cases) / sizeof(cases[0]); i++)
			puts(cases[i].name);
		return 0;
	}
	sig = atoi(argv[2]);
	page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strcmp(cases[i].name, argv[1]) == 0) {
			puts(cases[i].name);
			cases[i].run();
			puts("over");
			return 0;
		}
	return 9;
}
