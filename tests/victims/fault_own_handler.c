/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_own_handler.c - a program handles SIGSEGV itself: memsan leaves it the program's own faults, but
 * reports an access to memory that memsan guards, and the program goes on
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
