/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/cache_underflow.c - a write before an aligned object of a cache
 *
 * expect: left-redzone-overwritten object=256 offset=-1 access=1 cache=lines
 * ways: linked static
 */
#include <memsan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	struct memsan_cache *c = memsan_cache_create("lines", 256, 0, MEMSAN_CACHE_HWCACHE_ALIGN, NULL);
	char *volatile p = memsan_cache_alloc(c); /* ALLOC */
	p[-1] = 1;
	memsan_cache_free(c, p); /* BAD */
	return memsan_cache_destroy(c);
}
