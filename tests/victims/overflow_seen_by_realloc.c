/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/overflow_seen_by_realloc.c - realloc finds the damage before it copies
 *
 * expect: right-redzone-overwritten in=main object=50 offset=50 access=1
 */
#include <stdlib.h>

int main(void)
{
	char *p = malloc(50); /* ALLOC */
	p[50] = 1;            /* WRITE */
	p = realloc(p, 5000); /* BAD */
	free(p);
	return 0;
}
