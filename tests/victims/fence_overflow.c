/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fence_overflow.c - a write past a fenced object is reported at its instruction, and the program goes
 * on
 *
 * ways: preload linked static
 * expect: out-of-bounds-write in=main type=write access=4 object=40 offset=48 alloc=main
 * modes: check production
 * options: fence=all
 * output: on
 */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	int *volatile p = malloc(40); /* ALLOC */
	p[12] = 1;                    /* BAD */
	free(p);
	puts("on");
	return 0;
}
