/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/cache_leak.c - nothing points to an object of a cache any more
 *
 * expect: unreferenced-object object=96 cache=session leak=direct count=1 alloc=lose
 * options: leak=on
 * stderr: any
 * ways: linked
 */
#include <memsan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void lose(struct memsan_cache *c)
{
	char *volatile p = memsan_cache_alloc(c); /* ALLOC */
	p[0] = 1;
	p = NULL;
}
static struct memsan_cache *session;
static void *volatile kept;
int main(void)
{
	session = memsan_cache_create("session", 96, 0, 0, NULL);
	kept = memsan_cache_alloc(session);
	lose(session);
	return 0;
}
