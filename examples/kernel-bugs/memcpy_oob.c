/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/memcpy_oob.c - the kernel bug of this name in a program: copies 65 bytes into an object of
 * 64. */
#include "kernel-bugs.h"

static __attribute__((noinline)) void bug_memcpy_oob(void)
{
	char *from = calloc(1, 128), *to = malloc(64);

	memcpy(to, from, size_of(65));
	free(from);
	free(to);
}

int main(void)
{
	bug_memcpy_oob();
	return 0;
}
