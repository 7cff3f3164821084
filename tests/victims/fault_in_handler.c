/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_in_handler.c - a signal handler that blocks every signal faults
 *
 * expect: null-ptr-deref in=handler type=write
 * modes: check production
 * status: 99
 */
#include <signal.h>
#include <string.h>

static int *volatile p;
static void handler(int sig)
{
	*p = sig; /* BAD */
}

int main(int argc, char **argv)
{
	struct sigaction a;
	memset(&a, 0, sizeof(a));
	a.sa_handler = handler;
	sigfillset(&a.sa_mask);
	sigaction(SIGUSR1, &a, 0);
	raise(SIGUSR1);
	return argc > 5;
}
