/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/kmalloc_odd_size.c - the kernel bug of this name in a program: writes byte 13 of a 13-byte
 * object. */
#include "kernel-bugs.h"

static __attribute__((noinline)) void bug_kmalloc_odd_size(void)
{
	char *p = malloc(13);

	p[13] = 'x';
	free(p);
}

int main(void)
{
	bug_kmalloc_odd_size();
	return 0;
}
