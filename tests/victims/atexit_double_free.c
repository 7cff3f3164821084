/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/atexit_double_free.c - double frees after main: in an exit handler, and in a destructor
 *
 * expect: double-free in=late object=12
 * expect: double-free in=latest object=12
 * ways: preload linked static
 * output: end
 */
#include <stdio.h>
#include <stdlib.h>

static char *p, *q;

static void late(void)
{
	free(p); /* FREE */
	free(p); /* BAD */
}
__attribute__((destructor)) static void latest(void)
{
	free(q);       /* FREE */
	free(q);       /* BAD */
	printf("end"); /* must be flushed although the exit status is replaced */
}
int main(void)
{
	p = malloc(12); /* ALLOC */
	q = malloc(12); /* ALLOC */
	atexit(late);
	return 0;
}
