/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fence_libc_fault.c - a call whose extent only libc knows runs onto a guard page: memsan reports the
 * fault, and the check after the call does not report it again
 *
 * ways: preload linked
 * modes: check production
 * options: fence=all:max_reports=0
 * expect: out-of-bounds-write object=13 type=write
 * output: 90
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	char *p = malloc(13);
	int n = sprintf(p, "%090d", 1);
	free(p);
	printf("%d\n", n);
	return 0;
}
