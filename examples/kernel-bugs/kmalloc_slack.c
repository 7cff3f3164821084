/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/kmalloc_slack.c - the kernel bug of this name in a program: writes into the slack after a
 * requested size of 100. */
#include "kernel-bugs.h"

static __attribute__((noinline)) void bug_kmalloc_slack(void)
{
	char *p = malloc(100);

	p[110] = 'x';
	free(p);
}

int main(void)
{
	bug_kmalloc_slack();
	return 0;
}
