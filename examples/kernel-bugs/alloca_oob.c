/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/alloca_oob.c - the kernel bug of this name in a program: reads past the end of memory from
 * alloca. */
#include "kernel-bugs.h"

static __attribute__((noinline)) void bug_alloca_oob(void)
{
	size_t size = size_of(10);
	char *array = __builtin_alloca(size);

	array[0] = '\0';
	look(array[size]);
}

int main(void)
{
	bug_alloca_oob();
	return 0;
}
