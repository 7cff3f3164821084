/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/invalid_realloc.c - realloc of an automatic variable fails and changes nothing
 *
 * expect: invalid-free in=main entry=realloc
 * modes: check production
 * output: kept
 */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	char local[64] = "kept";
	char *q = realloc(local, 100); /* BAD */
	if (!q)
		puts(local);
	return 0;
}
