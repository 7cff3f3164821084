/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fence_underflow.c - a read before an object at the left of its page
 *
 * expect: out-of-bounds-read in=main type=read access=1 object=41 offset=-1
 * modes: check production
 * options: fence=all:fence.side=left
 */
#include <stdlib.h>

int main(void)
{
	volatile char *p = malloc(41); /* ALLOC */
	char c = p[-1];                /* BAD */
	free((void *)p);
	return c;
}
