/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/clean_swapcontext.c - coroutines on stacks from malloc and mmap are given up half-way, and
 * their memory is used again
 *
 * expect: none
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

static ucontext_t main_context, other;
static volatile int stage;
static int deep(int n)
{
	char a[37], b[129];
	memset(a, n, sizeof(a));
	memset(b, n, sizeof(b));
	if (n == 0) {
		stage++;
		swapcontext(&other, &main_context);
	}
	return deep(n - 1) + a[3] + b[100];
}
static void body(void)
{
	deep(10);
}
static void run_once(void *stack, size_t size)
{
	getcontext(&other);
	other.uc_stack.ss_sp = stack;
	other.uc_stack.ss_size = size;
	other.uc_link = &main_context;
	makecontext(&other, body, 0);
	swapcontext(&main_context, &other);
}
int main(void)
{
	for (int i = 0; i < 10; i++) {
		char *heap = malloc(65536);
		run_once(heap, 65536);
		free(heap);
		heap = malloc(65536);
		memset(heap, i, 65536);
		free(heap);
		char *map = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		run_once(map, 65536);
		munmap(map, 65536);
		map = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memset(map, i, 65536);
		munmap(map, 65536);
	}
	return stage != 20;
}
