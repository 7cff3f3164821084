/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/guard_before.c - a read just before a large object hits the guard page there; the program goes on and
 * reads zero
 *
 * expect: vmalloc-out-of-bounds in=main type=read access=1 object=100000 offset=-1
 * output: 0
 */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	volatile char *p = malloc(100000); /* ALLOC */
	int c = p[-1];                     /* BAD */
	printf("%d\n", c);
	free((void *)p);
	return 0;
}
