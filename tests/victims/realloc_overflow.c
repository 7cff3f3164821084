/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/realloc_overflow.c - a write past the size that the last realloc asked for
 *
 * expect: right-redzone-overwritten in=main object=30 offset=30 access=1
 */
#include <stdlib.h>

int main(void)
{
	char *p = malloc(100);
	p = realloc(p, 30); /* ALLOC */
	p[30] = 1;          /* WRITE */
	free(p);            /* BAD */
	return 0;
}
