/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_thread_unseen.c - threads that never allocate or free, of thrd_create, lost objects on their
 * stacks and in their thread-local variables, and have ended; a thread that still runs, and the result of one that is
 * not joined, keep theirs
 *
 * options: leak=on
 * expect: unreferenced-object leak=direct count=1 alloc=on_stack
 * expect: unreferenced-object leak=direct count=1 alloc=in_local
 * expect-production: unreferenced-object leak=direct count=2
 * modes: check production
 * ways: preload linked static
 * stderr: any
 */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <unistd.h>

static void *volatile handed; /* the next thread's object */
static volatile int waits;
static __thread void *local;

static int lose_on_stack(void *arg)
{
	void *volatile kept[1000];

	for (int i = 0; i < 1000; i++)
		kept[i] = handed;
	handed = NULL;
	__asm__ volatile("" : : "r"(kept) : "memory");
	return arg != NULL;
}

static int lose_in_local(void *arg)
{
	local = handed;
	handed = NULL;
	return arg != NULL;
}

static int keep(void *arg)
{
	void *volatile kept = handed;

	handed = NULL;
	waits = 1;
	while (kept)
		pause();
	return arg != NULL;
}

static void *give(void *arg)
{
	void *p = handed;

	handed = NULL;
	return arg ? arg : p;
}

__attribute__((noinline)) static void on_stack(void)
{
	handed = malloc(1001); /* ALLOC */
}

__attribute__((noinline)) static void in_local(void)
{
	handed = malloc(1002); /* ALLOC */
}

__attribute__((noinline)) static void run(thrd_start_t fn, int join)
{
	thrd_t t;

	if (thrd_create(&t, fn, NULL) != thrd_success)
		abort();
	if (join)
		thrd_join(t, NULL);
	while (handed)
		sched_yield();
}

/* Overwrites what these calls left below. */
__attribute__((noinline)) static void clear_stack(void)
{
	volatile char dead[20000];

	memset((void *)dead, 0, sizeof(dead));
}

int main(void)
{
	pthread_t unjoined;

	handed = malloc(3003);
	run(keep, 0);
	while (!waits)
		sched_yield();
	handed = malloc(4004);
	if (pthread_create(&unjoined, NULL, give, NULL))
		return 1;
	while (handed)
		sched_yield();
	in_local();
	run(lose_in_local, 1);
	on_stack();
	run(lose_on_stack, 1);
	clear_stack();
	return 0;
}
