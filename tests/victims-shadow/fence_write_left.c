/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/fence_write_left.c - a write of one byte before a fenced object at the right of its page
 *
 * options: fence=all:fence.side=right
 * expect: slab-out-of-bounds type=write object=24 offset=-1 access=1 in=touch alloc=make
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

static char *make(void)
{
	return malloc(24); /* ALLOC */
}
static void touch(volatile char *p)
{
	p[-1] = 1; /* BAD */
}
int main(void)
{
	char *p = make();
	memset(p, 0, 24);
	touch(p);
	free(p);
	return 0;
}
