/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/fence_side_left.c - a read of one byte past an odd-sized fenced object at the left of its page
 *
 * options: fence=all:fence.side=left
 * expect: slab-out-of-bounds type=read object=37 offset=37 access=1 in=touch alloc=make
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
	(void)p[37]; /* BAD */
}
int main(void)
{
	char *p = make();
	memset(p, 0, 37);
	touch(p);
	free(p);
	return 0;
}
