/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/clean_frame_of_a_thread.c - a coroutine's frame, made in one thread, is used in the next
 *
 * expect: none
 * only-form: gcc-kernel-inline gcc-kernel-calls gcc-asan gcc-asan-recover clang-asan clang-asan-recover
 * ways: linked
 * libs: -lpthread
 * options: shadow.use_after_return=on
 * output: ok
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

static ucontext_t back, other;
static char stack[65536] __attribute__((aligned(16)));

static __attribute__((noinline)) void use(char *p, size_t n)
{
	memset(p, 1, n);
}

static void body(void)
{
	char a[100];

	for (;;) {
		use(a, sizeof(a));
		swapcontext(&other, &back);
	}
}

static void *resume(void *arg)
{
	swapcontext(&back, &other);
	return arg;
}

int main(void)
{
	getcontext(&other);
	other.uc_stack.ss_sp = stack;
	other.uc_stack.ss_size = sizeof(stack);
	makecontext(&other, body, 0);
	for (int i = 0; i < 4; i++) {
		pthread_t t;

		pthread_create(&t, NULL, resume, NULL);
		pthread_join(t, NULL);
	}
	puts("ok");
	return 0;
}
