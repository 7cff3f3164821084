/* SPDX-License-Identifier: BSD-2-Clause */
/* With fence.align=1 the very first byte behind an object of odd size is behind the page.
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
