/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/realloc_into_fence.c - memory that was too large for a fence is fenced when realloc makes it small
 *
 * expect: out-of-bounds-write in=main object=64
 * options: fence=all:fence.max_size=4096
 * modes: check production
 */
#include <stdlib.h>
#include <string.h>

int main(void)
{
	char *p = malloc(100000);
	memset(p, 'x', 100000);
	p = realloc(p, 64); /* ALLOC */
	if (!p || p[0] != 'x' || p[63] != 'x')
		return 1;
	*(volatile char *)&p[64] = 1; /* BAD */
	free(p);
	return 0;
}
