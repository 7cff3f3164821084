/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/frames_only_write_right.c - the program has instrumented frames and no checked access; libc
 * writes past a local variable
 *
 * expect: stack-out-of-bounds access=101 in=main
 * needs: compiler
 * ways: linked
 */
#include <strings.h>

int main(void)
{
	volatile size_t n = 101;
	char b[100];

	(*&bzero)(b, n); /* BAD */
	return 0;
}
