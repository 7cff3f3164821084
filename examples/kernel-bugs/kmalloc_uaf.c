/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/kmalloc_uaf.c - the program's side of the kernel bug kmalloc_uaf: writes to an object after
 * free. */
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
