/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fence_frees.c - a fenced object is freed twice, and another one through a pointer into its middle
 *
 * expect: double-free in=twice object=40 offset=0
 * expect: invalid-free in=middle object=40 offset=16
 * modes: check production
 * options: fence=all
 */
#include <stdlib.h>

static void twice(void *p)
{
	free(p);
}
static void middle(char *p)
{
	free(p + 16);
}

int main(void)
{
	void *a = malloc(40), *b = malloc(40);
	free(a);
	twice(a);
	middle(b);
	return 0;
}
