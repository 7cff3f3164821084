/* SPDX-License-Identifier: BSD-2-Clause */
/* After the report the program dies as it would have without memsan: by the same signal, which its parent sees.
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
