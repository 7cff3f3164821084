/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/kmalloc_uaf.c - the kernel bug of this name in a program: writes to an object after free. */
#include "kernel-bugs.h"

static __attribute__((noinline)) void bug_kmalloc_uaf(void)
{
	char *p = malloc(64);

	free(p);
	p[20] = 'x';
}

int main(void)
{
	bug_kmalloc_uaf();
	return 0;
}
