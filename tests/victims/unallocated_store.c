/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/unallocated_store.c - a store a megabyte past an object faults, is reported as that object's, and the
 * program goes on; the memory that it wrote to reads as zero when it becomes an object's
 *
 * expect: slab-out-of-bounds in=main object=8 offset=1048576 type=write
 * output: 0
 */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	volatile char *volatile p = malloc(8); /* ALLOC */
	unsigned char *q;
	size_t sum = 0;

	p[1 << 20] = 1; /* BAD */
	q = calloc(3, 1 << 20);
	for (size_t i = 0; i < (3u << 20); i++)
		sum += q[i];
	printf("%zu\n", sum);
	return 0;
}
