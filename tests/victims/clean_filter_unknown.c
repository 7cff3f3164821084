/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_filter_unknown.c - a program is started under a filter that kills for madvise and for
 * calls about signals, since the program makes none, although it could; nobody tells it which filter that is
 *
 * expect: none
 * modes: check production
 * ways: preload linked static
 * options: fence.sample_rate=20
 * output: ok (null)
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

#define FILTER_CALLS CALLS_OF_QUIET_START, SYS_readlink /* static programs */, SYS_readlinkat
#define FILTER_SET FILTER_UNSEEN
#include "filter.h"

static void *nothing(void *arg)
{
	return arg;
}

/* What it imports, and does not call. */
static void other_ways(void *p)
{
	struct sigaction action = { .sa_handler = SIG_IGN };
	stack_t stack = { .ss_sp = p, .ss_size = 1 << 16 };
	pthread_t thread;

	sigaction(SIGUSR1, &action, NULL);
	signal(SIGUSR1, SIG_IGN);
	sigaltstack(&stack, NULL);
	madvise(p, 4096, MADV_DONTNEED);
	pthread_create(&thread, NULL, nothing, p);
}

int main(int argc, char **argv, char **environment)
{
	char *again[] = { argv[0], "again", NULL };

	if (argc == 1) {
		enter_sandbox();
		unseen_call(SYS_execve, (long)"/proc/self/exe", again, environment);
		return 4;
	}
	if (argc > 2)
		other_ways(argv);
	filter_churn();
	printf("ok %s\n", getenv("MEMSAN_FILTERS")); /* exit writes the buffer */
	return 0;
}
