/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fence_use_after_free.c - a read and a write of freed fenced objects
 *
 * expect: use-after-free-read in=peek type=read access=8 object=64 offset=8 alloc=main free=main
 * expect: use-after-free-write in=poke type=write access=8 object=100 offset=16 alloc=main free=main
 * modes: check production
 * options: fence=all
 */
#include <stdlib.h>

static long peek(volatile long *p)
{
	return p[1];
}
static void poke(volatile long *p)
{
	p[2] = 1;
}

int main(void)
{
	long *a = malloc(64), *b = calloc(10, 10); /* ALLOC */
	free(a);                                   /* FREE */
	free(b);                                   /* FREE */
	long v = peek(a);
	poke(b);
	return (int)v;
}
