/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/reentry/program.c - signal handlers that call malloc while their thread is inside of malloc.
 *
 *     program CASE MILLISECONDS
 *
 * Each object is filled with its own byte and checked when it is freed: no object may be given out twice. */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OBJECTS 64
#define THREADS 3

struct object {
	unsigned char *p;
	size_t size;
	unsigned char fill;
};
struct worker {
	struct object main[OBJECTS], handler[OBJECTS];
	unsigned random_main, random_handler;
	unsigned long handled;
};
static __thread struct worker *me;
static struct worker workers[THREADS];
static pthread_t threads[THREADS];
static volatile sig_atomic_t stop;
static unsigned ms;
static double began;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

static void die(const char *text)
{
	if (write(1, text, strlen(text)) < 0)
		_exit(98);
	_exit(99);
}

static unsigned next(unsigned *r)
{
	*r = *r * 1103515245 + 12345;
	return *r >> 8;
}

static size_t pick_size(unsigned *r)
{
	static const size_t top[] = { 64, 64, 300, 2000, 40000, 200000 };

	return 1 + next(r) % top[next(r) % 6];
}

static void check(const struct object *o)
{
	size_t at[] = { 0, o->size / 2, o->size - 1 };

	for (int i = 0; i < 3; i++)
		if (o->p[at[i]] != o->fill)
			die("an object has changed\n");
}

static void fill(struct object *o, unsigned *r)
{
	if (!o->p)
		die("no memory\n");
	o->fill = (unsigned char)next(r);
	memset(o->p, o->fill, o->size);
}

static void step(struct object *o, unsigned *r)
{
	size_t old = o->size;

	if (!o->p) {
		o->size = pick_size(r);
		o->p = next(r) % 4 ? malloc(o->size) : calloc(1, o->size);
		fill(o, r);
	} else if (next(r) % 4 == 0) {
		check(o);
		o->size = pick_size(r);
		o->p = realloc(o->p, o->size);
		if (!o->p)
			die("no memory\n");
		if (o->p[0] != o->fill || o->p[(o->size < old ? o->size : old) - 1] != o->fill)
			die("realloc lost bytes\n");
		fill(o, r);
	} else {
		check(o);
		if (malloc_usable_size(o->p) < o->size)
			die("malloc_usable_size is too small\n");
		free(o->p);
		o->p = NULL;
	}
}

/* What the handler frees was allocated by a handler, or by the main loop long ago, and the other way round. */
static void on_signal(int sig)
{
	struct worker *w = me;

	(void)sig;
	if (!w)
		return;
	for (int i = 0; i < 4; i++)
		step(&w->handler[next(&w->random_handler) % OBJECTS], &w->random_handler);
	w->handled++;
}

static void work(struct worker *w)
{
	sigset_t set, old;

	me = w;
	w->random_main = (unsigned)(w - workers) * 7 + 1;
	w->random_handler = w->random_main + 3;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigaddset(&set, SIGUSR1);
	for (unsigned long n = 0; !stop; n++) {
		step(&w->main[next(&w->random_main) % OBJECTS], &w->random_main);
		if (n % 64)
			continue;
		/* An object of the handler's, freed by the main loop. */
		pthread_sigmask(SIG_BLOCK, &set, &old);
		step(&w->handler[next(&w->random_main) % OBJECTS], &w->random_main);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		if (now() - began > ms)
			break;
	}
	me = NULL;
	for (int i = 0; i < OBJECTS; i++) {
		free(w->main[i].p);
		free(w->handler[i].p);
	}
}

static void *work_thread(void *w)
{
	work(w);
	return NULL;
}

static void start_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	struct itimerspec every = { { 0, 50000 }, { 0, 50000 } };
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &every, NULL) != 0)
		die("no timer\n");
}

static void do_alarm(void)
{
	start_timer();
	work(&workers[0]);
}

static void do_threads(void)
{
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work_thread, &workers[i]);
	while (now() - began < ms)
		for (int i = 0; i < THREADS; i++)
			pthread_kill(threads[i], SIGUSR1);
	stop = 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

/* ---- handlers that do not return ------------------------------------------------------------- */

static void churn(void)
{
	for (;;) {
		void *volatile p = malloc(100);

		free(p);
	}
}

static void on_exit_signal(int sig)
{
	(void)sig;
	free(malloc(10));
	exit(0);
}

static void do_exit(void)
{
	signal(SIGALRM, on_exit_signal);
	start_timer();
	churn();
}

static void on_thread_exit(int sig)
{
	(void)sig;
	free(malloc(10));
	pthread_exit(NULL);
}

static void *churn_thread(void *unused)
{
	churn();
	return unused;
}

/* What such a thread held may stay locked, so no other thread allocates here. */
static void do_thread_exit(void)
{
	pthread_t t;
	struct timespec moment = { 0, 20000000 };

	signal(SIGUSR1, on_thread_exit);
	pthread_create(&t, NULL, churn_thread, NULL);
	nanosleep(&moment, NULL);
	pthread_kill(t, SIGUSR1);
	pthread_join(t, NULL);
	_exit(0);
}

static void on_fork_signal(int sig)
{
	pid_t pid = fork();

	(void)sig;
	if (pid == 0) {
		free(malloc(10));
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	if (now() - began > ms)
		_exit(0);
}

static void do_fork(void)
{
	signal(SIGALRM, on_fork_signal);
	start_timer();
	churn();
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "alarm", do_alarm }, { "threads", do_threads }, { "exit", do_exit }, { "thread_exit", do_thread_exit },
	{ "fork", do_fork },
};

int main(int argc, char **argv)
{
	unsigned long handled = 0;

	signal(SIGALRM, on_signal);
	signal(SIGUSR1, on_signal);
	began = now();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (argc < 3) {
			puts(cases[i].name);
		} else if (strcmp(argv[1], cases[i].name) == 0) {
			ms = (unsigned)atoi(argv[2]);
			cases[i].run();
		}
	}
	stop = 1;
	for (int i = 0; i < THREADS; i++)
		handled += workers[i].handled;
	if (argc > 2)
		fprintf(stderr, "handled %lu\n", handled);
	fflush(stdout);
	_exit(argc > 2 && handled == 0);
}
