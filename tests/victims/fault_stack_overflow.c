/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fault_stack_overflow.c - an endless recursion
 *
 * ways: preload linked static
 * expect: stack-overflow type=write
 * modes: check production
 * status: 99
 * status-linked: -11
 * status-static: -11
 */
#include <stdlib.h>

static int deep(int n)
{
	volatile char a[200];
	a[0] = (char)n;
	return n ? deep(n + 1) + a[0] : 0;
}

int main(int argc, char **argv)
{
	free(malloc(1)); /* makes the linker take memsan */
	return deep(argc);
}
