/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/kcalloc_oob.c - the kernel bug of this name in a program: writes element 4 of an array of 4
 * (calloc). */
#include "kernel-bugs.h"

static __attribute__((noinline)) void bug_kcalloc_oob(void)
{
	unsigned long *array = calloc(4, sizeof(*array));

	for (int i = 0; i <= 4; i++)
		array[i] = i;
	free(array);
}

int main(void)
{
	bug_kcalloc_oob();
	return 0;
}
