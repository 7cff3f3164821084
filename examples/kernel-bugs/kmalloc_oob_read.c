/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/kmalloc_oob_read.c - the kernel bug of this name in a program: reads the byte after a malloc
 * object. */
#include "kernel-bugs.h"

static __attribute__((noinline)) void bug_kmalloc_oob_read(void)
{
	char *p = malloc(64);

	look(p[64]);
	free(p);
}

int main(void)
{
	bug_kmalloc_oob_read();
	return 0;
}
