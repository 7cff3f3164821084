/* SPDX-License-Identifier: BSD-2-Clause */
/* A program that handles SIGSEGV itself: its own faults are its own, but memory that memsan guards is reported, and the
 * program goes on.
 *
 * expect: vmalloc-out-of-bounds in=main type=write access=1 object=100000
 * output: 1
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static sigjmp_buf jump;
static int handled;
static void handler(int sig)
{
	handled++;
	siglongjmp(jump, 1);
}

int main(void)
{
	signal(SIGSEGV, handler);
	volatile char *p = malloc(100000); /* ALLOC */
	if (!sigsetjmp(jump, 1))
		*(volatile int *)16 = 1;
	p[102400] = 1; /* BAD */
	p[102401] = 2;
	free((void *)p);
	printf("%d\n", handled);
	return 0;
}
