/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fence_late_use.c - an object is read 100,000 allocations after its free: no other object has its
 * address yet
 *
 * ways: preload linked static
 * modes: check production
 * options: fence=all
 * expect: use-after-free-read in=use type=read access=1 object=33 offset=5 alloc=main free=main
 */
#include <stdlib.h>

static int use(volatile char *p)
{
	return p[5]; /* BAD */
}
int main(void)
{
	char *p = malloc(33);
	free(p);
	for (int i = 0; i < 100000; i++)
		free(malloc(33));
	return use(p) == 1000;
}
