/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/filter_and_file_limit.c - a program whose standard error is a file sets a filter and lets no file grow,
 * as OpenSSH's sandbox does: a report has no place, and must not end the program by SIGXFSZ
 *
 * expect: none
 * ways: preload linked
 * status: 99
 * output: ok
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int allowed[] = {
	SYS_brk,   SYS_mmap, SYS_munmap, SYS_mremap,     SYS_mprotect, SYS_madvise, SYS_futex,      SYS_write,
	SYS_fstat, SYS_read, SYS_lseek,  SYS_newfstatat, SYS_close,    SYS_exit,    SYS_exit_group, SYS_getrandom,
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

int main(void)
{
	struct rlimit none = { 0, 0 };
	volatile int past = 10;
	char *p = malloc(10);
	int fd = memfd_create("log", 0);

	if (fd < 0 || fcntl(fd, F_SETFL, O_APPEND) != 0 || dup2(fd, 2) != 2 || setrlimit(RLIMIT_FSIZE, &none) != 0)
		return 3;
	enter_sandbox();
	p[past] = 1;
	free(p);
	puts("ok");
	return 0;
}
