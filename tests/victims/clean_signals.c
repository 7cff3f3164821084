/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_signals.c - the program handles SIGSEGV and SIGBUS itself, in every way that the kernel offers,
 * and sees what it would see without memsan
 *
 * expect: none
 * modes: check production
 * output: ok
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define CHECK(x)                                               \
	do {                                                   \
		if (!(x)) {                                    \
			printf("line %d: %s\n", __LINE__, #x); \
			failed = 1;                            \
		}                                              \
	} while (0)
static int failed;
static sigjmp_buf jump;
static char *page; /* not accessible until opened */
static volatile int calls, last_sig, last_code, user_seen;
static void *volatile last_addr, *volatile last_sp;
static sigset_t last_mask;
static volatile double fp_sum;
static char *own_stack;
#define OWN_SIZE 16384

static void opening(int sig, siginfo_t *info, void *context)
{
	char here;
	calls++;
	last_sig = sig;
	last_code = info->si_code;
	last_addr = info->si_addr;
	last_sp = &here;
	sigprocmask(SIG_SETMASK, NULL, &last_mask);
	fp_sum = fp_sum * 1.5; /* uses the vector registers */
	mprotect(page, 4096, PROT_READ | PROT_WRITE);
	(void)context;
}

static void jumping(int sig)
{
	calls++;
	last_sig = sig;
	siglongjmp(jump, sig);
}
static void skipping(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info;
	calls++;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2; /* movb (%rax), %al has two bytes */
}
static void user(int sig)
{
	(void)sig;
	user_seen++;
}

static void close_page(void)
{
	mprotect(page, 4096, PROT_NONE);
	calls = 0;
}

static void set(int sig, void *handler, int flags, int blocked)
{
	struct sigaction a, back;
	memset(&a, 0, sizeof a);
	a.sa_sigaction = (void (*)(int, siginfo_t *, void *))handler;
	a.sa_flags = flags;
	if (blocked)
		sigaddset(&a.sa_mask, blocked);
	CHECK(sigaction(sig, &a, NULL) == 0);
	CHECK(sigaction(sig, NULL, &back) == 0);
	CHECK(back.sa_sigaction == a.sa_sigaction &&
	      (back.sa_flags & 0x7fffffff & ~0x04000000) == (flags & 0x7fffffff));
	CHECK(sigismember(&back.sa_mask, SIGUSR2) == (blocked == SIGUSR2) && !sigismember(&back.sa_mask, SIGSEGV));
}

static void test_default_state(void)
{
	struct sigaction a;
	stack_t s;
	sigset_t m;
	CHECK(sigaction(SIGSEGV, NULL, &a) == 0 && a.sa_handler == SIG_DFL);
	CHECK(sigaction(SIGBUS, NULL, &a) == 0 && a.sa_handler == SIG_DFL);
	CHECK(sigaltstack(NULL, &s) == 0 && (s.ss_flags & SS_DISABLE));
	CHECK(sigprocmask(SIG_BLOCK, NULL, &m) == 0 && !sigismember(&m, SIGSEGV));
	CHECK(signal(SIGSEGV, jumping) == SIG_DFL && signal(SIGSEGV, SIG_DFL) == jumping);
	CHECK(sigaction(99, NULL, &a) == -1 && errno == EINVAL);
}

static void test_open_and_go_on(void)
{
	volatile double a = 1.25, b = 2.5;
	volatile long canary[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	close_page();
	set(SIGSEGV, opening, SA_SIGINFO, SIGUSR2);
	fp_sum = 2;
	double c = a * b;
	page[100] = 42;
	CHECK(calls == 1 && last_sig == SIGSEGV && last_code == SEGV_ACCERR && last_addr == page + 100 &&
	      page[100] == 42);
	CHECK(c == 3.125 && a * b == c && canary[0] == 1 && canary[7] == 8);
	CHECK(sigismember(&last_mask, SIGSEGV) && sigismember(&last_mask, SIGUSR2) &&
	      !sigismember(&last_mask, SIGUSR1));
	sigprocmask(SIG_SETMASK, NULL, &last_mask);
	CHECK(!sigismember(&last_mask, SIGSEGV) && !sigismember(&last_mask, SIGUSR2));
	char here;
	CHECK((uintptr_t)last_sp < (uintptr_t)&here &&
	      (uintptr_t)&here - (uintptr_t)last_sp < 100000); /* the ordinary stack */
	close_page();
	set(SIGSEGV, opening, SA_SIGINFO | SA_NODEFER, 0);
	page[5] = 1;
	CHECK(calls == 1 && !sigismember(&last_mask, SIGSEGV));
}

static void test_own_stack(void)
{
	stack_t s = { .ss_sp = own_stack, .ss_size = OWN_SIZE }, back, none = { .ss_flags = SS_DISABLE };
	CHECK(sigaltstack(&s, &back) == 0 && (back.ss_flags & SS_DISABLE));
	CHECK(sigaltstack(NULL, &back) == 0 && back.ss_sp == own_stack && back.ss_size == OWN_SIZE &&
	      back.ss_flags == 0);
	close_page();
	set(SIGSEGV, opening, SA_SIGINFO | SA_ONSTACK, 0);
	page[1] = 1;
	CHECK(calls == 1 && (char *)last_sp >= own_stack && (char *)last_sp < own_stack + OWN_SIZE);
	close_page();
	set(SIGSEGV, opening, SA_SIGINFO, 0);
	page[1] = 1;
	CHECK(calls == 1 && !((char *)last_sp >= own_stack && (char *)last_sp < own_stack + OWN_SIZE));
	CHECK(sigaltstack(&none, &back) == 0 && back.ss_sp == own_stack);
	CHECK(sigaltstack(NULL, &back) == 0 && (back.ss_flags & SS_DISABLE));
	s.ss_size = 100;
	CHECK(sigaltstack(&s, NULL) == -1 && errno == ENOMEM);
}

static void test_jumps(void)
{
	set(SIGSEGV, jumping, 0, 0);
	for (volatile int i = 0; i < 5; i++)
		if (!sigsetjmp(jump, 1)) {
			*(volatile int *)8 = i;
			CHECK(0);
		}
	for (volatile int i = 0; i < 5; i++)
		if (!sigsetjmp(jump, 0)) {
			*(volatile int *)8 = i;
			CHECK(0);
		} else {
			sigset_t m;
			sigprocmask(SIG_SETMASK, NULL, &m);
			CHECK(sigismember(&m, SIGSEGV)); /* the handler has not returned */
			sigemptyset(&m);
			sigaddset(&m, SIGSEGV);
			CHECK(sigprocmask(SIG_UNBLOCK, &m, NULL) == 0);
		}
}

static void test_resethand(void)
{
	struct sigaction a;
	close_page();
	set(SIGSEGV, opening, (int)(SA_SIGINFO | SA_RESETHAND), 0);
	page[0] = 1;
	CHECK(calls == 1 && sigaction(SIGSEGV, NULL, &a) == 0 && a.sa_handler == SIG_DFL);
}

static void test_context(void)
{
	close_page();
	set(SIGSEGV, skipping, SA_SIGINFO, 0);
	__asm__ volatile("movb (%%rax), %%al" : : "a"(page) : "memory");
	CHECK(calls == 1);
}

static void test_sent(void)
{
	sigset_t m, old, pending;
	siginfo_t info;
	set(SIGSEGV, opening, SA_SIGINFO, 0);
	calls = 0;
	raise(SIGSEGV);
	CHECK(calls == 1 && last_code == SI_TKILL);
	kill(getpid(), SIGSEGV);
	CHECK(calls == 2 && last_code == SI_USER);
	sigemptyset(&m);
	sigaddset(&m, SIGSEGV);
	sigaddset(&m, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &m, &old) == 0 && !sigismember(&old, SIGSEGV));
	CHECK(sigprocmask(SIG_BLOCK, NULL, &old) == 0 && sigismember(&old, SIGSEGV) && sigismember(&old, SIGUSR1));
	raise(SIGSEGV);
	CHECK(calls == 2);
	CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGSEGV));
	CHECK(sigwaitinfo(&m, &info) == SIGSEGV && calls == 2);
	raise(SIGSEGV);
	CHECK(calls == 2 && sigprocmask(SIG_UNBLOCK, &m, NULL) == 0 && calls == 3);
	signal(SIGSEGV, SIG_IGN);
	raise(SIGSEGV);
	CHECK(calls == 3);
}

static void test_onstack_without_stack(void)
{
	char here;
	struct sigaction a;
	memset(&a, 0, sizeof a);
	a.sa_sigaction = opening;
	a.sa_flags = SA_SIGINFO | SA_ONSTACK;
	sigfillset(&a.sa_mask);
	sigaction(SIGUSR1, &a, NULL);
	raise(SIGUSR1);
	CHECK((uintptr_t)last_sp < (uintptr_t)&here && (uintptr_t)&here - (uintptr_t)last_sp < 100000);
	CHECK(sigaction(SIGUSR1, NULL, &a) == 0 && (a.sa_flags & SA_ONSTACK) && sigismember(&a.sa_mask, SIGSEGV));
	signal(SIGUSR1, SIG_DFL);
}

static void *thread(void *arg)
{
	sigset_t m;
	stack_t s;
	CHECK(pthread_sigmask(SIG_BLOCK, NULL, &m) == 0 && sigismember(&m, SIGSEGV) == (arg != NULL));
	CHECK(pthread_sigmask(77, &m, NULL) == EINVAL);
	CHECK(sigaltstack(NULL, &s) == 0 && (s.ss_flags & SS_DISABLE));
	sigemptyset(&m);
	pthread_sigmask(SIG_SETMASK, &m, NULL);
	if (!sigsetjmp(jump, 1)) {
		*(volatile int *)16 = 1;
		CHECK(0);
	}
	return NULL;
}

static void test_threads(void)
{
	pthread_t t;
	sigset_t all, old;
	set(SIGSEGV, jumping, 0, 0);
	pthread_create(&t, NULL, thread, NULL);
	pthread_join(t, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_create(&t, NULL, thread, &t);
	pthread_join(t, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* How a child ends that does not handle the signal. */
static void test_deaths(void)
{
	for (int how = 0; how < 4; how++) {
		pid_t pid = fork();
		if (pid == 0) {
			signal(SIGSEGV, how == 2 ? SIG_IGN : SIG_DFL);
			if (how == 3) {
				set(SIGSEGV, jumping, 0, 0);
				raise(SIGKILL);
			}
			if (how == 1)
				kill(getpid(), SIGBUS);
			else
				raise(SIGSEGV);
			_exit(how == 2 ? 7 : 8);
		}
		int status;
		waitpid(pid, &status, 0);
		if (how == 2)
			CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
		else
			CHECK(WIFSIGNALED(status) && WTERMSIG(status) == (how == 0   ? SIGSEGV
			                                                  : how == 1 ? SIGBUS
			                                                             : SIGKILL));
	}
}

int main(void)
{
	page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	own_stack = malloc(OWN_SIZE);
	test_default_state();
	test_onstack_without_stack();
	test_open_and_go_on();
	test_own_stack();
	test_jumps();
	test_resethand();
	test_context();
	test_sent();
	test_threads();
	test_deaths();
	free(own_stack);
	if (!failed)
		puts("ok");
	return failed;
}
