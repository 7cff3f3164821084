/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fence_fork_use_after_free.c - objects whose page tables went back before a fork are used in the child
 * and in the parent: each use is reported, and its page then stays accessible over the next fork
 *
 * expect: use-after-free-read in=peek type=read access=8 object=64 offset=8 alloc=main free=main
 * expect: use-after-free-write in=poke type=write access=8 object=100 offset=16 alloc=main free=main
 * expect: use-after-free-read in=look type=read access=1 object=9000 offset=3 alloc=main free=main
 * modes: check production
 * ways: preload linked static
 * options: fence=all
 * status: 99
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((noinline)) static long peek(volatile long *p)
{
	return p[1];
}
__attribute__((noinline)) static void poke(volatile long *p)
{
	p[2] = 5;
}
__attribute__((noinline)) static int look(volatile char *p)
{
	return p[3];
}

static void fork_empty(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	long *a = malloc(64), *b = calloc(10, 10); /* ALLOC */
	char *c = malloc(9000);                    /* ALLOC */
	int status = 1;
	pid_t pid;

	free(a); /* FREE */
	free(b); /* FREE */
	free(c); /* FREE */
	for (int i = 0; i < 3000; i++) {
		free(malloc(33));
		free(malloc(8500));
	}
	fork_empty();
	pid = fork();
	if (pid == 0) {
		peek(a);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	poke(b);
	fork_empty();
	if (((volatile long *)b)[2] != 5)
		_exit(3);
	look(c);
	_exit(0);
}
