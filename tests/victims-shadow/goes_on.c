/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/goes_on.c - a program built in a form that recovers goes on after a report
 *
 * not-form: gcc-asan clang-asan
 * expect: slab-out-of-bounds type=read
 * output: went on
 * ways: linked
 */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	volatile char *p = malloc(10);
	int r = p[10]; /* BAD */
	puts("went on");
	free((void *)p);
	return r == 1000;
}
