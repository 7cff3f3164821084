/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_thread_open_guard.c - what a thread lost that has ended, and whose stack has no inaccessible
 * mapping before it, as with guard regions of newer kernels; a thread that still runs on such a stack keeps its object
 *
 * options: leak=on
 * expect: unreferenced-object leak=direct count=1 alloc=lose
 * expect-production: unreferenced-object leak=direct count=1
 * modes: check production
 * stderr: any
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static pthread_barrier_t kept;

static void open_guard(void)
{
	pthread_attr_t attr;
	size_t guard, size;
	void *stack;

	if (pthread_getattr_np(pthread_self(), &attr) || pthread_attr_getstack(&attr, &stack, &size) ||
	    pthread_attr_getguardsize(&attr, &guard) || mprotect((char *)stack - guard, guard, PROT_READ))
		abort();
	pthread_attr_destroy(&attr);
}

__attribute__((noinline)) static void *lose(void)
{
	void *volatile at[64];

	memset((void *)at, 0, sizeof(at));
	at[3] = malloc(1001); /* ALLOC */
	__asm__ volatile("" : : "r"(at) : "memory");
	return at[3];
}

static void *loses(void *arg)
{
	open_guard();
	lose();
	return arg;
}

static void *keeps(void *arg)
{
	void *volatile mine;

	open_guard();
	mine = malloc(2002);
	pthread_barrier_wait(&kept);
	while (mine)
		pause();
	return arg;
}

int main(void)
{
	pthread_t t, u;

	pthread_barrier_init(&kept, NULL, 2);
	if (pthread_create(&u, NULL, keeps, NULL))
		return 1;
	pthread_barrier_wait(&kept);
	if (pthread_create(&t, NULL, loses, NULL) || pthread_join(t, NULL))
		return 1;
	return 0;
}
