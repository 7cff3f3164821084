/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/strdup_overflow.c - strcat writes past the end of what strdup allocated
 *
 * options: shadow=off
 * expect: right-redzone-overwritten in=main object=6 offset=6 access=3
 */
#include <stdlib.h>
#include <string.h>

int main(void)
{
	char *p = strdup("hello");
	strcat(p, "!!!"); /* WRITE */
	free(p);          /* BAD */
	return 0;
}
