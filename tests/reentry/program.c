/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/reentry/program.c - signal handlers that call malloc while their thread is inside of malloc.
 *
 *     program CASE MILLISECONDS
 *
 * Each object is filled with its own byte and checked when it is freed: no object may be given out twice. */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
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

/* ---- threads that never come back ------------------------------------------------------------ */

/* A thread steps through mallocs and frees, and at instruction N a handler parks it for ever, or ends it. The heap's
 * locks may be taken at that time. All that the program does then is to end. So it ends with any malloc; a parked
 * thread has called nothing that is not safe in a signal handler. Each N has a process of its own; they are spread over
 * all instructions. */
#define POINTS 32
#define ROUNDS 50
#define POINT_STATUS 3
#define POINT_LIMIT 40 /* seconds */

static volatile unsigned long steps, stop_at;
static volatile bool thread_ends;
static sem_t parked;

#ifdef __x86_64__
static bool masked;

/* Is the next instruction a system call that blocks signals? Where SIGTRAP is blocked, a step would end the process, so
 * it stays unblocked there. But those steps do not count: no other signal could come then. */
static void keep_traps(const ucontext_t *c)
{
	const greg_t *r = c->uc_mcontext.gregs;

	if (memcmp((const void *)r[REG_RIP], "\x0f\x05", 2) != 0 || r[REG_RAX] != SYS_rt_sigprocmask)
		return;
	masked = r[REG_RDI] == SIG_BLOCK;
	if (masked)
		*(uint64_t *)r[REG_RSI] &= ~((uint64_t)1 << (SIGTRAP - 1));
}

static void on_step(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	keep_traps(context);
	if (masked || ++steps != stop_at)
		return;
	if (thread_ends)
		syscall(SYS_exit, 0); /* pthread_exit would unwind the stack, which some instructions do not describe */
	sem_post(&parked);
	for (;;)
		pause();
}
#endif

static void stepping(bool on)
{
#ifdef __x86_64__
	/* the trap flag */
	if (on)
		__asm__ volatile("sub $128,%%rsp\n\tpushfq\n\torl $0x100,(%%rsp)\n\tpopfq\n\tadd $128,%%rsp" ::
		                         : "cc", "memory");
	else
		__asm__ volatile("sub $128,%%rsp\n\tpushfq\n\tandl $~0x100,(%%rsp)\n\tpopfq\n\tadd $128,%%rsp" ::
		                         : "cc", "memory");
#else
	(void)on;
#endif
}

static void *step_thread(void *unused)
{
	void *volatile p;

	/* In so many rounds, objects are also taken from the cache and given back to it, under its lock. */
	stepping(true);
	for (int i = 0; i < ROUNDS; i++) {
		p = malloc(100);
		free(p);
	}
	stepping(false);
	sem_post(&parked);
	return unused;
}

static pthread_t step_until(unsigned long n)
{
	pthread_t t;

	steps = 0;
	stop_at = n;
	if (pthread_create(&t, NULL, step_thread, NULL) != 0)
		die("no thread\n");
	return t;
}

static void end_at_point(unsigned long n, int way)
{
	pthread_t t;

	t = step_until(n);
	if (thread_ends)
		pthread_join(t, NULL);
	else
		while (sem_wait(&parked) != 0)
			;
	signal(SIGALRM, SIG_DFL);
	alarm(POINT_LIMIT); /* for the end alone: under load the steps take long */
	if (way == 0)
		exit(POINT_STATUS);
	if (way == 1)
		quick_exit(POINT_STATUS);
	_exit(POINT_STATUS);
}

static void do_points(bool ends)
{
	unsigned long all;
	int status;
	pid_t pid;

#ifdef __x86_64__
	struct sigaction action = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };

	sigaction(SIGTRAP, &action, NULL);
#else
	_exit(77);
#endif
	sem_init(&parked, 0, 0);
	pthread_join(step_until(0), NULL);
	sem_wait(&parked);
	all = steps;
	if (all < POINTS)
		die("nothing was stepped through\n");
	thread_ends = ends;
	for (int i = 0; i < POINTS; i++) {
		pid = fork();
		if (pid == 0)
			end_at_point(1 + all * (unsigned long)i / POINTS, i % 3);
	}
	while ((pid = wait(&status)) > 0) {
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
			die("the end of a program waits for a thread that is gone\n");
		if (!WIFEXITED(status) || WEXITSTATUS(status) != POINT_STATUS)
			die("a program ends in another way\n");
	}
	_exit(0);
}

static void do_parked(void)
{
	do_points(false);
}

static void do_ended(void)
{
	do_points(true);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "alarm", do_alarm }, { "threads", do_threads }, { "exit", do_exit },   { "thread_exit", do_thread_exit },
	{ "fork", do_fork },   { "parked", do_parked },   { "ended", do_ended },
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
