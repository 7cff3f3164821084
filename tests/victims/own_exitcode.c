/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/own_exitcode.c - only the program knows its exit code for reports: a report in its child tells memsan
 * run
 *
 * expect: double-free in=child object=33
 * status: 41
 * output: 41
 * libs: -rdynamic
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

const char *memsan_default_options(void)
{
	return "exitcode=41";
}

static void child(void)
{
	char *p = malloc(33); /* ALLOC */
	free(p);              /* FREE */
	free(p);              /* BAD */
}
int main(void)
{
	int status = 0;
	if (fork() == 0) {
		child();
		exit(0);
	}
	wait(&status);
	printf("%d\n", WEXITSTATUS(status));
	return 0;
}
