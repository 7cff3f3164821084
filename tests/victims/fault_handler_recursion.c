/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_handler_recursion.c - a handler faults again, and SA_NODEFER lets that interrupt it, until its
 * stack has no room for another frame
 *
 * expect: null-ptr-deref in=handler type=write
 * modes: check production
 * status: 99
 */
#include <signal.h>
#include <string.h>

static void handler(int sig)
{
	(void)sig;
	*(volatile int *)8 = 1; /* BAD */
}

int main(void)
{
	struct sigaction a;

	memset(&a, 0, sizeof(a));
	a.sa_handler = handler;
	a.sa_flags = SA_NODEFER;
	sigaction(SIGSEGV, &a, NULL);
	*(volatile int *)4 = 1;
	return 0;
}
