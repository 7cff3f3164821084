/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/clean_coroutines.c - coroutines are given up half-way on stacks of every kind, and instrumented
 * code uses the memory for data; others wait and go on
 *
 * expect: none
 * ways: linked
 * libs: -lpthread
 * output: ok
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define SIZE 65536
#define MANY 6

static ucontext_t back, other, many[MANY];
static char *shared[MANY];
static char stacks[MANY][SIZE] __attribute__((aligned(16)));

static __attribute__((noinline)) int deep(int n, void (*leave)(void))
{
	char a[37], b[129];

	memset(a, n, sizeof(a));
	memset(b, n, sizeof(b));
	if (n == 0)
		leave();
	else
		deep(n - 1, leave);
	return a[3] + b[100];
}

static void by_swapcontext(void)
{
	swapcontext(&other, &back);
}

static void given_up(void)
{
	deep(10, by_swapcontext);
}

static void run_context_of(char *stack, void (*body)(void))
{
	getcontext(&other);
	other.uc_stack.ss_sp = stack;
	other.uc_stack.ss_size = SIZE;
	other.uc_link = &back;
	makecontext(&other, body, 0);
	swapcontext(&back, &other);
}

static void run_context(char *stack)
{
	run_context_of(stack, given_up);
}

static char *volatile seen;

/* The variable's scope starts again in a frame that was waiting. */
static void given_up_in_a_loop(void)
{
	for (;;) {
		char a[101];

		seen = memset(a, 1, sizeof(a));
		swapcontext(&other, &back);
	}
}

/* A switch that memsan does not see: clean_coroutines_switch.c. */
#ifndef SWITCH
static void run_switch(char *stack)
{
	(void)stack;
}
#else
void coroutine_switch(void **from, void *to);
__asm__(".text\n"
        ".globl coroutine_switch\n"
        ".type coroutine_switch, @function\n"
        "coroutine_switch:\n"
        "push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n"
        "mov %rsp, (%rdi)\n"
        "mov %rsi, %rsp\n"
        "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n"
        "ret\n"
        ".size coroutine_switch, .-coroutine_switch\n");
static void *main_sp, *other_sp;

static void by_switch(void)
{
	coroutine_switch(&other_sp, main_sp);
}

static void start(void)
{
	deep(10, by_switch);
	abort();
}

static void run_switch(char *stack)
{
	void **top = (void **)(stack + SIZE) - 2;

	*--top = NULL;
	*--top = (void *)start;
	other_sp = top - 6;
	coroutine_switch(&main_sp, other_sp);
}
#endif

static void use(char *p)
{
	memset(p, 1, SIZE);
	for (size_t i = 0; i < SIZE; i++)
		((volatile char *)p)[i] = 2;
	memcpy(p, p + SIZE / 2, SIZE / 2);
}

static void use_downwards(char *p)
{
	for (size_t i = SIZE; i-- > 0;)
		((volatile char *)p)[i] = 2;
}

static void on(char *stack)
{
	for (int i = 0; i < 3; i++) {
		run_context(stack);
		use(stack);
		run_context(stack);
		use_downwards(stack);
		run_context_of(stack, given_up_in_a_loop);
		swapcontext(&back, &other);
		use(stack);
		run_context(stack);
		run_switch(stack);
		use(stack);
		run_switch(stack);
		use_downwards(stack);
	}
}

static void all_stacks(void)
{
	char local[SIZE] __attribute__((aligned(16)));
	char *heap = aligned_alloc(16, SIZE);
	char *mapped = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	on(stacks[0]);
	on(heap);
	on(mapped);
	on(local);
	run_context(heap);
	free(heap);
	heap = aligned_alloc(16, SIZE);
	use(heap);
	free(heap);
	munmap(mapped, SIZE);
}

/* Coroutines that wait: the starter writes their variables. */
static __attribute__((noinline)) void wait_deep(int me, int n)
{
	char a[40];

	memset(a, me, sizeof(a));
	shared[me] = a;
	swapcontext(&many[me], &back);
	for (size_t i = 0; i < sizeof(a); i++)
		if (a[i] != me + 1)
			abort();
	if (n)
		wait_deep(me, n - 1);
	shared[me] = NULL;
}

static void body(int me)
{
	wait_deep(me, 5);
}

static void waiting(void)
{
	for (int i = 0; i < MANY; i++) {
		getcontext(&many[i]);
		many[i].uc_stack.ss_sp = stacks[i];
		many[i].uc_stack.ss_size = SIZE;
		many[i].uc_link = &back;
		makecontext(&many[i], (void (*)(void))body, 1, i);
		swapcontext(&back, &many[i]);
	}
	for (int round = 0; round < 6; round++)
		for (int i = 0; i < MANY; i++) {
			memset(shared[i], i + 1, 40);
			swapcontext(&back, &many[i]);
		}
}

static void *thread(void *arg)
{
	all_stacks();
	waiting();
	return arg;
}

int main(void)
{
	pthread_attr_t attr;
	pthread_t t;

	thread(NULL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16 * SIZE);
	pthread_create(&t, &attr, thread, NULL);
	pthread_join(t, NULL);
	puts("ok");
	return 0;
}
