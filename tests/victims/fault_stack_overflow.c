/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

/* A recursion without end.
 *
 * ways: preload linked static
 * expect: stack-overflow type=write
 * modes: check production
 * status: 99
 * status-linked: -11
 * status-static: -11
 */
static int deep(int n)
{
	volatile char a[200];
	a[0] = (char)n;
	return n ? deep(n + 1) + a[0] : 0;
}

int main(int argc, char **argv)
{
	free(malloc(1)); /* so that the linker takes memsan in */
	return deep(argc);
	return argc > 5;
}
