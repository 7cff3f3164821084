/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/kmalloc_invalid_free.c - the kernel bug of this name in a program: frees a pointer into the
 * middle of an object. */
#include "kernel-bugs.h"

static __attribute__((noinline)) void bug_kmalloc_invalid_free(void)
{
	char *p = malloc(64);

	free(p + 8);
}

int main(void)
{
	bug_kmalloc_invalid_free();
	return 0;
}
