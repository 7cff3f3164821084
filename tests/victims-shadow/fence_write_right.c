/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/fence_write_right.c - a write of one byte past a fenced object: memsan reports the write, and
 * not the canary again
 *
 * options: fence=all
 * expect: slab-out-of-bounds type=write object=100 offset=100 access=1 in=touch alloc=make
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
	p[100] = 1; /* BAD */
}
int main(void)
{
	char *p = make();
	memset(p, 0, 100);
	touch(p);
	free(p);
	return 0;
}
