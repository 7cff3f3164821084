/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/wild_access.c - the kernel bug of this name in a program: reads at a non-canonical address. */
#include "kernel-bugs.h"

static __attribute__((noinline)) void bug_wild_access(void)
{
	look(*(char *)size_of(0x1234567812345678));
}

int main(void)
{
	bug_wild_access();
	return 0;
}
