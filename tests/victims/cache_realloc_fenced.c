/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/cache_realloc_fenced.c - realloc and free of a cache's fenced objects: memsan reports both, in
 * production too, and what realloc returned belongs to malloc
 *
 * expect: below
 * options: fence=all
 * modes: check production
 * ways: linked
 */
#include <memsan.h>
#include <stdlib.h>

int main(void)
{
	struct memsan_cache *c = memsan_cache_create("session", 40, 0, 0, NULL);
	void *p = memsan_cache_alloc(c), *q = memsan_cache_alloc(c);
	p = realloc(p, 80); /* expect: alloc-dealloc-mismatch in=main object=40 */
	free(p);
	free(q); /* expect: alloc-dealloc-mismatch in=main object=40 */
	return 0;
}
