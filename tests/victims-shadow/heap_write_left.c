/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/heap_write_left.c - a write of the byte before an object
 *
 * expect: slab-out-of-bounds type=write object=40 offset=-1 access=1 alloc=main
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

static void hit(volatile char *p)
{
	p[-1] = 1; /* BAD */
}
int main(void)
{
	char *p = malloc(40); /* ALLOC */
	hit(p);
	free(p);
	return 0;
}
