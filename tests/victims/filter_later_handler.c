/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/filter_later_handler.c - a program is started under a filter of which nobody tells it anything. It sets
 * a handler, so that memsan may do that, too: a fault afterwards is reported, and the program's signal stack stays
 *
 * expect: null-ptr-deref type=read
 * modes: check production
 * ways: preload linked
 * status: -11
 * output: ours
 */
#include <signal.h>
#include <stdio.h>

#define FILTER_CALLS CALLS_OF_START, SYS_kill, SYS_tgkill, SYS_getpid, SYS_gettid
#define FILTER_SET FILTER_UNSEEN
#include "filter.h"

static char room[1 << 16];
static int *volatile nothing;

static void on_signal(int sig)
{
	volatile char here;

	(void)sig;
	write(1, &here >= room && &here < room + sizeof(room) ? "ours\n" : "another\n", 5);
}

int main(int argc, char **argv, char **environment)
{
	char *again[] = { argv[0], "again", NULL };
	stack_t stack = { .ss_sp = room, .ss_size = sizeof(room) };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };

	if (argc == 1) {
		enter_sandbox();
		unseen_call(SYS_execve, (long)"/proc/self/exe", again, environment);
		return 4;
	}
	if (sigaltstack(&stack, NULL) != 0 || sigaction(SIGUSR1, &action, NULL) != 0)
		return 5;
	raise(SIGUSR1);
	return *nothing;
}
