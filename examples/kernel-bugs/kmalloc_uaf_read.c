/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/kmalloc_uaf_read.c - the kernel bug of this name in a program: reads an object after free. */
#include "kernel-bugs.h"

static __attribute__((noinline)) void bug_kmalloc_uaf_read(void)
{
	char *p = malloc(64);

	free(p);
	look(p[20]);
}

int main(void)
{
	bug_kmalloc_uaf_read();
	return 0;
}
