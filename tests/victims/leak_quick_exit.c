/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_quick_exit.c - leak.quick_exit=on scans in _exit, also in the child of a fork, which reports its
 * own losses only; not in the child of a vfork
 *
 * options: leak=on:leak.quick_exit=on
 * expect: unreferenced-object object=1002 leak=direct alloc=lose_in_child
 * expect: unreferenced-object object=1001 leak=direct alloc=lose
 * stderr: any
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile lost;

__attribute__((noinline)) static void lose(void)
{
	lost = calloc(1, 1001);
	lost = NULL;
}

__attribute__((noinline)) static void lose_in_child(void)
{
	lost = calloc(1, 1002);
	lost = NULL;
}

__attribute__((noinline)) static void deep(void (*fn)(void))
{
	char bytes[1 << 17];
	/* The asm makes every compiler keep the whole array: of a volatile one, clang keeps only the elements used. */
	__asm__ volatile("" : : "r"(bytes) : "memory");
	fn();
	__asm__ volatile("" : : "r"(bytes) : "memory");
}

int main(void)
{
	deep(lose);
	pid_t pid = fork();
	if (pid == 0) {
		deep(lose_in_child);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	pid = vfork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	_exit(0);
}
