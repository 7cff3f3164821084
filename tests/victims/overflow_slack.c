/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/overflow_slack.c - a write into the slack behind an odd size
 *
 * expect: right-redzone-overwritten in=main object=37 offset=37 access=1
 */
#include <stdlib.h>

int main(void)
{
	char *p = malloc(37);           /* ALLOC */
	*(volatile char *)(p + 37) = 0; /* WRITE */
	free(p);                        /* BAD */
	return 0;
}
