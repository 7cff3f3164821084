/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_filter_abort.c - a program aborts under a filter that kills for all but what abort calls
 *
 * expect: none
 * modes: check production
 * status: -6
 */
#include <stdio.h>

#define FILTER_CALLS                                                                                       \
	SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_rt_sigprocmask, SYS_gettid, SYS_getpid, SYS_tgkill, \
		SYS_exit_group
#include "filter.h"

int main(void)
{
	free(malloc(1)); /* then libc has read its random numbers */
	enter_sandbox();
	free(malloc(100));
	abort();
}
