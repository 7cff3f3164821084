/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/cache_double_free.c - an object of a cache is freed twice
 *
 * expect: double-free in=main object=200
 * expect-production: double-free in=main
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
	void *p = memsan_cache_alloc(c); /* ALLOC */
	memsan_cache_free(c, p);         /* FREE */
	memsan_cache_free(c, p);         /* BAD */
	return memsan_cache_destroy(c);
}
