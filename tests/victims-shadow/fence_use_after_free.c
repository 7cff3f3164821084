/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/fence_use_after_free.c - a freed fenced object is read: memsan reports the read, and not the
 * guard page again
 *
 * options: fence=all
 * expect: slab-use-after-free type=read object=100 offset=10 access=1 in=look alloc=make free=drop
 * ways: linked
 */
#include <stdlib.h>

static char *make(void)
{
	return calloc(1, 100); /* ALLOC */
}
static void drop(char *p)
{
	free(p); /* FREE */
}
static int look(volatile char *p)
{
	return p[10]; /* BAD */
}
int main(void)
{
	char *p = make();
	drop(p);
	return look(p) == 1000;
}
