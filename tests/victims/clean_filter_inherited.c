/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_filter_inherited.c - a program is started under a filter that kills for all but what ld.so and
 * libc call, and the calls that set signal handlers
 *
 * expect: none
 * modes: check production
 * ways: preload linked
 * options: fence.sample_rate=20
 * output: ok
 */
#include <stdio.h>

#define FILTER_CALLS CALLS_OF_START
#include "filter.h"

int main(int argc, char **argv)
{
	char *again[] = { argv[0], "again", NULL };

	if (argc == 1) {
		enter_sandbox();
		execv("/proc/self/exe", again);
		return 4;
	}
	filter_churn();
	puts("ok"); /* exit writes the buffer */
	return 0;
}
