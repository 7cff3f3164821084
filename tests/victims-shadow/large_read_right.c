/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/large_read_right.c - a read past a large allocation, still on its last page
 *
 * expect: vmalloc-out-of-bounds type=read object=100000 offset=100000 access=1 cache=vmalloc
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

static int look(volatile char *p)
{
	return p[100000]; /* BAD */
}
int main(void)
{
	char *p = malloc(100000); /* ALLOC */
	int r = look(p);
	free(p);
	return r == 1000;
}
