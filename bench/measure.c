/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/measure.c - runs a program once and measures it: measure SECONDS OUTPUT [NAME=VALUE…] -- PROG [ARGS…]
 *
 * It reads the clock right before fork and right after wait4.  It is small itself, because a child's peak memory starts
 * at the size of its parent.  It prints nanoseconds of wall clock, user and system time, the peak KiB, and the wait
 * status.  It kills the program after SECONDS (0: never).  The program's standard output goes to OUTPUT, its standard
 * error to /dev/null. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static volatile pid_t child;

static void on_alarm(int sig)
{
	(void)sig;
	kill(child, SIGKILL);
}

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long nanoseconds(struct timeval t)
{
	return t.tv_sec * 1000000000LL + t.tv_usec * 1000LL;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	long long begin, end;
	char *set[64];
	int i, nr = 0, status;

	if (argc < 5)
		return 2;
	for (i = 3; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (nr < 63)
			set[nr++] = argv[i];
	if (++i >= argc)
		return 2;
	signal(SIGALRM, on_alarm);
	alarm((unsigned)atoi(argv[1]));
	begin = now();
	child = fork();
	if (child == 0) {
		int out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0600), null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(out, 1);
		dup2(null, 2);
		while (nr)
			putenv(set[--nr]);
		execvp(argv[i], argv + i);
		_exit(127);
	}
	while (wait4(child, &status, 0, &usage) < 0 && errno == EINTR)
		;
	end = now();
	printf("%lld %lld %lld %ld %d\n", end - begin, nanoseconds(usage.ru_utime), nanoseconds(usage.ru_stime),
	       usage.ru_maxrss, status);
	return 0;
}
