/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/heap_write_2.c - a write of 2 bytes across the end of an object
 *
 * expect: slab-out-of-bounds type=write object=33 offset=33 access=2
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

static void hit(volatile short *p)
{
	*p = 1; /* BAD */
}
int main(void)
{
	char *p = malloc(33); /* ALLOC */
	hit((volatile short *)(p + 32));
	free(p);
	return 0;
}
