/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/leak_kmalloc.c - the kernel bug of this name in a program: forgets the only pointer to a malloc
 * object. */
#include "kernel-bugs.h"

static void *volatile sink;

static __attribute__((noinline)) void bug_leak_kmalloc(void)
{
	sink = malloc(200);
	sink = NULL;
}

int main(void)
{
	bug_leak_kmalloc();
	return 0;
}
