/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/krealloc_uaf.c - the kernel bug of this name in a program: uses the old pointer after realloc
 * has moved the object. */
#include "kernel-bugs.h"

static __attribute__((noinline)) void bug_krealloc_uaf(void)
{
	char *p = malloc(64);
	char *larger = realloc(p, 200);

	p[20] = 'x';
	free(larger);
}

int main(void)
{
	bug_krealloc_uaf();
	return 0;
}
