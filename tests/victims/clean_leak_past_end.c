/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_leak_past_end.c - objects of which the program holds only the address one past the end, or that
 * only the kernel holds: data of epoll, values of timers
 *
 * expect: none
 * modes: check production
 * options: leak=on
 * output: ok
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static char *volatile ends[80];

static void past_ends(void)
{
	for (unsigned i = 0; i < 80; i++) {
		size_t n = i < 60 ? 64 * (i + 1) : 65536 * (i - 59);

		ends[i] = (char *)malloc(n) + n;
	}
}

static void data_of_epoll(void)
{
	int poll = epoll_create1(0);

	for (int i = 0; i < 100; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = malloc(100) };
		int fd = eventfd(0, 0);

		*(int *)event.data.ptr = fd;
		if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) != 0)
			perror("epoll_ctl");
		event.data.ptr = NULL;
	}
}

static void values_of_timers(void)
{
	for (int i = 0; i < 50; i++) {
		struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
		timer_t timer;

		event.sigev_value.sival_ptr = malloc(90);
		if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
			perror("timer_create");
		memset(&event, 0, sizeof(event));
	}
}

static void clear_stack(void)
{
	volatile char bytes[8192];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = 0;
}

int main(void)
{
	past_ends();
	data_of_epoll();
	/* Not every kernel tells the timers of a process. */
	if (access("/proc/self/timers", R_OK) == 0)
		values_of_timers();
	clear_stack();
	puts("ok");
	return 0;
}
