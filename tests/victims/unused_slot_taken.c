/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/unused_slot_taken.c - a store to a slot that never had an object is found when the slot is allocated,
 * and once only
 *
 * expect: unallocated-overwritten object=100 type=write access=1
 * output: 1
 */
#include <stdio.h>
#include <stdlib.h>

__attribute__((weak)) size_t memsan_check_all(void);

static volatile char *volatile p[3000];

int main(void)
{
	p[0] = malloc(100);
	p[0][20000] = 1; /* WRITE */
	for (int i = 1; i < 3000; i++)
		p[i] = malloc(100);
	printf("%d\n", !memsan_check_all || memsan_check_all() == 0);
	return 0;
}
