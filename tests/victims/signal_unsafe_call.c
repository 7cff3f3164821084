/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/signal_unsafe_call.c - a signal handler allocates and frees while its thread is inside of malloc
 *
 * expect: signal-unsafe-call in=on_alarm
 * modes: check production
 */
#include <signal.h>
#include <stdlib.h>
#include <time.h>

static volatile sig_atomic_t handled;

static void on_alarm(int sig)
{
	(void)sig;
	handled++;
	free(malloc(10)); /* BAD */
}

int main(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	struct itimerspec every = { { 0, 50000 }, { 0, 50000 } };
	timer_t timer;

	signal(SIGALRM, on_alarm);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &every, NULL) != 0)
		return 1;
	while (handled < 3000) {
		void *volatile p = malloc(100);

		free(p);
	}
	return 0;
}
