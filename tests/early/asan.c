/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/early/asan.c - library_value() in a program that brings ASan's runtime, which owns the shadow there. */
int library_value(int i)
{
	volatile char local[30];
	local[i] = 25;
	return local[i] + 1;
}
