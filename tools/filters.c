/* SPDX-License-Identifier: BSD-2-Clause */
/* tools/filters.c - does a filter of system calls under which memsan run was started end processes for memsan's calls?
 *
 * The filter of a container refuses calls with an error, and memsan's library can do what it does elsewhere: it notices
 * the error. Other filters kill. A process cannot ask which of the two it has, so a child tries the calls. The library
 * takes the answer for itself only if its process has as many filters as memsan run has: filters are never taken away,
 * so they are the same ones. */
#include "config.h"

#include "tools/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The number in a line of /proc/self/status; 0: no such line. */
static unsigned status_number(const char *key)
{
	char line[256];
	unsigned number = 0;
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			number = (unsigned)strtoul(line + strlen(key), NULL, 10);
	if (f)
		fclose(f);
	return number;
}

static int thread_does_nothing(void *arg)
{
	(void)arg;
	return 0;
}

/* Calls that the library makes beside those of ld.so and libc. Most fail here: only a filter sees them. */
static void try_calls(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	struct rlimit limit;
	struct timespec none = { 0, 0 };
	struct pollfd p = { .fd = -1 };
	char text[512];
	int ends[2] = { -1, -1 };
	long set = 0;
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t self = getpid();

	const struct {
		long nr, a, b, c, d, e;
	} calls[] = {
		{ SYS_gettid, 0, 0, 0, 0, 0 },
		{ SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0 },
		{ SYS_prctl, PR_GET_NAME, (long)text, 0, 0, 0 },
		{ SYS_prctl, PR_SET_NAME, (long)"memsan", 0, 0, 0 },
		{ SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0 },
		{ SYS_sysinfo, (long)text, 0, 0, 0, 0 },
		{ SYS_mlock, (long)page, 4096, 0, 0, 0 },
		{ SYS_munlock, (long)page, 4096, 0, 0, 0 },
		{ SYS_madvise, (long)page, 4096, MADV_DONTDUMP, 0, 0 },
		{ SYS_madvise, (long)page, 4096, MADV_DONTNEED, 0, 0 },
		{ SYS_mincore, (long)page, 4096, (long)text, 0, 0 },
		{ SYS_mremap, (long)page, 4096, 4096, 0, 0 },
		{ SYS_process_vm_readv, self, 0, 0, 0, 0 },
		{ SYS_process_madvise, -1, 0, 0, 0, 0 },
		{ SYS_rt_sigpending, (long)&set, sizeof(set), 0, 0, 0 },
		{ SYS_rt_sigtimedwait, (long)&set, 0, (long)&none, sizeof(set), 0 },
		{ SYS_rt_tgsigqueueinfo, self, self, 0, 0, 0 },
		{ SYS_rt_sigqueueinfo, self, 0, 0, 0, 0 },
		{ SYS_ppoll, (long)&p, 1, (long)&none, 0, 8 },
		{ SYS_poll, (long)&p, 1, 0, 0, 0 },
		{ SYS_clock_gettime, CLOCK_MONOTONIC, (long)text, 0, 0, 0 },
		{ SYS_nanosleep, (long)&none, 0, 0, 0, 0 },
		{ SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, (long)&none, 0, 0 },
		{ SYS_sched_yield, 0, 0, 0, 0, 0 },
		{ SYS_fcntl, -1, F_DUPFD_CLOEXEC, 3, 0, 0 },
		{ SYS_dup2, -1, 1, 0, 0, 0 },
		{ SYS_dup3, -1, 1, 0, 0, 0 },
		{ SYS_close_range, 1000000, 1000000, 0, 0, 0 },
		{ SYS_getdents64, -1, (long)text, sizeof(text), 0, 0 },
		{ SYS_readlink, (long)"/proc/self/exe", (long)text, sizeof(text), 0, 0 },
		{ SYS_faccessat, AT_FDCWD, (long)"/", X_OK, 0, 0 },
		{ SYS_getcwd, (long)text, sizeof(text), 0, 0, 0 },
		{ SYS_ioctl, -1, 0, 0, 0, 0 },
		{ SYS_pipe2, (long)ends, O_CLOEXEC, 0, 0, 0 },
		{ SYS_kill, self, 0, 0, 0, 0 },
		{ SYS_tgkill, self, self, 0, 0, 0 },
		{ SYS_pidfd_open, -1, 0, 0, 0, 0 },
		{ SYS_pidfd_send_signal, -1, 0, 0, 0, 0 },
		{ SYS_waitid, P_ALL, 0, (long)text, WEXITED | WNOHANG, 0 },
		{ SYS_wait4, -1, (long)text, WNOHANG, 0, 0 },
		{ SYS_setsid, 0, 0, 0, 0, 0 },
		{ SYS_timer_create, -1, 0, 0, 0, 0 },
		{ SYS_timer_settime, -1, 0, 0, 0, 0 },
		{ SYS_timer_delete, -1, 0, 0, 0, 0 },
		{ SYS_capget, 0, 0, 0, 0, 0 },
		{ SYS_sigaltstack, 0, (long)text, 0, 0, 0 },
		{ SYS_prlimit64, 0, RLIMIT_DATA, 0, (long)&limit, 0 },
	};
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		syscall(calls[i].nr, calls[i].a, calls[i].b, calls[i].c, calls[i].d, calls[i].e);
	/* As the helper, its keeper, and a scan are started. */
	clone(thread_does_nothing, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | CLONE_UNTRACED, NULL);
	clone(thread_does_nothing, stack + sizeof(stack),
	      CLONE_VM | CLONE_VFORK | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
	              CLONE_UNTRACED,
	      NULL);
}

unsigned filters_that_refuse(void)
{
	unsigned filters = status_number("Seccomp:") == 2 ? status_number("Seccomp_filters:") : 0;
	struct rlimit no_core = { 0, 0 };
	void (*on_child)(int);
	sigset_t all, before;
	int status = -1;
	pid_t child;

	if (!filters)
		return 0;
	/* SIGCHLD stays unseen, and nothing interrupts. */
	on_child = signal(SIGCHLD, SIG_DFL);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	child = fork();
	if (child == 0) {
		signal(SIGSYS, SIG_DFL);
		setrlimit(RLIMIT_CORE, &no_core);
		try_calls();
		_exit(0);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	sigprocmask(SIG_SETMASK, &before, NULL);
	signal(SIGCHLD, on_child);
	return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? filters : 0;
}
