/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/cache_and_malloc.c - free() gets an object of a cache, and memsan_cache_free() gets one of malloc's
 *
 * expect: alloc-dealloc-mismatch in=main entry=free
 * expect: alloc-dealloc-mismatch in=main entry=memsan_cache_free
 * modes: check production
 * ways: linked static
 */
#include <memsan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	struct memsan_cache *c = memsan_cache_create("session", 96, 0, 0, NULL);
	free(memsan_cache_alloc(c)); /* BAD */      /* ALLOC */
	memsan_cache_free(c, malloc(96)); /* BAD */ /* ALLOC */
	return memsan_cache_destroy(c);
}
