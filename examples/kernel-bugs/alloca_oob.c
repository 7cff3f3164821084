/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/alloca_oob.c - the program's side of the kernel bug alloca_oob: reads behind memory of alloca.
 */
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
