/* SPDX-License-Identifier: BSD-2-Clause */
/* _exit, in the child of a fork too, which reports its own losses only; not in a child of vfork.
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
	/* A whole array to every compiler: clang keeps of a volatile one only the elements that are named. */
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
