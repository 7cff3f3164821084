/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_tiny_stack.c - an endless recursion in a program whose own signal stack, for its other handlers,
 * has the smallest size
 *
 * expect: stack-overflow type=write
 * modes: check production
 * status: 99
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static int deep(int n)
{
	volatile char a[200];
	a[0] = (char)n;
	return n ? deep(n + 1) + a[0] : 0;
}

int main(int argc, char **argv)
{
	stack_t s = { .ss_size = (size_t)sysconf(_SC_MINSIGSTKSZ) };
	s.ss_sp = malloc(s.ss_size);
	sigaltstack(&s, 0);
	return deep(argc);
}
