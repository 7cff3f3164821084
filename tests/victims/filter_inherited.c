/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/filter_inherited.c - a report in a program that is started under a filter that kills for all but what
 * ld.so and libc call, and the calls that set signal handlers
 *
 * expect: right-redzone-overwritten object=10
 * ways: preload linked
 * status: 99
 * output: ok
 */
#include <stdio.h>

#define FILTER_CALLS CALLS_OF_START
#include "filter.h"

static void work(void)
{
	volatile int past = 10;
	char *p = malloc(10);

	p[past] = 1;
	free(p);
}

int main(int argc, char **argv)
{
	char *again[] = { argv[0], "again", NULL };

	if (argc == 1) {
		enter_sandbox();
		execv("/proc/self/exe", again);
		return 4;
	}
	work();
	puts("ok"); /* exit writes the buffer */
	return 0;
}
