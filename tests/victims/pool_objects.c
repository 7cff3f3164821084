/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/pool_objects.c - objects of the program's own allocator are overrun, used late and freed twice
 *
 * expect: right-redzone-overwritten object=64 offset=64 cache=arena
 * expect: double-free in=main object=40 entry=memsan_pool_free
 * expect: objects-remaining in=main object=24 cache=arena
 * ways: linked static
 */
#include <memsan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char memory[1024] __attribute__((aligned(16)));

int main(void)
{
	struct memsan_pool *pool = memsan_pool_create("arena", 16, MEMSAN_POOL_LEAKS);
	char *volatile a = memory + 16, *b = memory + 96, *c = memory + 160;
	memsan_pool_add(pool, memory, sizeof(memory));
	memsan_pool_alloc(pool, a, 64); /* ALLOC */
	memsan_pool_alloc(pool, b, 40); /* ALLOC */
	memsan_pool_alloc(pool, c, 24); /* ALLOC */
	a[64] = 1;
	memsan_pool_free(pool, a); /* BAD */
	memsan_pool_free(pool, b);
	memsan_pool_free(pool, b); /* BAD */
	memsan_pool_destroy(pool); /* BAD */
	return 0;
}
