/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/filter_without_futex.c - a report in a program of one thread, whose filter kills for futex. It goes
 * to standard error, and the program goes on
 *
 * expect: none
 * stderr: any
 * status: 99
 * output: ok
 */
#include <stdio.h>

#define FILTER_CALLS SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_write, SYS_fstat, SYS_newfstatat, SYS_exit_group
#include "filter.h"

static void work(void)
{
	volatile int past = 10;
	char *p = malloc(10);

	p[past] = 1;
	free(p);
}

int main(void)
{
	free(malloc(1)); /* then libc has read its random numbers */
	enter_sandbox();
	work();
	puts("ok");
	return 0;
}
