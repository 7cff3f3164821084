/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/overflow_large.c - a write into the slack of the last page of a large area
 *
 * options: shadow=off
 * expect: right-redzone-overwritten in=main object=100001 offset=100001 access=4
 */
#include <stdlib.h>
#include <string.h>

int main(void)
{
	char *p = malloc(100001); /* ALLOC */
	memset(p + 100001, 1, 4); /* WRITE */
	free(p);                  /* BAD */
	return 0;
}
