/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/kernel-bugs/kmalloc_slack.c - the program's side of the kernel bug kmalloc_slack: writes into the slack
 * between a requested size of 100 and the cache's 128. */
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
