/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/unused_slot_at_exit.c - a store to a slot that never had an object is found when the program ends,
 * and so is a zero
 *
 * expect: unallocated-overwritten object=8 offset=200 type=write access=4 alloc=main
 * expect: unallocated-overwritten object=300 offset=1500 type=write access=1 alloc=main
 */
#include <stdlib.h>

int main(void)
{
	char *volatile p = malloc(8);

	*(volatile int *)(p + 200) = 0x01010101; /* WRITE */
	p = malloc(300);
	((volatile char *)p)[1500] = 0; /* WRITE */
	return 0;
}
