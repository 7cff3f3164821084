/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/krealloc_more_oob.c - the kernel bug of this name in a program: grows an object with realloc and
 * writes past its new end. */
#include "kernel-bugs.h"

static __attribute__((noinline)) void bug_krealloc_more_oob(void)
{
	char *p = malloc(32);
	char *larger = realloc(p, 128);

	larger[128] = 'x';
	free(larger);
}

int main(void)
{
	bug_krealloc_more_oob();
	return 0;
}
