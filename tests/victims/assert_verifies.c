/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/assert_verifies.c - a failed assertion, and a fatal signal that the program sends to itself, verify red
 * zones and canaries as exit does
 *
 * expect: right-redzone-overwritten object=20
 * expect: right-redzone-overwritten object=40
 * modes: check production
 */
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	volatile char *volatile p = malloc(20);
	volatile char *volatile q = malloc(40);
	struct rlimit no_core = { 0, 0 };

	setrlimit(RLIMIT_CORE, &no_core);
	if (fork() == 0) {
		p[20] = 1;      /* WRITE */
		fclose(stderr); /* the message */
		assert(p[20] == 0);
	}
	wait(NULL);
	if (fork() == 0) {
		q[40] = 1; /* WRITE */
		kill(getpid(), SIGTERM);
	}
	wait(NULL);
	return 0;
}
