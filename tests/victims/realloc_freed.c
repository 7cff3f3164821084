/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/realloc_freed.c - realloc of memory that was freed
 *
 * expect: double-free in=main object=40
 * expect-production: double-free in=main
 * modes: check production
 * output: null
 */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	char *p = malloc(40);     /* ALLOC */
	free(p);                  /* FREE */
	char *q = realloc(p, 80); /* BAD */
	puts(q ? "memory" : "null");
	return 0;
}
