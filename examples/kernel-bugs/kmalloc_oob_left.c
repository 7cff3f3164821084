/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/kmalloc_oob_left.c - the kernel bug of this name in a program: writes the byte before a malloc
 * object. */
#include "kernel-bugs.h"

static __attribute__((noinline)) void bug_kmalloc_oob_left(void)
{
	char *p = malloc(64);

	p[-1] = 'x';
	free(p);
}

int main(void)
{
	bug_kmalloc_oob_left();
	return 0;
}
