/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/large_use_after_free_near.c - a freed large allocation is read near its beginning: its shadow
 * reports that, and its guard page not again
 *
 * expect: use-after-free type=read object=3000000 offset=20 alloc=make free=drop
 * ways: linked
 */
#include <stdlib.h>

static char *make(void)
{
	return calloc(1, 3000000); /* ALLOC */
}
static void drop(char *p)
{
	free(p); /* FREE */
}
static int look(volatile char *p)
{
	return p[20]; /* BAD */
}
int main(void)
{
	char *p = make();
	drop(p);
	return look(p) == 1000;
}
