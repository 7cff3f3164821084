/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/cache_use_after_free.c - memset of an object that has gone back to its cache
 *
 * expect: slab-use-after-free in=main object=96 cache=session type=write entry=memset
 * ways: linked
 */
#include <memsan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	struct memsan_cache *c = memsan_cache_create("session", 96, 0, 0, NULL);
	void *(*volatile set)(void *, int, size_t) = memset;
	char *p = memsan_cache_alloc(c); /* ALLOC */
	memsan_cache_free(c, p);         /* FREE */
	set(p, 0, 96);                   /* BAD */
	return memsan_cache_destroy(c);
}
