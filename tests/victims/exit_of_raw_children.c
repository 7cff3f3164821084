/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/exit_of_raw_children.c - children that no fork handler announces (a raw clone, _Fork, and a grandchild)
 * write behind a block and exit: each of them checks its heap at exit
 *
 * expect: right-redzone-overwritten object=40 cache=malloc-48 alloc=child
 * expect: right-redzone-overwritten object=40 cache=malloc-48 alloc=child
 * expect: right-redzone-overwritten object=40 cache=malloc-48 alloc=child
 * expect: right-redzone-overwritten object=40 cache=malloc-48 alloc=child
 * ways: preload linked
 * status-linked: 0
 * output: 99 99 99 99
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile char *p;

static int child(void *unused)
{
	(void)unused;
	p = malloc(40); /* ALLOC */
	p[41] = 1;      /* WRITE */
	exit(0);
}

static int status_of(pid_t pid)
{
	int status;

	if (pid == 0)
		child(NULL);
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

int main(void)
{
	static char stack[1 << 17] __attribute__((aligned(64)));
	int raw = status_of((pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
	int wrapped = status_of(clone(child, stack + sizeof(stack), SIGCHLD, NULL));
	int forked = status_of(_Fork()), grandchild;
	pid_t pid = _Fork();

	if (pid == 0)
		_exit(status_of(_Fork()));
	waitpid(pid, &grandchild, 0);
	printf("%d %d %d %d\n", raw, wrapped, forked, WEXITSTATUS(grandchild));
	return 0;
}
