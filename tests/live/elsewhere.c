/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/live/elsewhere.c - objects outside slab caches, which the program cuts out of two blocks: a chain through them,
 * a lost one, and lists that grow. */
#include <stdio.h>
#include <stdlib.h>

struct memsan_pool;
__attribute__((weak)) void memsan_leak_alloc(const void *p, size_t size);
__attribute__((weak)) struct memsan_pool *memsan_pool_create(const char *name, size_t redzone, unsigned flags);
__attribute__((weak)) int memsan_pool_alloc(struct memsan_pool *, void *p, size_t size);

static void **chain, **lists[3];
static char *told_block, *pool_block;
static size_t told_used, pool_used;
static struct memsan_pool *pool;

__attribute__((noinline)) static void *cut_told(size_t size)
{
	void *p = told_block + told_used;
	told_used += (size + 31) & ~(size_t)15;
	memsan_leak_alloc(p, size);
	return p;
}

__attribute__((noinline)) static void *cut_from_pool(size_t size)
{
	void *p = pool_block + 32 + pool_used;
	pool_used += (size + 63) & ~(size_t)15;
	memsan_pool_alloc(pool, p, size);
	return p;
}

__attribute__((noinline)) static void lose(void)
{
	void **lost = cut_told(103), **held = cut_from_pool(104);
	lost[0] = held;
	held[0] = NULL;
	printf("lost %p\nheld %p\n", (void *)lost, (void *)held);
}

static void grow(void)
{
	for (int i = 0; i < 100; i++) {
		void **new[3] = { cut_told(40), cut_from_pool(48), malloc(200) };
		for (int k = 0; k < 3; k++) {
			new[k][0] = lists[k];
			lists[k] = new[k];
		}
	}
}

int main(void)
{
	char line[16];

	told_block = calloc(1, 1 << 20);
	pool_block = calloc(1, 1 << 20);
	pool = memsan_pool_create("arena", 16, 2);
	chain = calloc(1, 500);
	void **told = chain[3] = cut_told(101);
	void **pooled = told[1] = cut_from_pool(102);
	pooled[2] = calloc(1, 77);
	printf("told %p\npooled %p\nend %p\n", (void *)told, (void *)pooled, pooled[2]);
	void *freed = calloc(1, 55);
	free(freed);
	lose();
	printf("freed %p\nready\n", freed);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		grow();
		puts("grown");
		fflush(stdout);
	}
	return 0;
}
