/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/cache_mismatch.c - an object is freed to another cache of the same size
 *
 * expect: cache-mismatch in=main object=40 cache=session alloc=open_session entry=memsan_cache_free
 * expect-production: cache-mismatch in=main object=40 cache=session
 * modes: check production
 * ways: linked static
 */
#include <memsan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *open_session(struct memsan_cache *c)
{
	return memsan_cache_alloc(c); /* ALLOC */
}
int main(void)
{
	struct memsan_cache *session = memsan_cache_create("session", 40, 0, 0, NULL);
	struct memsan_cache *request = memsan_cache_create("request", 40, 0, 0, NULL);
	void *p = open_session(session);
	memsan_cache_free(request, p); /* BAD */
	return memsan_cache_destroy(session) || memsan_cache_destroy(request);
}
