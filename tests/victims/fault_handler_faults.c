/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_handler_faults.c - the program's own SIGSEGV handler faults: memsan reports both faults, and the
 * process ends by the signal
 *
 * expect: null-ptr-deref in=main type=write
 * expect: null-ptr-deref in=handler type=write
 * modes: check production
 * output: signal 11
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int *volatile first, *volatile second;

static void handler(int sig)
{
	*second = sig; /* BAD */
}

int main(void)
{
	int status;
	signal(SIGSEGV, handler);
	if (fork() == 0)
		*first = 1; /* BAD */
	wait(&status);
	printf("signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
	return 0;
}
