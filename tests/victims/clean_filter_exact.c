/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_filter_exact.c - a program is started under a filter that kills for one of fstat and newfstatat,
 * the one that its libc does not call
 *
 * expect: none
 * modes: check production
 * ways: preload linked
 * options: fence.sample_rate=20
 * output: ok
 */
#include <gnu/libc-version.h>
#include <stdio.h>
#include <sys/syscall.h>

#define FILTER_CALLS                                                                                               \
	SYS_access, SYS_arch_prctl, SYS_brk, SYS_close, SYS_execve, SYS_exit_group, SYS_futex, SYS_getcwd,         \
		SYS_getrandom, SYS_lseek, SYS_madvise, SYS_mmap, SYS_mprotect, SYS_mremap, SYS_munmap, SYS_openat, \
		SYS_pread64, SYS_prlimit64, SYS_read, 334 /* rseq */, SYS_set_robust_list, SYS_set_tid_address,    \
		SYS_write, SYS_exit, SYS_rt_sigaction, SYS_sigaltstack, SYS_rt_sigprocmask, SYS_rt_sigreturn
#include "filter.h"

int main(int argc, char **argv)
{
	int minor = atoi(gnu_get_libc_version() + 2);
	const int more[] = { minor >= 33 && minor < 39 ? SYS_newfstatat : SYS_fstat, -1 };
	char *again[] = { argv[0], "again", NULL };

	if (argc == 1) {
		enter_sandbox_with(more, SECCOMP_RET_KILL_PROCESS);
		execv("/proc/self/exe", again);
		return 4;
	}
	filter_churn();
	puts("ok"); /* exit writes the buffer */
	return 0;
}
