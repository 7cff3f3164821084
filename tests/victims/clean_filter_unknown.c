/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_filter_unknown.c - a program is started under a filter that kills for madvise and for
 * calls about signals; nobody tells it which filter that is
 *
 * expect: none
 * modes: check production
 * ways: preload linked
 * options: fence.sample_rate=20
 * output: ok (null)
 */
#include <stdio.h>

#define FILTER_CALLS CALLS_OF_QUIET_START
#define FILTER_SET FILTER_UNSEEN
#include "filter.h"

int main(int argc, char **argv, char **environment)
{
	char *again[] = { argv[0], "again", NULL };

	if (argc == 1) {
		enter_sandbox();
		unseen_call(SYS_execve, (long)"/proc/self/exe", again, environment);
		return 4;
	}
	filter_churn();
	printf("ok %s\n", getenv("MEMSAN_FILTERS")); /* exit writes the buffer */
	return 0;
}
