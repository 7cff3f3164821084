/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/live/limits.c - one wait with a limit for each thread, through libc. The test scans until the program has
 * ended: a wait that begins anew after a scan does not end as long as scans come. */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 3

static const char *const names[] = {
	"poll",    "ppoll",     "epoll_wait",      "epoll_pwait", "epoll_pwait2",  "select",
	"pselect", "nanosleep", "clock_nanosleep", "sleep",       "sem_timedwait", "semtimedop",
};
#define NR (sizeof(names) / sizeof(names[0]))

static void wait_for(const char *name)
{
	struct timespec t = { SECONDS, 0 }, until;
	struct timeval tv = { SECONDS, 0 };
	struct sembuf one = { .sem_op = -1 };
	struct epoll_event e;
	sigset_t none;
	sem_t sem;

	sigemptyset(&none);
	if (strcmp(name, "poll") == 0)
		poll(NULL, 0, SECONDS * 1000);
	else if (strcmp(name, "ppoll") == 0)
		ppoll(NULL, 0, &t, &none);
	else if (strcmp(name, "epoll_wait") == 0)
		epoll_wait(epoll_create1(0), &e, 1, SECONDS * 1000);
	else if (strcmp(name, "epoll_pwait") == 0)
		epoll_pwait(epoll_create1(0), &e, 1, SECONDS * 1000, &none);
	else if (strcmp(name, "epoll_pwait2") == 0)
		epoll_pwait2(epoll_create1(0), &e, 1, &t, &none);
	else if (strcmp(name, "select") == 0)
		select(0, NULL, NULL, NULL, &tv);
	else if (strcmp(name, "pselect") == 0)
		pselect(0, NULL, NULL, NULL, &t, &none);
	else if (strcmp(name, "nanosleep") == 0)
		nanosleep(&t, NULL);
	else if (strcmp(name, "clock_nanosleep") == 0)
		clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	else if (strcmp(name, "sleep") == 0)
		sleep(SECONDS);
	else if (strcmp(name, "semtimedop") == 0) {
		int id = semget(IPC_PRIVATE, 1, 0600);

		semtimedop(id, &one, 1, &t);
		semctl(id, 0, IPC_RMID);
	} else {
		sem_init(&sem, 0, 0);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += SECONDS;
		sem_timedwait(&sem, &until);
	}
}

static void *waiter(void *name)
{
	wait_for(name);
	printf("%s\n", (const char *)name);
	fflush(stdout);
	return NULL;
}

int main(void)
{
	pthread_t t[NR];

	for (size_t i = 0; i < NR; i++)
		pthread_create(&t[i], NULL, waiter, (void *)names[i]);
	puts("ready");
	fflush(stdout);
	for (size_t i = 0; i < NR; i++)
		pthread_join(t[i], NULL);
	return 0;
}
