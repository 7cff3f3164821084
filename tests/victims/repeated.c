/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/repeated.c - a thousand reports from one place are one report
 *
 * expect: double-free in=again object=8
 * stderr: any
 */
#include <stdlib.h>

static void again(void)
{
	char *p = malloc(8); /* ALLOC */
	free(p);             /* FREE */
	free(p);             /* BAD */
}
int main(void)
{
	for (int i = 0; i < 1000; i++)
		again();
	return 0;
}
