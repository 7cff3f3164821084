/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fence_small_stack.c - the program's signal stack, which it never uses, is too small for a signal frame
 * of this processor; an access that the program would survive must not end it
 *
 * expect: out-of-bounds-read in=main object=16 alloc=main type=read
 * modes: check production
 * options: fence=all
 * output: the stack is the program's; went on
 * status: 99
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static char small[2560] __attribute__((aligned(64)));
static volatile char sink;

int main(void)
{
	stack_t s = { .ss_sp = small, .ss_size = 2048 }, now;
	volatile char *p;

	if (sigaltstack(&s, NULL) != 0 || sigaltstack(NULL, &now) != 0)
		return 1;
	p = malloc(16); /* ALLOC */
	sink = p[16];   /* BAD */
	printf("%s; ", now.ss_sp == small && now.ss_size == 2048 && !now.ss_flags ? "the stack is the program's"
	                                                                          : "another stack");
	puts("went on");
	return 0;
}
