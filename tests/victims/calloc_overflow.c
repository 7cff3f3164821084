/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/calloc_overflow.c - a write past the end of a calloc'ed array
 *
 * expect: right-redzone-overwritten in=main object=120 offset=120 access=8
 */
#include <stdlib.h>

int main(void)
{
	long *p = calloc(15, sizeof(long)); /* ALLOC */
	p[15] = 1;                          /* WRITE */
	free(p);                            /* BAD */
	return 0;
}
