/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/fence_unaligned.c - a fenced object at the very end of its page may be used up to there, and
 * the bytes before it may not
 *
 * options: fence=all:fence.align=1
 * expect: slab-out-of-bounds type=read object=37 offset=-8 access=1 in=touch alloc=make
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

static char *make(void)
{
	return malloc(37); /* ALLOC */
}
static void touch(volatile char *p)
{
	(void)p[-8]; /* BAD */
}
int main(void)
{
	char *p = make();
	memset(p, 0, 37);
	touch(p);
	free(p);
	return 0;
}
