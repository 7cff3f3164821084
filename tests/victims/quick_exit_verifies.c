/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/quick_exit_verifies.c - _exit verifies red zones and poison as exit does; damage that a fork's children
 * inherit is printed once, and the exit status of each process tells of it; a child of vfork verifies nothing
 *
 * expect: right-redzone-overwritten object=20 alloc=main
 * ways: preload static
 * output: 1 1 0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int status_of(pid_t pid)
{
	int status;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 99;
}

int main(void)
{
	volatile char *volatile p = malloc(20);
	int first, second, third;
	pid_t pid;

	p[20] = 1; /* WRITE */
	if ((pid = fork()) == 0)
		_exit(0);
	first = status_of(pid);
	if ((pid = fork()) == 0)
		_Exit(0);
	second = status_of(pid);
	if ((pid = vfork()) == 0)
		_exit(0);
	third = status_of(pid);
	printf("%d %d %d\n", first, second, third);
	fflush(stdout);
	_exit(0);
}
