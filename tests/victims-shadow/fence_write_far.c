/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/fence_write_far.c - a write past a fenced object, too far away for its canary
 *
 * options: fence=all:fence.side=left
 * expect: slab-out-of-bounds type=write object=37 offset=3000 access=1 in=touch alloc=make
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
	p[3000] = 1; /* BAD */
}
int main(void)
{
	char *p = make();
	memset(p, 0, 37);
	touch(p);
	free(p);
	return 0;
}
