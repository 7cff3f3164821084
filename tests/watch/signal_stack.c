/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/watch/signal_stack.c - a handler allocates while a signal has interrupted watched code, and the object is
 * overflowed later: the stack of its allocation goes on through the interrupted functions. */
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

static volatile sig_atomic_t signals;
static char *volatile got;

static void on_alarm(int sig)
{
	(void)sig;
	if (!got)
		got = malloc(40);
	signals++;
}

__attribute__((noinline)) static long spin(volatile long *p)
{
	long sum = 0;

	while (signals < 3)
		for (int i = 0; i < 1000; i++) {
			p[i % 8] += i;
			sum += p[(i + 3) % 8];
		}
	return sum;
}

int main(void)
{
	struct sigaction a = { .sa_handler = on_alarm };
	struct itimerval often = { { 0, 5000 }, { 0, 5000 } }, never = { { 0, 0 }, { 0, 0 } };
	long *p = calloc(8, sizeof(*p));

	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	spin(p);
	setitimer(ITIMER_REAL, &never, NULL);
	free(p);
	((volatile char *)got)[40] = 1;
	return 0;
}
