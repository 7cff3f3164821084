/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/early/strict.c - deep recursions on every kind of stack, where only parts of the shadow are writable: the first
 * thread's stack, other threads', a coroutine's, a signal's.  An argument adds a heap overflow at the end. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define STACK ((size_t)8 << 20)

static ucontext_t back, coroutine;

static int deep(int n)
{
	volatile char a[3000];
	memset((char *)a, n, sizeof(a));
	return n ? deep(n - 1) + a[5] : 1;
}
static void in_coroutine(void)
{
	deep(600);
	swapcontext(&coroutine, &back);
}
static void *in_thread(void *p)
{
	deep(900);
	return p;
}
static void in_signal(int sig)
{
	deep(sig);
}
static void *stack(void)
{
	return mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
int main(int argc, char **argv)
{
	pthread_t threads[8];
	(void)argv;
	deep(2000);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, in_thread, NULL);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	getcontext(&coroutine);
	coroutine.uc_stack.ss_sp = stack();
	coroutine.uc_stack.ss_size = STACK;
	makecontext(&coroutine, in_coroutine, 0);
	swapcontext(&back, &coroutine);
	stack_t ss = { .ss_sp = stack(), .ss_size = STACK };
	struct sigaction sa = { .sa_handler = in_signal, .sa_flags = SA_ONSTACK };
	sigfillset(&sa.sa_mask);
	sigaltstack(&ss, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	char *p = malloc(100);
	for (int i = 0; i < 1000; i++)
		free(malloc(5000));
	if (argc > 1)
		((volatile char *)p)[100] = 1;
	free(p);
	puts("end");
	return 0;
}
