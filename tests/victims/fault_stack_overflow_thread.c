/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_stack_overflow_thread.c - an endless recursion in a thread that never allocates and blocks all
 * signals
 *
 * expect: stack-overflow type=write
 * modes: check production
 * status: 99
 */
#include <pthread.h>
#include <signal.h>

static int deep(int n)
{
	volatile char a[200];
	a[0] = (char)n;
	return n ? deep(n + 1) + a[0] : 0;
}
static void *body(void *arg)
{
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, 0);
	return (void *)(long)deep(1);
}

int main(int argc, char **argv)
{
	pthread_t t;
	pthread_create(&t, 0, body, 0);
	pthread_join(t, 0);
	return argc > 5;
}
