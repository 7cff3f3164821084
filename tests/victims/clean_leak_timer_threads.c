/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_leak_timer_threads.c - a scan at exit meets threads of a timer, which libc starts with signals
 * blocked: they are waited for
 *
 * expect: none
 * options: leak=on
 * ways: preload
 * output: ok
 */
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static sem_t done;

static void notify(union sigval v)
{
	(void)v;
	for (int i = 0; i < 50; i++)
		free(malloc((size_t)i * 60 + 1));
	sem_post(&done);
}

int main(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = notify };
	struct itimerspec each = { { 0, 1000000 }, { 0, 1000000 } };
	timer_t timer;

	sem_init(&done, 0, 0);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &each, NULL) != 0)
		return 1;
	for (int i = 0; i < 20; i++)
		sem_wait(&done);
	timer_delete(timer);
	puts("ok");
	return 0;
}
