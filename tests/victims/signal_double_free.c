/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/signal_double_free.c - a double free in a signal handler on an alternate stack
 *
 * expect: double-free in=handler object=16
 */
#include <signal.h>
#include <stdlib.h>

static char *p;
static char stack[65536];

static void handler(int sig)
{
	free(p); /* BAD */
}
int main(void)
{
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
	sigaltstack(&ss, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	p = malloc(16); /* ALLOC */
	free(p);        /* FREE */
	raise(SIGUSR1);
	return 0;
}
