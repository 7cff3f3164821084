/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_thread_ended.c - what threads lost that have ended, in each way that a thread can end: libc keeps
 * their stacks and thread-local variables, and they are no roots; a stack that the program gave its thread is the
 * program's own again
 *
 * options: leak=on
 * expect: unreferenced-object leak=direct count=3 alloc=lose
 * expect: unreferenced-object leak=direct count=1 alloc=lose
 * expect: unreferenced-object leak=direct count=1 alloc=lose
 * expect: unreferenced-object leak=direct count=1 alloc=lose
 * expect: unreferenced-object leak=direct count=1 alloc=lose
 * expect-production: unreferenced-object leak=direct count=7
 * modes: check production
 * stderr: any
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define STACK ((size_t)1 << 18)

static __thread void *local;
static char *own_stack;

__attribute__((noinline)) static void *lose(void)
{
	void *volatile kept[64];

	memset((void *)kept, 0, sizeof(kept));
	kept[3] = malloc(1001); /* ALLOC */
	__asm__ volatile("" : : "r"(kept) : "memory");
	return kept[3];
}

static void *plain(void *arg)
{
	lose();
	return arg;
}

static void *in_local(void *arg)
{
	local = lose();
	return arg;
}

static void *exits(void *arg)
{
	lose();
	pthread_exit(arg);
}

static void *cancelled(void *arg)
{
	lose();
	pause();
	return arg;
}

static int c11(void *arg)
{
	(void)arg;
	lose();
	return 0;
}

static void *nothing(void *arg)
{
	return arg;
}

int main(void)
{
	/* All live at the same time, so no thread gets the stack of another one. */
	pthread_t join, tls, out, cancel, try, timed, given;
	struct timespec limit;
	pthread_attr_t attr;
	thrd_t c;

	own_stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, own_stack, STACK);
	if (pthread_create(&join, NULL, plain, NULL) || pthread_create(&tls, NULL, in_local, NULL) ||
	    pthread_create(&out, NULL, exits, NULL) || pthread_create(&cancel, NULL, cancelled, NULL) ||
	    pthread_create(&try, NULL, plain, NULL) || pthread_create(&timed, NULL, plain, NULL) ||
	    pthread_create(&given, &attr, nothing, NULL) || thrd_create(&c, c11, NULL) != thrd_success)
		return 1;
	pthread_join(join, NULL);
	pthread_join(tls, NULL);
	pthread_join(out, NULL);
	pthread_cancel(cancel);
	pthread_join(cancel, NULL);
	while (pthread_tryjoin_np(try, NULL) != 0)
		sched_yield();
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += 60;
	pthread_timedjoin_np(timed, NULL, &limit);
	thrd_join(c, NULL);
	pthread_join(given, NULL);
	*(void **)own_stack = malloc(2002); /* the program uses its memory for something else */
	return 0;
}
