/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/quick_exit_late.c - quick_exit, a raw exit_group and abort verify too, each in a child that did the
 * damage
 *
 * expect: right-redzone-overwritten object=21
 * expect: right-redzone-overwritten object=22
 * expect: poison-overwritten object=23
 * expect: right-redzone-overwritten object=24
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void damage(size_t n, int late)
{
	volatile char *volatile p = malloc(n);

	if (late)
		free((void *)p);
	p[late ? 16 : n] = 1; /* WRITE */
}

int main(void)
{
	if (fork() == 0) {
		damage(21, 0);
		quick_exit(0);
	}
	wait(NULL);
	if (fork() == 0) {
		damage(22, 0);
		syscall(SYS_exit_group, 0);
	}
	wait(NULL);
	if (fork() == 0) {
		damage(23, 1);
		abort();
	}
	wait(NULL);
	if (fork() == 0) {
		damage(24, 0);
		_exit(3);
	}
	wait(NULL);
	return 0;
}
