/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_leak_signal_stack.c - only the kernel points to a signal stack from malloc, in the thread that
 * ends the program and in another one: neither stack is a leak
 *
 * expect: none
 * options: leak=on
 * ways: preload linked
 * output: ok
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_barrier_t set;

static __attribute__((noinline)) void set_stack(void)
{
	stack_t s = { .ss_sp = malloc(64 << 10), .ss_size = 64 << 10 };

	if (sigaltstack(&s, NULL) != 0)
		abort();
	memset(&s, 0, sizeof(s));
	__asm__ volatile("" : : "r"(&s) : "memory");
}

static __attribute__((noinline)) void overwrite_stack(void)
{
	char zeros[4096];

	memset(zeros, 0, sizeof(zeros));
	__asm__ volatile("" : : "r"(zeros) : "memory");
}

static void *other(void *arg)
{
	set_stack();
	overwrite_stack();
	pthread_barrier_wait(&set);
	for (;;)
		pause();
}

int main(void)
{
	pthread_t t;

	pthread_barrier_init(&set, NULL, 2);
	pthread_create(&t, NULL, other, NULL);
	pthread_detach(t);
	set_stack();
	overwrite_stack();
	pthread_barrier_wait(&set);
	puts("ok");
	return 0;
}
