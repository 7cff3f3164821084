/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/heap_read_right.c - a read of one byte past an object
 *
 * expect: slab-out-of-bounds type=read object=13 offset=13 access=1 in=look alloc=make
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

static char *make(void)
{
	return malloc(13); /* ALLOC */
}
static int look(volatile char *p)
{
	return p[13]; /* BAD */
}
int main(void)
{
	char *p = make();
	memset(p, 0, 13);
	int r = look(p);
	free(p);
	return r == 1000;
}
