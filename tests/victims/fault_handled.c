/* SPDX-License-Identifier: BSD-2-Clause */
/* A crash reporter of the program's own: the fault is reported before its handler runs, which then has its way.
 *
 * options: handled_faults=on
 * expect: null-ptr-deref in=main type=write access=4
 * modes: check production
 * output: handled 11
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void handler(int sig)
{
	printf("handled %d\n", sig);
	exit(0);
}

int main(void)
{
	signal(SIGSEGV, handler);
	*(volatile int *)16 = 1; /* BAD */
	return 1;
}
