/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_signal_masks.c - masks that change without a call of sigprocmask: by the end of a handler,
 * siglongjmp, swapcontext, a new thread, a system call.  A fault that the program does not block reaches its handler,
 * and the program always sees its true mask.
 *
 * expect: none
 * modes: check production
 * flags: -pthread
 * output: ok
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static int failed;
#define CHECK(x)                                               \
	do {                                                   \
		if (!(x)) {                                    \
			printf("line %d: %s\n", __LINE__, #x); \
			failed = 1;                            \
		}                                              \
	} while (0)

static volatile char *page;
static volatile int calls;
static sigjmp_buf jump;
static ucontext_t here, there;
static char stack[65536];

static void opening(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	(void)context;
	calls++;
	mprotect((char *)page, 4096, PROT_READ | PROT_WRITE);
}

/* Like V8's handler of faults in WebAssembly: it unblocks faults for a while. */
static void reopening(int sig, siginfo_t *info, void *context)
{
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	pthread_sigmask(SIG_UNBLOCK, &set, &old);
	CHECK(sigismember(&old, SIGSEGV));
	opening(sig, info, context);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void block_all(void)
{
	sigset_t set;
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void blocking(int sig)
{
	(void)sig;
	block_all();
}

static void blocking_and_jumping(int sig)
{
	(void)sig;
	block_all();
	siglongjmp(jump, 1);
}

static void coroutine(void)
{
	block_all();
	swapcontext(&there, &here);
}

static void expect_open(int line)
{
	int before = calls;
	sigset_t set;
	sigprocmask(SIG_BLOCK, NULL, &set);
	if (sigismember(&set, SIGSEGV) || sigismember(&set, SIGSTKFLT))
		printf("line %d: seems blocked\n", line);
	mprotect((char *)page, 4096, PROT_NONE);
	page[1] = 1;
	if (calls != before + 1)
		printf("line %d: %d calls\n", line, calls - before);
}

static void *thread(void *arg)
{
	unsigned long none = 0;
	sigset_t set;
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	CHECK(sigismember(&set, SIGSEGV) && sigismember(&set, SIGBUS) && sigismember(&set, SIGSTKFLT));
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
	expect_open(__LINE__);
	return arg;
}

int main(void)
{
	struct sigaction a;
	sigset_t set, old;
	pthread_t t;

	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(&a, 0, sizeof(a));
	a.sa_flags = SA_SIGINFO;
	a.sa_sigaction = reopening;
	sigaction(SIGSEGV, &a, NULL);
	for (int i = 0; i < 3; i++)
		expect_open(__LINE__);
	a.sa_sigaction = opening;
	sigaction(SIGSEGV, &a, NULL);
	signal(SIGUSR1, blocking);
	raise(SIGUSR1);
	expect_open(__LINE__);
	signal(SIGUSR1, blocking_and_jumping);
	if (!sigsetjmp(jump, 1))
		raise(SIGUSR1);
	expect_open(__LINE__);
	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = sizeof(stack);
	makecontext(&there, coroutine, 0);
	swapcontext(&here, &there);
	expect_open(__LINE__);
	sigfillset(&set);
	pthread_sigmask(SIG_SETMASK, &set, &old);
	pthread_create(&t, NULL, thread, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_join(t, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	sigprocmask(SIG_BLOCK, &set, NULL);
	expect_open(__LINE__);
	sigprocmask(SIG_UNBLOCK, &set, &old);
	CHECK(sigismember(&old, SIGBUS) && !sigismember(&old, SIGSEGV));
	puts(failed ? "failed" : "ok");
	return failed;
}
