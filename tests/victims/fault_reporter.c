/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_reporter.c - crash reporters: memsan reports a fault whichever way its handler ends the program,
 * but no fault that the program recovers from or after which it ends in success
 *
 * modes: check production
 * expect: null-ptr-deref in=exits type=write access=4
 * expect: null-ptr-deref in=exits_at_once type=write access=4
 * expect: null-ptr-deref in=aborts type=write access=4
 * expect: null-ptr-deref in=raises type=write access=4
 * expect: null-ptr-deref in=raises_past_libc type=write access=4
 * expect: null-ptr-deref in=returns type=write access=4
 * expect: null-ptr-deref in=kills type=write access=4
 * expect: null-ptr-deref in=kills_later type=write access=4
 * expect: null-ptr-deref in=faults_again type=write access=4
 * expect: null-ptr-deref in=handler type=write access=4
 * expect: null-ptr-deref in=forks type=write access=4
 * expect: stack-overflow in=recurse
 * stderr: any
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum way {
	EXITS,
	EXITS_AT_ONCE,
	ABORTS,
	RAISES,
	RAISES_PAST_LIBC,
	RETURNS,
	KILLS,
	KILLS_LATER,
	FAULTS_AGAIN,
	FORKS,
	OVERFLOWS,
	JUMPS,
	REPAIRS,
	SUCCEEDS,
	WAYS
};

static enum way way;
static sigjmp_buf jump;
static char *page;

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	switch (way) {
	case EXITS:
	case OVERFLOWS:
		exit(3);
	case EXITS_AT_ONCE:
		_exit(3);
	case ABORTS:
		abort();
	case RAISES:
		signal(sig, SIG_DFL);
		raise(sig);
		break;
	case RAISES_PAST_LIBC:
		signal(sig, SIG_DFL);
		syscall(SYS_tgkill, getpid(), gettid(), sig);
		break;
	case RETURNS:
		signal(sig, SIG_DFL);
		break;
	case KILLS:
		kill(getpid(), SIGKILL);
		break;
	case KILLS_LATER:
		kill(getpid(), SIGTERM);
		pause();
		break;
	case FAULTS_AGAIN:
		*(volatile int *)32 = 1; /* BAD */
		break;
	case FORKS:
		if (fork() == 0)
			_exit(127);
		wait(NULL);
		_exit(4);
	case JUMPS:
		siglongjmp(jump, 1);
	case REPAIRS:
		mprotect(page, 4096, PROT_READ | PROT_WRITE);
		break;
	default:
		exit(0);
	}
}

/* A function each, because memsan reports each place only once. */
#define FAULTING(name)                                   \
	__attribute__((noinline)) static void name(void) \
	{                                                \
		*(volatile int *)16 = 1;                 \
	}
FAULTING(exits)            /* BAD */
FAULTING(exits_at_once)    /* BAD */
FAULTING(aborts)           /* BAD */
FAULTING(raises)           /* BAD */
FAULTING(raises_past_libc) /* BAD */
FAULTING(returns)          /* BAD */
FAULTING(kills)            /* BAD */
FAULTING(kills_later)      /* BAD */
FAULTING(faults_again)     /* BAD */
FAULTING(forks)            /* BAD */
FAULTING(jumps)            /* BAD */
FAULTING(succeeds)         /* BAD */

__attribute__((noinline)) static void repairs(void)
{
	*(volatile int *)page = 1;
}

__attribute__((noinline)) static int recurse(int n)
{
	volatile char room[4096]; /* BAD */

	room[n & 4095] = 1;                     /* BAD */
	return recurse(n + 1) + room[n & 4095]; /* BAD */
}
static void overflows(void)
{
	recurse(0);
}

/* Uses the place of the handler's frame again, for a stack that looks much like the one before. */
__attribute__((noinline)) static int deep(int n)
{
	char room[1000];

	memset(room, n, sizeof(room));
	__asm__ volatile("" : : "r"(room) : "memory");
	if (n == 0)
		exit(5);
	return deep(n - 1) + room[0];
}

static void (*const faults[])(void) = { exits,     exits_at_once, aborts,      raises,       raises_past_libc,
	                                returns,   kills,         kills_later, faults_again, forks,
	                                overflows, jumps,         repairs,     succeeds };

static void child(int own_stack)
{
	struct sigaction action;
	stack_t stack = { .ss_sp = malloc(1 << 16), .ss_size = 1 << 16 };

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = handler;
	action.sa_flags = SA_SIGINFO | (own_stack ? SA_ONSTACK : 0);
	if (own_stack)
		sigaltstack(&stack, NULL);
	page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	if (sigsetjmp(jump, 1) == 0)
		faults[way]();
	deep(20);
}

int main(void)
{
	for (way = 0; way < WAYS; way++) {
		if (fork() == 0)
			child(way % 2 == 1 || way == OVERFLOWS);
		wait(NULL);
	}
	return 0;
}
