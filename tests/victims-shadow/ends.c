/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/ends.c - the forms that do not recover end after a report
 *
 * only-form: gcc-asan clang-asan
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
