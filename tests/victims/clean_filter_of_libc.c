/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_filter_of_libc.c - a filter of system calls that allows what libc's malloc, stdio and exit need,
 * and kills for all others, getpid and rt_sigprocmask among them: memsan must make none
 *
 * expect: none
 * modes: check production
 * ways: preload linked
 * options: fence.sample_rate=20
 * output: ok
 */
#include <stdio.h>

#define FILTER_CALLS CALLS_OF_LIBC
#include "filter.h"

/* Stacks deeper than any that was saved before. */
static int deep(int n)
{
	volatile char room[3000];

	room[0] = (char)n;
	if (n == 0)
		filter_churn();
	return n == 0 ? room[0] : deep(n - 1) + room[0];
}

int main(void)
{
	enter_sandbox();
	filter_churn();
	deep(100);
	puts("ok"); /* exit writes the buffer */
	return 0;
}
