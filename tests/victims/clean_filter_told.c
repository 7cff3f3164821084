/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_filter_told.c - the same as clean_filter_unknown.c, but the program that sets the filter
 * tells what it knows, and this one does not see that
 *
 * expect: none
 * modes: check production
 * ways: preload linked
 * options: fence.sample_rate=20
 * output: ok (null)
 */
#include <stdio.h>

#define FILTER_CALLS CALLS_OF_QUIET_START
#define FILTER_SET FILTER_SEEN
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
	printf("ok %s\n", getenv("MEMSAN_FILTERS")); /* exit writes the buffer */
	return 0;
}
