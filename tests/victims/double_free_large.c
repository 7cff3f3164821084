/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/double_free_large.c - an area above the size classes is freed twice
 *
 * expect: double-free in=main object=300000 cache=vmalloc
 * expect-production: double-free in=main
 * modes: check production
 * ways: preload static
 */
#include <stdlib.h>

int main(void)
{
	char *p = malloc(300000); /* ALLOC */
	p[0] = 1;
	free(p); /* FREE */
	free(p); /* BAD */
	return 0;
}
