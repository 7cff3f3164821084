/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/filter.h - enters a filter of system calls that kills for all but those that FILTER_CALLS lists: for
 * clean_filter_*.c and filter_*.c */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* clang-format off */
/* What libc's malloc, stdio and exit call. */
#define CALLS_OF_LIBC \
	SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_futex, SYS_write, \
	SYS_fstat, SYS_read, SYS_lseek, SYS_newfstatat, SYS_close, SYS_exit, SYS_exit_group, SYS_getrandom
/* What ld.so, libc's start, malloc, stdio and exit call, also for one more library; and what sets a signal handler. */
#define CALLS_OF_START \
	SYS_access, SYS_arch_prctl, SYS_brk, SYS_close, SYS_execve, SYS_exit_group, SYS_fstat, SYS_futex, \
	SYS_getcwd, SYS_getrandom, SYS_lseek, SYS_madvise, SYS_mmap, SYS_mprotect, SYS_mremap, SYS_munmap, \
	SYS_newfstatat, SYS_openat, SYS_pread64, SYS_prlimit64, SYS_read, 334 /* rseq */, \
	SYS_set_robust_list, SYS_set_tid_address, SYS_write, SYS_exit, SYS_rt_sigaction, SYS_sigaltstack, \
	SYS_rt_sigprocmask, SYS_rt_sigreturn
/* What a process calls that allocates, prints and ends, from its start on: no advice on memory, no signals. */
#define CALLS_OF_QUIET_START \
	SYS_access, SYS_arch_prctl, SYS_brk, SYS_close, SYS_execve, SYS_exit_group, SYS_fstat, SYS_futex, \
	SYS_getrandom, SYS_mmap, SYS_mprotect, SYS_mremap, SYS_munmap, SYS_newfstatat, SYS_openat, \
	SYS_pread64, SYS_prlimit64, SYS_read, 334 /* rseq */, SYS_set_robust_list, SYS_set_tid_address, SYS_write
#define FILTER_SEEN(program) prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program)
#define FILTER_UNSEEN(program) \
	unseen_call(SYS_prctl, PR_SET_SECCOMP, (const void *)SECCOMP_MODE_FILTER, program)
/* clang-format on */
#ifndef FILTER_SET
#define FILTER_SET FILTER_SEEN
#endif

/* A system call that memsan does not see. */
static inline long unseen_call(long nr, long a, const void *b, const void *c)
{
	__asm__ volatile("syscall" : "+a"(nr) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return nr;
}

static const int allowed[] = { FILTER_CALLS };

/* `more` ends with -1; all other calls get `answer`. */
static inline void enter_sandbox_with(const int *more, unsigned answer)
{
	struct sock_filter code[2 * (sizeof(allowed) / sizeof(allowed[0])) + 100];
	struct sock_fprog program = { 0, code };
	unsigned short n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	for (; *more >= 0; more++) {
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)*more, 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer);
	program.len = n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || FILTER_SET(&program) != 0)
		_exit(3);
}

static inline void enter_sandbox(void)
{
	static const int none[] = { -1 };

	enter_sandbox_with(none, SECCOMP_RET_KILL_PROCESS);
}

/* Allocates and frees in all sizes; ends with nothing allocated. */
static inline void filter_churn(void)
{
	static void *p[1000];
	unsigned seed = 1;

	for (int i = 0; i < 50000; i++) {
		unsigned k, n;

		seed = seed * 1103515245 + 12345;
		k = (seed >> 16) % 1000;
		n = (seed >> 8) % 3000 * (seed % 500 == 0 ? 300 : 1);
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
