/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_sandbox.c - a process enters a sandbox as narrow as sshd's, which kills it for any other
 * system call: memsan must make none
 *
 * expect: none
 * modes: check production
 * ways: preload linked
 * options: fence.sample_rate=20
 * output: ok
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The system calls that OpenSSH 9.2 allows its network-facing child. */
static const int allowed[] = {
	SYS_brk,
	SYS_clock_gettime,
	SYS_close,
	SYS_exit,
	SYS_exit_group,
	SYS_futex,
	SYS_getpgid,
	SYS_getpid,
	SYS_getrandom,
	SYS_gettid,
	SYS_gettimeofday,
	SYS_getuid,
	SYS_geteuid,
	SYS_madvise,
	SYS_mmap,
	SYS_mprotect,
	SYS_mremap,
	SYS_munmap,
	SYS_clock_nanosleep,
	SYS_poll,
	SYS_ppoll,
	SYS_pselect6,
	SYS_read,
	SYS_rt_sigprocmask,
	SYS_select,
	SYS_shutdown,
	SYS_time,
	SYS_write,
	SYS_writev,
};

static void enter_sandbox(void)
{
	struct sock_filter code[2 * (sizeof(allowed) / sizeof(allowed[0])) + 2];
	int n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	struct sock_fprog program = { n, code };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		_exit(3);
}

static void work(void)
{
	static void *p[1000];
	unsigned seed = 1;

	for (int i = 0; i < 50000; i++) {
		seed = seed * 1103515245 + 12345;
		unsigned k = (seed >> 16) % 1000, n = (seed >> 8) % 3000;
		if (seed % 500 == 0)
			n *= 300;
		free(p[k]);
		p[k] = memset(malloc(n + 1), 1, n + 1);
		if (seed % 7 == 1)
			p[k] = realloc(p[k], n + 100);
	}
	for (int k = 0; k < 1000; k++) {
		free(p[k]);
		p[k] = NULL;
	}
}

/* One child allocates nothing before it enters the sandbox, the other one does. */
static int child(int allocate_first)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (allocate_first)
			work();
		enter_sandbox();
		work();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status;
}

int main(void)
{
	int cold = child(0), warm = child(1);

	if (cold || warm)
		printf("status %#x, %#x\n", cold, warm);
	else
		puts("ok");
	return 0;
}
