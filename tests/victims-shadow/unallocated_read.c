/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/unallocated_read.c - instrumented code reads heap pages that no object has had yet
 *
 * expect: slab-out-of-bounds in=main type=read access=1 object=8 offset=24000
 * ways: linked
 */
#include <stdlib.h>

int main(void)
{
	volatile char *volatile p = malloc(8); /* ALLOC */
	char c = p[24000];                     /* BAD */

	return c & 0;
}
