/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/fence_copy_past.c - a libc call runs over a fenced object and its guard page: memsan reports it
 * once, and the call goes on
 *
 * options: fence=all
 * expect: slab-out-of-bounds type=write object=100 offset=100 access=300 entry=memset alloc=make
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

static char *make(void)
{
	return malloc(100); /* ALLOC */
}
static void touch(volatile char *p)
{
	memset((char *)p, 1, 300); /* BAD */
}
int main(void)
{
	char *p = make();
	*(volatile char *)p = 1; /* so that something here is instrumented */
	touch(p);
	int kept = ((volatile char *)p)[50];
	free(p);
	return kept != 1;
}
