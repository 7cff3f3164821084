/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/early/asan.c - the same function in a program that brings ASan's runtime: the shadow is that one's. */
int library_value(int i)
{
	volatile char local[30];
	local[i] = 25;
	return local[i] + 1;
}
