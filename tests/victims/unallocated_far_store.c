/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/unallocated_far_store.c - a store so far behind an object that it hits pages that no object ever had:
 * found when the program ends
 *
 * expect: unallocated-overwritten
 * options: fence=off
 */
#include <stdlib.h>

int main(void)
{
	volatile char *volatile p = malloc(100);

	p[200000] = 1; /* WRITE */
	return 0;
}
