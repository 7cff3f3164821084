/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/guard_use_after_free.c - a large object is used after its free; memsan opens each of its pages at the
 * first access to the page
 *
 * ways: preload linked static
 * expect: use-after-free in=main type=write access=1 object=100000 offset=5000
 * expect: use-after-free in=other type=read access=1 object=100000 offset=50000
 * output: 7 0
 */
#include <stdio.h>
#include <stdlib.h>

static int other(volatile char *p)
{
	return p[50000];
}

int main(void)
{
	volatile char *p = malloc(100000); /* ALLOC */
	free((void *)p);                   /* FREE */
	p[5000] = 7;
	printf("%d %d\n", p[5000], other(p));
	return 0;
}
