/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_core.c - after the report the program dies by the same signal as without memsan, and its parent
 * sees that signal
 *
 * expect: null-ptr-deref in=main type=write
 * modes: check production
 * output: signal 11
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int *volatile p;

int main(void)
{
	int status;
	if (fork() == 0)
		*p = 1; /* BAD */
	wait(&status);
	printf("signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
	return 0;
}
