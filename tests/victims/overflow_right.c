/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/overflow_right.c - a write of one byte past the end, found when the object is freed
 *
 * expect: right-redzone-overwritten in=main object=40 offset=40 access=1
 * modes: check production
 * ways: preload linked static
 */
#include <stdlib.h>

static void fill(char *p, int n)
{
	for (int i = 0; i <= n; i++)
		p[i] = 'A'; /* WRITE */
}
int main(void)
{
	char *p = malloc(40); /* ALLOC */
	fill(p, 40);
	free(p); /* BAD */
	return 0;
}
