/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/double_free_churn.c - an object is freed again after much other traffic in its size class: the state
 * map finds that every time
 *
 * expect: double-free in=main object=100
 * expect-production: double-free in=main
 * modes: check production
 */
#include <stdlib.h>

static void *keep[1000];

int main(void)
{
	for (int i = 0; i < 1000; i++)
		keep[i] = malloc(100);
	char *p = malloc(100); /* ALLOC */
	free(p);               /* FREE */
	for (int i = 0; i < 1000; i += 2)
		free(keep[i]);
	free(p); /* BAD */
	return 0;
}
