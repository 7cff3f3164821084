/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/realloc_shrunk.c - a read of the part that realloc gave up
 *
 * expect: slab-out-of-bounds type=read object=70 offset=70
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

static int look(volatile char *p, int i)
{
	return p[i]; /* BAD */
}
int main(void)
{
	char *p = malloc(100);
	p = realloc(p, 70);
	int r = look(p, 69) + look(p, 70);
	free(p);
	return r == 1000;
}
