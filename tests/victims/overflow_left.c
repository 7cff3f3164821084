/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/overflow_left.c - a write before the object
 *
 * expect: left-redzone-overwritten in=main object=64 offset=-4 access=4
 */
#include <stdlib.h>

int main(void)
{
	int *p = malloc(64);          /* ALLOC */
	*(volatile int *)(p - 1) = 7; /* WRITE */
	free(p);                      /* BAD */
	return 0;
}
