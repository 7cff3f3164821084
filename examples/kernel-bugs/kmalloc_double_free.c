/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/kmalloc_double_free.c - the kernel bug of this name in a program: frees an object twice. */
#include "kernel-bugs.h"

static __attribute__((noinline)) void bug_kmalloc_double_free(void)
{
	char *p = malloc(64);

	free(p);
	free(p);
}

int main(void)
{
	bug_kmalloc_double_free();
	return 0;
}
