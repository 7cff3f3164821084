/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/memset_oob.c - the kernel bug of this name in a program: clears one byte too many with
 * memset. */
#include "kernel-bugs.h"

static __attribute__((noinline)) void bug_memset_oob(void)
{
	char *p = malloc(64);

	memset(p, 0, size_of(65));
	free(p);
}

int main(void)
{
	bug_memset_oob();
	return 0;
}
