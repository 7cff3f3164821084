/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/fork.c - lib's part of a fork: the registered locks of the runtime, and in the child the thread's new tid. */
#include "lib/lib.h"

void lib_fork_prepare(void)
{
	locks_fork_prepare();
}

void lib_fork_parent(void)
{
	locks_fork_parent();
}

/* The locks that the thread held across the fork go on under its new tid, so the thread comes first. */
void lib_fork_child(void)
{
	thread_fork_child();
	locks_fork_child();
}
