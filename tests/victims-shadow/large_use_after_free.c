/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/large_use_after_free.c - a freed large allocation is read far from its beginning: its guard
 * page reports that, not its shadow
 *
 * expect: use-after-free type=read object=3000000 offset=2000000 alloc=make free=drop
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

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
	return p[2000000]; /* BAD */
}
int main(void)
{
	char *p = make();
	drop(p);
	return look(p) == 1000;
}
