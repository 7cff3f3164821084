/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/filter_stack_overflow.c - an endless recursion in a program that is started under a filter, as every
 * program in a container is
 *
 * expect: stack-overflow type=write
 * modes: check production
 * ways: preload linked
 * status: -11
 */
#include <stdio.h>

#define FILTER_CALLS CALLS_OF_START
#include "filter.h"

static int deep(int n)
{
	volatile char a[200];

	a[0] = (char)n;
	return n ? deep(n + 1) + a[0] : 0;
}

int main(int argc, char **argv)
{
	char *again[] = { argv[0], "again", NULL };

	free(malloc(1));
	if (argc == 1) {
		enter_sandbox();
		execv("/proc/self/exe", again);
		return 4;
	}
	return deep(argc);
}
