/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/fork.c - lib's part of a fork: the registered locks of the runtime, and the thread's new tid in the child. */
#include "lib/lib.h"

void lib_fork_prepare(void)
{
	locks_fork_prepare();
}

void lib_fork_parent(void)
{
	locks_fork_parent();
}

/* The locks that the thread held before the fork get its new tid as holder, so thread_fork_child comes first. */
void lib_fork_child(void)
{
	process_fork_child();
	thread_fork_child();
	deep_fork_child();
	locks_fork_child();
}
