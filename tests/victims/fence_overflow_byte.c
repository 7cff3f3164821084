/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fence_overflow_byte.c - with fence.align=1 the very first byte past an object of odd size is on the
 * guard page
 *
 * expect: out-of-bounds-read in=main type=read access=1 object=41 offset=41
 * modes: check production
 * options: fence=all:fence.align=1
 */
#include <stdlib.h>

int main(void)
{
	volatile char *p = malloc(41); /* ALLOC */
	char c = p[41];                /* BAD */
	free((void *)p);
	return c;
}
