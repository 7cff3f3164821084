/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/heap_use_after_free.c - a freed object is read
 *
 * expect: slab-use-after-free type=read object=100 offset=10 access=1 alloc=make free=drop
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

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
