/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/unused_slot_write.c - a write to slots that never had an object is reported once, at the write
 *
 * expect: slab-out-of-bounds in=main type=write access=8 object=8 offset=200
 * ways: linked
 */
#include <stdlib.h>

int main(void)
{
	char *volatile p = malloc(8); /* ALLOC */

	*(volatile long *)(p + 200) = -1; /* BAD */
	for (int i = 0; i < 100; i++)
		*(volatile char *)malloc(8) = 1;
	return 0;
}
