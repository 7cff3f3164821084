/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/panic_option.c - shadow.fault=panic ends the recovering forms too
 *
 * options: shadow.fault=panic
 * expect: slab-out-of-bounds type=read
 * output:
 * ways: linked
 */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	volatile char *p = malloc(10);
	int r = p[10]; /* BAD */
	puts("went on");
	fflush(stdout);
	free((void *)p);
	return r == 1000;
}
