/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/global_oob.c - the kernel bug of this name in a program: reads past the end of a global
 * array. */
#include "kernel-bugs.h"

static char global_array[10];

static __attribute__((noinline)) void bug_global_oob(void)
{
	look(global_array[size_of(10)]);
}

int main(void)
{
	bug_global_oob();
	return 0;
}
