/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/filter_broken_pipe.c - standard error is a pipe without a reader, and a filter of the program's allows
 * little: a report must not raise SIGPIPE, nor take one that was pending before. Descriptor 2 that became another file
 * gets no report under a filter either
 *
 * expect: none
 * options: exitcode=0
 * ways: preload linked
 * output: 0 0 0 0 0 0
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define FILTER_CALLS CALLS_OF_LIBC
#include "filter.h"

static const int with_wait[] = { SYS_rt_sigprocmask, SYS_rt_sigtimedwait, -1 };
static const int with_action[] = { SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_rt_sigreturn, -1 };
static const int with_ppoll[] = { SYS_ppoll, -1 };
static const int with_poll[] = { SYS_poll, SYS_rt_sigprocmask, -1 };
static const int with_pending[] = { SYS_rt_sigprocmask, SYS_rt_sigtimedwait, SYS_rt_sigpending, -1 };
static const int with_files[] = { SYS_openat, -1 };

static void work(void)
{
	volatile int past = 10;
	char *p = malloc(10);

	p[past] = 1;
	free(p);
}

static int is_pending(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE);
}

static int child(const int *more)
{
	int ends[2], status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		if (pipe(ends) != 0 || close(ends[0]) != 0 || dup2(ends[1], 2) != 2)
			_exit(4);
		if (more == with_pending) {
			sigset_t set;

			sigemptyset(&set);
			sigaddset(&set, SIGPIPE);
			sigprocmask(SIG_BLOCK, &set, NULL);
			raise(SIGPIPE);
		}
		enter_sandbox_with(more, SECCOMP_RET_KILL_PROCESS);
		if (more == with_files) {
			struct stat st;
			int journal;

			close(2);
			journal = open("/tmp", O_TMPFILE | O_RDWR | O_APPEND, 0600);
			work();
			_exit(journal != 2 ? 5 : fstat(2, &st) != 0 ? 6 : st.st_size ? 7 : 0);
		}
		work();
		_exit(more == with_pending && !is_pending() ? 8 : 0);
	}
	waitpid(pid, &status, 0);
	return status;
}

int main(void)
{
	printf("%#x %#x %#x %#x %#x %#x\n", child(with_wait), child(with_action), child(with_ppoll), child(with_poll),
	       child(with_pending), child(with_files));
	return 0;
}
