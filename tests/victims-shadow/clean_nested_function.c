/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/clean_nested_function.c - the code that calls gcc's nested functions lies in a frame on the heap
 *
 * expect: none
 * only-form: gcc-kernel-inline gcc-kernel-calls gcc-asan gcc-asan-recover
 * options: shadow.use_after_return=on
 * ways: linked static
 * output: 3
 */
#include <stdio.h>
#include <stdlib.h>

static int sum(int n, int (*f)(int))
{
	return n ? f(n) + sum(n - 1, f) : 0;
}
int main(void)
{
	volatile int one[2] = { 1, 1 };
	int nested(int n)
	{
		return one[n & 1];
	}

	printf("%d\n", sum(3, nested));
	return 0;
}
