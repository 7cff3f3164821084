/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/null_deref.c - the kernel bug of this name in a program: reads a member of a structure at
 * NULL. */
#include "kernel-bugs.h"

static __attribute__((noinline)) void bug_null_deref(void)
{
	struct list {
		struct list *prev, *next, *owner;
	} *none = (struct list *)size_of(0);

	look(none->owner);
}

int main(void)
{
	bug_null_deref();
	return 0;
}
