/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/pool_mismatch.c - free() gets an object of the program's own pool, which lies in a block of malloc's
 *
 * expect: alloc-dealloc-mismatch in=main object=40 cache=arena entry=free
 * expect-production: alloc-dealloc-mismatch in=main object=40 cache=arena
 * modes: check production
 * ways: linked static
 */
#include <memsan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	struct memsan_pool *pool = memsan_pool_create("arena", 16, 0);
	char *memory = malloc(1024), *volatile p = memory + 64;
	memsan_pool_alloc(pool, p, 40); /* ALLOC */
	free(p);                        /* BAD */
	memsan_pool_free(pool, p);
	memsan_pool_destroy(pool);
	free(memory);
	return 0;
}
