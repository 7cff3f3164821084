/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fence_handler.c - a signal handler that blocks every signal writes to a freed fenced object
 *
 * expect: use-after-free-write in=handler object=40
 * modes: check production
 * options: fence=all
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static volatile char *p;
static void handler(int sig)
{
	p[3] = (char)sig;
}

int main(void)
{
	struct sigaction a;
	memset(&a, 0, sizeof(a));
	a.sa_handler = handler;
	sigfillset(&a.sa_mask);
	sigaction(SIGUSR1, &a, 0);
	p = malloc(40);
	free((void *)p);
	raise(SIGUSR1);
	return 0;
}
