/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/torture/filters.c - programs that allow themselves few system calls: filters with what libc's malloc needs,
 * with less than that, with conditions on arguments, refused ones.  Most are tried with several answers to other calls.
 */
#define TORTURE_MAIN
#include "torture.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stddef.h>

static const uint32_t answers[] = { SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO | EPERM };

static int set_filter(struct sock_filter *code, size_t n)
{
	struct sock_fprog program = { (unsigned short)n, code };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void allow_only(const int *calls, size_t n, uint32_t answer)
{
	struct sock_filter f[100] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)) };
	size_t k = 1;

	for (size_t i = 0; i < n; i++) {
		f[k++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i], 0, 1);
		f[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	f[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	must(set_filter(f, k) == 0);
}

/* Runs the function in a child of each filter. */
static void under(const int *calls, size_t n, void (*work)(void))
{
	void *volatile first = malloc(1); /* then libc reads random numbers */

	free(first);
	for (unsigned i = 0; i < NR(answers); i++) {
		pid_t child = fork();

		if (child == 0) {
			allow_only(calls, n, answers[i]);
			work();
			exit(5);
		}
		reap("filtered", child);
	}
}

/* What is printed last is flushed by exit. */
static void works(void)
{
	char *big;

	churn(1500, 1);
	printf("worked\n");
	fflush(stdout);
	big = malloc(5 << 20);
	memset(big, 1, 5 << 20);
	big = realloc(big, 9 << 20);
	memset(big, 2, 9 << 20);
	free(big);
	churn(300, 2);
	printf("not flushed\n");
}

/* The first heap of libc needs no mprotect, no madvise and no futex. */
static void filter_of_one_thread(void)
{
	static const int calls[] = { SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_write, SYS_exit_group };

	setvbuf(stdout, NULL, _IOFBF, 4096);
	under(calls, NR(calls), works);
}

static void uses_what_it_has(void)
{
	void *v[200];

	for (int round = 0; round < 10; round++) {
		for (unsigned k = 0; k < NR(v); k++)
			v[k] = memset(malloc(k % 40 * 20), 1, k % 40 * 20);
		for (unsigned k = 0; k < NR(v); k++)
			free(v[k]);
	}
	_exit(6);
}

/* Without mmap and brk there is the memory that was freed before. */
static void filter_without_memory(void)
{
	static const int calls[] = { SYS_read, SYS_write, SYS_exit_group, SYS_rt_sigreturn };
	void *v[400];

	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	for (unsigned k = 0; k < NR(v); k++)
		v[k] = malloc(k % 40 * 20);
	for (unsigned k = 0; k < NR(v); k++)
		free(v[k]);
	under(calls, NR(calls), uses_what_it_has);
}

/* Writable memory, and nothing else; no call changes what is mapped. */
static void filter_of_arguments(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PROT_READ | PROT_WRITE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	must(set_filter(f, NR(f)) == 0);
	works();
	exit(5);
}

static void forks(void)
{
	for (int i = 0; i < 2; i++) {
		pid_t child = fork();

		if (child == 0) {
			churn(200, 1);
			exit(7);
		}
		reap("inner", child);
	}
	churn(200, 1);
}

static void filter_and_forks(void)
{
	static const int calls[] = { SYS_brk,        SYS_mmap,     SYS_munmap, SYS_mremap,          SYS_write,
		                     SYS_exit_group, SYS_clone,    SYS_wait4,  SYS_set_robust_list, SYS_rt_sigprocmask,
		                     SYS_gettid,     SYS_getrandom };

	under(calls, NR(calls), forks);
}

static sigjmp_buf back;
static volatile unsigned faults;

static void jumps(int sig)
{
	(void)sig;
	faults++;
	siglongjmp(back, 1);
}

static void faults_are_handled(void)
{
	for (volatile int i = 0; i < 20; i++)
		if (sigsetjmp(back, 1) == 0)
			*(volatile char *)8 = 1;
	churn(200, 1);
	say("%u faults\n", faults);
}

static void filter_and_handlers(void)
{
	static const int calls[] = { SYS_brk,        SYS_mmap,         SYS_munmap,         SYS_mremap,      SYS_write,
		                     SYS_exit_group, SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_rt_sigaction };

	signal(SIGSEGV, jumps);
	under(calls, NR(calls), faults_are_handled);
}

static void crashes(void)
{
	*(volatile char *)8 = 1;
}

/* Nothing returns from a handler where rt_sigreturn is refused. */
static void filter_and_a_crash(void)
{
	static const int calls[] = { SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_write, SYS_exit_group };
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		close(2);
		allow_only(calls, NR(calls), SECCOMP_RET_ERRNO | EPERM);
		crashes();
	}
	must(waitpid(child, &status, 0) == child);
	say("failed %d\n", status != 0);
}

/* A filter that the kernel refuses changes nothing. */
static void refused_filter(void)
{
	struct sock_filter kills[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS) };
	struct sock_filter wrong[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 5), BPF_STMT(BPF_RET | BPF_K, 0) };
	struct sock_fprog program = { NR(kills), kills };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	must(set_filter(wrong, NR(wrong)) == -1 && errno == EINVAL);
	works();
	must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 1ul << 31, &program) == -1 && errno == EINVAL);
	works();
	must(syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &(struct sock_fprog){ NR(wrong), wrong }) == -1 &&
	     errno == EINVAL);
	works();
	exit(5);
}

const struct torture_case torture_cases[] = {
	{ "filter_of_one_thread", filter_of_one_thread },
	{ "filter_without_memory", filter_without_memory },
	{ "filter_of_arguments", filter_of_arguments },
	{ "filter_and_forks", filter_and_forks },
	{ "filter_and_handlers", filter_and_handlers },
	{ "filter_and_a_crash", filter_and_a_crash },
	{ "refused_filter", refused_filter },
	{ NULL, NULL },
};
