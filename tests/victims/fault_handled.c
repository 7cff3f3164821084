/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_handled.c - handled_faults=on reports a fault before the program's own handler runs, which then
 * goes on as it likes
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
