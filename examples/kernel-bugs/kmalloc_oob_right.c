/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/kmalloc_oob_right.c - the kernel bug of this name in a program: writes the byte after a 64-byte
 * malloc object. */
#include "kernel-bugs.h"

static __attribute__((noinline)) void bug_kmalloc_oob_right(void)
{
	char *p = malloc(64);

	p[64] = 'x';
	free(p);
}

int main(void)
{
	bug_kmalloc_oob_right();
	return 0;
}
