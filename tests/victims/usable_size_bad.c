/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/usable_size_bad.c - malloc_usable_size of what is no live object: nothing is freed, and no report says
 * so
 *
 * expect: below
 * modes: check production
 * output: 0 0 0 0
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

static char global[64] __attribute__((aligned(16)));

int main(void)
{
	char *volatile p = malloc(100), local[64] __attribute__((aligned(16))) = { 0 };
	char *volatile on_stack = local;
	size_t n[4];

	n[0] = malloc_usable_size(global);   /* expect: invalid-pointer in=main entry=malloc_usable_size */
	n[1] = malloc_usable_size(on_stack); /* expect: invalid-pointer in=main frame=main */
	n[2] = malloc_usable_size(p + 16);   /* expect: invalid-pointer in=main entry=malloc_usable_size */
	free(p);
	n[3] = malloc_usable_size(p); /* expect: slab-use-after-free in=main entry=malloc_usable_size */
	printf("%zu %zu %zu %zu\n", n[0], n[1], n[2], n[3]);
	return 0;
}
