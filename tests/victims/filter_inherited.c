/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/filter_inherited.c - a report in a program that is started under a filter that kills for all but what
 * ld.so and libc call, and the calls that set signal handlers
 *
 * expect: right-redzone-overwritten object=10
 * ways: preload linked
 * status: 99
 * output: ok
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What ld.so, libc's start, malloc, stdio and exit call, also for one more library; and what sets a signal handler. */
static const int allowed[] = {
	SYS_access,  SYS_arch_prctl, SYS_brk,          SYS_close,       SYS_execve,          SYS_exit_group,
	SYS_fstat,   SYS_futex,      SYS_getcwd,       SYS_getrandom,   SYS_lseek,           SYS_madvise,
	SYS_mmap,    SYS_mprotect,   SYS_mremap,       SYS_munmap,      SYS_newfstatat,      SYS_openat,
	SYS_pread64, SYS_prlimit64,  SYS_read,         334 /* rseq */,  SYS_set_robust_list, SYS_set_tid_address,
	SYS_write,   SYS_exit,       SYS_rt_sigaction, SYS_sigaltstack, SYS_rt_sigprocmask,  SYS_rt_sigreturn,
};

static void enter_sandbox(void)
{
	struct sock_filter code[2 * (sizeof(allowed) / sizeof(allowed[0])) + 2];
	struct sock_fprog program = { 0, code };
	unsigned short n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	program.len = n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		_exit(3);
}

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
