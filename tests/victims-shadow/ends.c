/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/ends.c - a program built in a form that does not recover ends after a report
 *
 * only-form: gcc-asan clang-asan
 * expect: slab-out-of-bounds type=read
 * output: began
 * ways: linked
 */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	volatile char *p = malloc(10);
	puts("began");
	fflush(stdout);
	int r = p[10]; /* BAD */
	puts("went on");
	fflush(stdout);
	free((void *)p);
	return r == 1000;
}
