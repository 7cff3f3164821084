/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/unused_slot_at_exit.c - a store to a slot that never had an object is found when the program ends
 *
 * expect: unallocated-overwritten object=8 offset=200 type=write access=4 alloc=main
 */
#include <stdlib.h>

int main(void)
{
	char *volatile p = malloc(8);

	*(volatile int *)(p + 200) = 0x01010101; /* WRITE */
	return 0;
}
