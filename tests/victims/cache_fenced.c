/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/cache_fenced.c - a fenced object belongs to its cache: memsan reports a free to another cache, and an
 * object that is live when its cache is destroyed
 *
 * expect: cache-mismatch in=main object=40 cache=session
 * expect: objects-remaining in=main object=40 cache=session
 * options: fence=all
 * ways: linked
 */
#include <memsan.h>
#include <stdlib.h>

int main(void)
{
	struct memsan_cache *session = memsan_cache_create("session", 40, 0, 0, NULL);
	struct memsan_cache *request = memsan_cache_create("request", 40, 0, 0, NULL);
	void *p = memsan_cache_alloc(session), *q = memsan_cache_alloc(session); /* ALLOC */
	memsan_cache_free(request, p);                                           /* BAD */
	memsan_cache_destroy(session);                                           /* BAD */
	return q == NULL;
}
