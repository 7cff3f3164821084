/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/cache_late_write.c - the program writes to an object that it has given back; destroying the cache
 * finds the damage
 *
 * expect: poison-overwritten object=96 cache=session
 * ways: linked static
 */
#include <memsan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	struct memsan_cache *c = memsan_cache_create("session", 96, 0, 0, NULL);
	char *volatile p = memsan_cache_alloc(c); /* ALLOC */
	memsan_cache_free(c, p);                  /* FREE */
	p[40] = 0;
	return memsan_cache_destroy(c); /* BAD */
}
