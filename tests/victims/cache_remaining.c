/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/cache_remaining.c - a cache is destroyed while objects of it are live, all allocated in one place, and
 * used afterwards
 *
 * expect: objects-remaining in=main object=48 cache=session entry=memsan_cache_destroy
 * expect: objects-remaining in=main object=48 cache=session
 * expect: cache-destroyed in=late entry=memsan_cache_free
 * output: -1 EBUSY kept
 * ways: linked static
 */
#include <memsan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>

static void late(struct memsan_cache *c, char *p)
{
	memsan_cache_free(c, p); /* BAD */
}
static char *one(struct memsan_cache *c)
{
	return memsan_cache_alloc(c); /* ALLOC */
}
int main(void)
{
	struct memsan_cache *c = memsan_cache_create("session", 48, 0, 0, NULL);
	char *p[3];
	for (volatile int i = 0; i < 3; i++)
		p[i] = one(c);
	strcpy(p[0], "kept");
	memsan_cache_free(c, p[1]);
	int status = memsan_cache_destroy(c); /* BAD */
	printf("%d %s %s\n", status, errno == EBUSY ? "EBUSY" : "?", p[0]);
	late(c, p[2]);
	return 0;
}
