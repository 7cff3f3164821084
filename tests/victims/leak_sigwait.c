/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_sigwait.c - threads that wait for signals from before the first scan on: for all of them, at a
 * descriptor, and at last for the scan's own signal by its number
 *
 * expect: none
 * stderr: any
 * output: all EAGAIN descriptor none by name 61
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

__attribute__((weak)) size_t memsan_leak_check(void);

static sigset_t all;
static pthread_barrier_t started;

static void *wait_for_all(void *answer)
{
	struct timespec two = { 2, 0 };
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	pthread_barrier_wait(&started);
	int sig = sigtimedwait(&all, NULL, &two);
	sprintf(answer, "%s", sig > 0 ? "signal" : errno == EAGAIN ? "EAGAIN" : "?");
	return NULL;
}

static void *wait_at_descriptor(void *answer)
{
	struct pollfd p = { signalfd(-1, &all, SFD_NONBLOCK), POLLIN, 0 };
	struct signalfd_siginfo info;
	pthread_barrier_wait(&started);
	poll(&p, 1, 2000);
	strcpy(answer, read(p.fd, &info, sizeof(info)) > 0 ? "signal" : errno == EAGAIN ? "none" : "?");
	return NULL;
}

static void *wait_by_name(void *answer)
{
	sigset_t one;
	int sig = 0;
	sigemptyset(&one);
	sigaddset(&one, SIGRTMAX - 3);
	pthread_sigmask(SIG_BLOCK, &one, NULL);
	pthread_barrier_wait(&started);
	sigwait(&one, &sig);
	sprintf(answer, "%d", sig);
	return NULL;
}

static void scans(void)
{
	for (int i = 0; i < 8; i++) {
		memsan_leak_check();
		usleep(50000);
	}
}

int main(void)
{
	char answers[3][16];
	pthread_t a, b, c;
	sigfillset(&all);
	pthread_barrier_init(&started, NULL, 3);
	pthread_create(&a, NULL, wait_for_all, answers[0]);
	pthread_create(&b, NULL, wait_at_descriptor, answers[1]);
	pthread_barrier_wait(&started);
	usleep(200000);
	scans();
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	pthread_barrier_destroy(&started);
	pthread_barrier_init(&started, NULL, 2);
	pthread_create(&c, NULL, wait_by_name, answers[2]);
	pthread_barrier_wait(&started);
	usleep(100000);
	scans();
	if (pthread_kill(c, SIGRTMAX - 3) != 0)
		return 1;
	pthread_join(c, NULL);
	printf("all %s descriptor %s by name %s\n", answers[0], answers[1], answers[2]);
	return 0;
}
