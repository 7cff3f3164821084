/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/cache_invalid_free.c - a pointer into the middle of a cache's object is freed
 *
 * expect: invalid-free in=main object=200 offset=64
 * expect-production: invalid-free in=main object=200 offset=64
 * modes: check production
 * ways: linked static
 */
#include <memsan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	struct memsan_cache *c = memsan_cache_create("session", 200, 0, 0, NULL);
	char *p = memsan_cache_alloc(c); /* ALLOC */
	memsan_cache_free(c, p + 64);    /* BAD */
	memsan_cache_free(c, p);
	return memsan_cache_destroy(c);
}
