/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/watch/module.c - a library whose constructor reads behind an object. */
#include <stdlib.h>

volatile int module_sum;

__attribute__((noinline)) static int read_at(volatile int *p, int i)
{
	return p[i];
}

__attribute__((constructor)) static void start(void)
{
	int *p = malloc(10 * sizeof(*p));

	module_sum = read_at(p, 10);
	free(p);
}
