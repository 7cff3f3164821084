/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/null_deref.c - the program's side of the kernel bug null_deref: reads a member of a structure at
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
