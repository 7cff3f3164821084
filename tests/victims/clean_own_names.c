/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_own_names.c - a static program may have functions named like memsan's own
 *
 * expect: none
 * modes: check
 * ways: static linked preload
 * output: 3
 */
#include <stdio.h>
#include <stdlib.h>

int depot_save(int n)
{
	return n + 1;
}
int slab_malloc(int n)
{
	return n + 1;
}
int options = 1;

int main(void)
{
	free(malloc(10));
	printf("%d\n", depot_save(slab_malloc(options)));
	return 0;
}
