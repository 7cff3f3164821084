/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/pool_use_after_free.c - memset of a pool's object after its free
 *
 * expect: slab-use-after-free in=main object=200 cache=arena type=write
 * ways: linked
 */
#include <memsan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	char *memory = malloc(1024);
	void *(*volatile set)(void *, int, size_t) = memset;
	struct memsan_pool *pool = memsan_pool_create("arena", 16, 0);
	memsan_pool_add(pool, memory, 1024);
	memsan_pool_alloc(pool, memory + 16, 200); /* ALLOC */
	set(memory + 16, 1, 200);
	memsan_pool_free(pool, memory + 16); /* FREE */
	set(memory + 16, 2, 200);            /* BAD */
	memsan_pool_destroy(pool);
	set(memory, 3, 1024);
	free(memory);
	return 0;
}
