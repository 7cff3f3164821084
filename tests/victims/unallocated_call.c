/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/unallocated_call.c - a call of libc's writes to heap pages that no object has had yet
 *
 * expect: slab-out-of-bounds in=main entry=memset object=8 offset=30000 type=write
 * ways: preload linked
 */
#include <stdlib.h>
#include <string.h>

int main(void)
{
	char *volatile p = malloc(8); /* ALLOC */

	memset(p + 30000, 1, 100); /* BAD */
	return 0;
}
