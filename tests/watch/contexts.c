/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/watch/contexts.c - what handlers of signals see of the code that they interrupted, and what they do to it.
 * Prints the same watched and not watched.
 *
 *     contexts CASE */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <execinfo.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define PC(uc) ((uintptr_t)((ucontext_t *)(uc))->uc_mcontext.gregs[REG_RIP])
#define SP(uc) (((ucontext_t *)(uc))->uc_mcontext.gregs[REG_RSP])
#define SIGNALS 400

static volatile sig_atomic_t signals, outside, traces;
static long cells[80];

static bool known(uintptr_t pc)
{
	Dl_info info;

	return dladdr((void *)pc, &info) != 0;
}

/* ---- something that is interrupted ----------------------------------------------------------- */

__attribute__((noinline)) static long leaf(long *p, long i)
{
	p[i & 63] += i;
	return p[(i * 7) & 63];
}

__attribute__((noinline)) static long branches(long *p, long i)
{
	switch (i % 7) {
	case 0:
		return p[i & 63] + 1;
	case 1:
		p[(i + 1) & 63] ^= 5;
		return p[3];
	case 2:
		return leaf(p, i + 1);
	case 3:
		p[9]++;
		return p[i & 31] * 3;
	case 4:
		return leaf(p, i) + leaf(p, i + 3);
	default:
		return p[(i >> 3) & 63];
	}
}

__attribute__((noinline)) static long work(long *p, long rounds)
{
	long sum = 0;

	for (long i = 0; i < rounds; i++) {
		sum += leaf(p, i) ^ branches(p, i);
		p[5] += sum & 3;
	}
	return sum;
}

static long result(void)
{
	long *p = calloc(64, sizeof(*p)), sum = work(p, 20000);

	free(p);
	return sum;
}

/* Works until enough signals came; the result must be the same each time. */
static void work_on(void)
{
	long right = result();
	int wrong = 0;

	signals = 0;
	while (signals < SIGNALS)
		wrong += result() != right;
	printf("wrong results: %d\n", wrong);
}

static void timer(int which, int us)
{
	struct itimerval t = { { 0, us }, { 0, us } };

	setitimer(which, &t, NULL);
}

static void handle(int sig, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction a = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

	sigaction(sig, &a, NULL);
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void on_tick(int sig, siginfo_t *info, void *uc)
{
	void *frames[64];
	bool found = false;
	int n;

	(void)sig, (void)info;
	outside += !known(PC(uc));
	n = backtrace(frames, 64);
	for (int i = 0; i < n; i++)
		found |= frames[i] == __builtin_extract_return_addr(*(void **)cells);
	traces += found;
	signals++;
}

/* backtrace() in a handler comes to main's caller. */
static void profile(void)
{
	static const int timers[][2] = { { ITIMER_REAL, SIGALRM },
		                         { ITIMER_VIRTUAL, SIGVTALRM },
		                         { ITIMER_PROF, SIGPROF } };
	void *warm[4];

	backtrace(warm, 4);
	for (int i = 0; i < 3; i++) {
		outside = traces = 0;
		handle(timers[i][1], on_tick, SA_RESTART);
		timer(timers[i][0], 300);
		work_on();
		timer(timers[i][0], 0);
		printf("outside: %d, all traces whole: %d\n", (int)outside, traces >= signals);
	}
}

static volatile uintptr_t wanted;
static volatile int length;

static void on_fault(int sig, siginfo_t *info, void *uc)
{
	printf("%s: pc %d, si_addr %d, si_code %d\n", strsignal(sig), PC(uc) == wanted + (sig == SIGTRAP),
	       sig == SIGTRAP || (uintptr_t)info->si_addr == wanted, info->si_code);
	((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP] += length;
}

/* The instruction at `wanted` is skipped. */
__attribute__((noinline)) static long faults(volatile long *p)
{
	long sum = p[1], pc;

	__asm__ volatile("leaq 1f(%%rip), %0\n\tmovq %0, wanted_pc(%%rip)\n1:\tud2" : "=r"(pc)::"memory");
	sum += p[2];
	return sum + p[3];
}

__attribute__((noinline)) static long divides(volatile long *p)
{
	long sum = p[1], pc, high = 0, low = 7;

	__asm__ volatile("leaq 1f(%%rip), %0\n\tmovq %0, wanted_pc(%%rip)\n1:\tidivq %3"
	                 : "=&r"(pc), "+d"(high), "+a"(low)
	                 : "r"(0l)
	                 : "memory");
	return sum + p[3];
}

__attribute__((noinline)) static long traps(volatile long *p)
{
	long sum = p[1], pc;

	__asm__ volatile("leaq 1f(%%rip), %0\n\tmovq %0, wanted_pc(%%rip)\n1:\tint3" : "=r"(pc)::"memory");
	return sum + p[3];
}
extern volatile uintptr_t wanted_pc __attribute__((alias("wanted")));

static void instructions(void)
{
	long *p = calloc(8, sizeof(*p));

	handle(SIGILL, on_fault, 0);
	handle(SIGFPE, on_fault, 0);
	handle(SIGTRAP, on_fault, 0);
	for (int i = 0; i < 3; i++) {
		length = 2;
		faults(p);
		length = 3;
		divides(p);
		length = 0;
		traps(p);
	}
	free(p);
}

extern char switch_point[];
static volatile long switches __attribute__((used));
__asm__(".text\n"
        ".globl switch_point\n"
        ".type switch_point, @function\n"
        "switch_point:\n"
        "pushfq\n"
        "pushq %rax\n"
        "incq switches(%rip)\n"
        "popq %rax\n"
        "popfq\n"
        "ret $128\n"
        ".size switch_point, . - switch_point\n");

/* As runtimes that preempt do: a call of a function is put in front of the interrupted instruction. */
static void on_preempt(int sig, siginfo_t *info, void *uc)
{
	(void)sig, (void)info;
	signals++;
	SP(uc) -= 128 + 8;
	*(uintptr_t *)SP(uc) = PC(uc);
	((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)switch_point;
}

static void preempt(void)
{
	handle(SIGURG, on_preempt, SA_RESTART);
	handle(SIGALRM, on_preempt, SA_RESTART);
	timer(ITIMER_REAL, 200);
	work_on();
	timer(ITIMER_REAL, 0);
	printf("every signal went through: %d\n", switches >= signals); /* it counts earlier ones too */
}

static sigjmp_buf back;

static void on_jump(int sig, siginfo_t *info, void *uc)
{
	(void)sig, (void)info, (void)uc;
	signals++;
	siglongjmp(back, 1);
}

static void jumps(void)
{
	long right = result();

	handle(SIGALRM, on_jump, 0);
	sigsetjmp(back, 1);
	timer(ITIMER_REAL, signals < SIGNALS ? 300 : 0);
	while (signals < SIGNALS)
		work(cells + 8, 10);
	printf("goes on: %d\n", result() == right);
}

static void plain_handler(int sig)
{
	signals += sig == SIGUSR1;
}

static volatile char *stack_low;
static volatile bool on_it;

static void on_stack(int sig, siginfo_t *info, void *uc)
{
	volatile char here;

	(void)sig, (void)uc;
	on_it = &here >= stack_low && &here < stack_low + 65536 && info->si_signo == SIGUSR2 &&
	        info->si_pid == getpid();
}

static void actions(void)
{
	struct sigaction a = { .sa_handler = plain_handler, .sa_flags = SA_RESETHAND | SA_NODEFER }, old;
	stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };

	sigaddset(&a.sa_mask, SIGUSR2);
	sigaction(SIGUSR1, &a, NULL);
	sigaction(SIGUSR1, NULL, &old);
	printf("as it was set: %d %d %d\n", old.sa_handler == plain_handler, old.sa_flags & 0x7fffffff & ~0x04000000,
	       sigismember(&old.sa_mask, SIGUSR2));
	raise(SIGUSR1);
	sigaction(SIGUSR1, NULL, &old);
	printf("once: %d %d\n", (int)signals, old.sa_handler == SIG_DFL);
	printf("signal: %d %d %d\n", signal(SIGUSR1, plain_handler) == SIG_DFL,
	       signal(SIGUSR1, SIG_IGN) == plain_handler, signal(SIGUSR1, SIG_DFL) == SIG_IGN);
	printf("refused: %d %d %d\n", signal(SIGKILL, plain_handler) == SIG_ERR, signal(0, plain_handler) == SIG_ERR,
	       signal(65, SIG_IGN) == SIG_ERR);
	printf("defaults: %d %d %d\n", signal(SIGILL, plain_handler) == SIG_DFL,
	       signal(SIGILL, SIG_DFL) == plain_handler, signal(SIGFPE, SIG_DFL) == SIG_DFL);
	siginterrupt(SIGUSR1, 1);
	signal(SIGUSR1, plain_handler);
	sigaction(SIGUSR1, NULL, &old);
	printf("siginterrupt: %d\n", !(old.sa_flags & SA_RESTART));
	stack_low = stack.ss_sp;
	sigaltstack(&stack, NULL);
	handle(SIGUSR2, on_stack, SA_ONSTACK);
	kill(getpid(), SIGUSR2);
	printf("on its stack: %d\n", on_it);
}

/* Each child ends by the signal. */
static void deaths(void)
{
	static const int signals_of[] = { SIGILL, SIGFPE, SIGTRAP };
	long *p = calloc(8, sizeof(*p));

	for (int i = 0; i < 6; i++) {
		struct rlimit none = { 0, 0 };
		pid_t child = fork();
		int status = 0;

		if (child == 0) {
			setrlimit(RLIMIT_CORE, &none);
			if (i == 0)
				faults(p);
			else if (i == 1)
				divides(p);
			else if (i == 2)
				traps(p);
			kill(getpid(), signals_of[i - 3]);
			_exit(1);
		}
		waitpid(child, &status, 0);
		printf("%d: signal %d\n", i, WIFSIGNALED(status) ? WTERMSIG(status) : -1);
	}
	free(p);
}

/* For a core file. */
static void dies(void)
{
	divides(cells);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = { { "profile", profile }, { "instructions", instructions }, { "preempt", preempt },
		      { "jumps", jumps },     { "actions", actions },           { "deaths", deaths },
		      { "dies", dies } };

	setvbuf(stdout, NULL, _IONBF, 0);
	*(void **)cells = __builtin_return_address(0);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (argc > 1 && strcmp(argv[1], cases[i].name) == 0)
			cases[i].run();
	return 0;
}
