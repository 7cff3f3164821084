/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/cache_overflow.c - a write past the end of a cache's object of odd size
 *
 * expect: right-redzone-overwritten object=27 offset=27 access=1 cache=odd
 * ways: linked static
 * expect-production: none
 * modes: check production
 */
#include <memsan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	struct memsan_cache *c = memsan_cache_create("odd", 27, 64, 0, NULL);
	char *volatile p = memsan_cache_alloc(c); /* ALLOC */
	if ((unsigned long)p % 64)
		return 1;
	p[27] = 1;
	memsan_cache_free(c, p); /* BAD */
	return memsan_cache_destroy(c);
}
