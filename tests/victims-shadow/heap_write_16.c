/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/heap_write_16.c - a write of 16 bytes across the end of an object
 *
 * expect: slab-out-of-bounds type=write object=33 offset=33 access=16
 * needs: compiler
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

static void hit(volatile __int128 *p)
{
	*p = 1; /* BAD */
}
int main(void)
{
	char *p = malloc(33); /* ALLOC */
	hit((volatile __int128 *)(p + 32));
	free(p);
	return 0;
}
