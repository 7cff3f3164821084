/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/child_double_free.c - a report in a forked child: the child ends with the exit code for reports, the
 * parent goes on, and memsan run ends with that code too
 *
 * expect: double-free in=child object=33
 * status: 99
 * output: child 99
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int child(void)
{
	char *p = malloc(33); /* ALLOC */
	free(p);              /* FREE */
	free(p);              /* BAD */
	return 0;
}
int main(void)
{
	int status = 0;
	pid_t pid = fork();
	if (pid == 0)
		exit(child());
	waitpid(pid, &status, 0);
	printf("child %d\n", WEXITSTATUS(status));
	return 0;
}
