/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_waits.c - scans interrupt every kind of wait again and again: none returns early or with EINTR,
 * and no signal is taken from or by the program
 *
 * expect: none
 * stderr: any
 * output: 0 wrong, handler default
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

__attribute__((weak)) size_t memsan_leak_check(void);

enum {
	POLL,
	PPOLL,
	SELECT,
	PSELECT,
	EPOLL,
	NANOSLEEP,
	CLOCK,
	ABSOLUTE,
	USLEEP,
	SLEEP,
	SIGTIMEDWAIT,
	SEM,
	COND,
	READ,
	SIGWAIT,
	PAUSE,
	NR
};
static char answers[NR][32];
static int pipe_fds[2];
static sigset_t usr1, all;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void on_usr2(int sig)
{
	(void)sig;
}

static int wait_by(int kind)
{
	struct timespec one = { 1, 0 }, end;
	struct timeval one_tv = { 1, 0 };
	struct epoll_event e;
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t c = PTHREAD_COND_INITIALIZER;
	sem_t s;
	char byte;
	int sig = 0, r;

	switch (kind) {
	case POLL:
		return poll(NULL, 0, 1000);
	case PPOLL:
		return ppoll(NULL, 0, &one, NULL);
	case SELECT:
		return select(0, NULL, NULL, NULL, &one_tv);
	case PSELECT:
		return pselect(0, NULL, NULL, NULL, &one, NULL);
	case EPOLL:
		return epoll_wait(epoll_create1(0), &e, 1, 1000);
	case NANOSLEEP:
		return nanosleep(&one, NULL);
	case CLOCK:
		return clock_nanosleep(CLOCK_MONOTONIC, 0, &one, NULL);
	case ABSOLUTE:
		clock_gettime(CLOCK_MONOTONIC, &end);
		end.tv_sec++;
		return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
	case USLEEP:
		return usleep(1000000);
	case SLEEP:
		return (int)sleep(1);
	case SIGTIMEDWAIT:
		return sigtimedwait(&all, NULL, &one);
	case SEM:
		sem_init(&s, 0, 0);
		clock_gettime(CLOCK_REALTIME, &end);
		end.tv_sec++;
		return sem_timedwait(&s, &end);
	case COND:
		clock_gettime(CLOCK_REALTIME, &end);
		end.tv_sec++;
		pthread_mutex_lock(&m);
		errno = r = pthread_cond_timedwait(&c, &m, &end);
		return r ? -1 : 0;
	case READ:
		return (int)read(pipe_fds[0], &byte, 1);
	case SIGWAIT:
		return sigwait(&usr1, &sig) ? -1 : sig;
	default:
		return pause();
	}
}

static void *waiter(void *arg)
{
	int kind = (int)(size_t)arg, r;
	sigset_t none;
	sigemptyset(&none);
	/* One thread blocks every signal and waits for all, as a thread for signals does. */
	pthread_sigmask(SIG_SETMASK, kind == SIGTIMEDWAIT ? &all : kind == SIGWAIT ? &usr1 : &none, NULL);
	double began = now();
	errno = 0;
	r = wait_by(kind);
	int e = errno;
	double took = now() - began;
	if (took < 0.95 || took > 8)
		sprintf(answers[kind], "after %.3f", took);
	else if (r < 0)
		sprintf(answers[kind], "%s",
		        e == EINTR       ? "EINTR"
		        : e == EAGAIN    ? "EAGAIN"
		        : e == ETIMEDOUT ? "ETIMEDOUT"
		                         : "?");
	else
		sprintf(answers[kind], "%d", r);
	return NULL;
}

int main(void)
{
	static const struct {
		const char *name, *answer;
	} expected[NR] = {
		{ "poll", "0" },
		{ "ppoll", "0" },
		{ "select", "0" },
		{ "pselect", "0" },
		{ "epoll_wait", "0" },
		{ "nanosleep", "0" },
		{ "clock_nanosleep", "0" },
		{ "clock_nanosleep until", "0" },
		{ "usleep", "0" },
		{ "sleep", "0" },
		{ "sigtimedwait", "EAGAIN" },
		{ "sem_timedwait", "ETIMEDOUT" },
		{ "pthread_cond_timedwait", "ETIMEDOUT" },
		{ "read", "1" },
		{ "sigwait", "10" },
		{ "pause", "EINTR" },
	};
	int wrong = 0;
	pthread_t t[NR];
	struct sigaction old;
	sigfillset(&all);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	signal(SIGUSR2, on_usr2);
	if (pipe(pipe_fds) != 0)
		return 1;
	for (size_t i = 0; i < NR; i++)
		pthread_create(&t[i], NULL, waiter, (void *)i);
	for (int i = 0; i < 12; i++) {
		memsan_leak_check();
		double until = now() + 0.1;
		while (now() < until)
			;
	}
	pthread_kill(t[SIGWAIT], SIGUSR1);
	if (write(pipe_fds[1], "x", 1) != 1)
		return 1;
	pthread_kill(t[PAUSE], SIGUSR2);
	for (size_t i = 0; i < NR; i++)
		pthread_join(t[i], NULL);
	for (size_t i = 0; i < NR; i++) {
		if (strcmp(answers[i], expected[i].answer) == 0)
			continue;
		wrong++;
		printf("%s: %s, expected %s; ", expected[i].name, answers[i], expected[i].answer);
	}
	sigaction(SIGRTMAX - 3, NULL, &old);
	printf("%d wrong, handler %s\n", wrong, old.sa_handler == SIG_DFL ? "default" : "seen");
	return 0;
}
