/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/stack_oob.c - the kernel bug of this name in a program: reads past the end of an array on the
 * stack. */
#include "kernel-bugs.h"

static __attribute__((noinline)) void bug_stack_oob(void)
{
	char array[10] = "";

	look(array[size_of(10)]);
}

int main(void)
{
	bug_stack_oob();
	return 0;
}
