/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/overflow_moved.c - realloc moves a damaged object, in slab memory or between slab memory and a fence:
 * the damage is found by realloc, and told once
 *
 * options: fence=all:fence.max_size=4096
 * expect: below
 */
#include <stdlib.h>

int main(void)
{
	char *p = malloc(24), *q = malloc(5000), *r = malloc(6000);

	p[24] = 1;             /* WRITE */
	p = realloc(p, 40);    /* expect: memory-corruption in=main object=24 found=realloc */
	q[5000] = 1;           /* WRITE */
	q = realloc(q, 100);   /* expect: right-redzone-overwritten in=main object=5000 offset=5000 found=realloc */
	r[6000] = 1;           /* WRITE */
	r = realloc(r, 20000); /* expect: right-redzone-overwritten in=main object=6000 offset=6000 found=realloc */
	free(p);
	free(q);
	free(r);
	return 0;
}
