/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/early/program.c - instrumented code in a program that runs before main: an IFUNC resolver and .preinit_array.
 * -DPLAIN leaves both out. */
#include <stdio.h>

int library_value(int i);

#ifndef PLAIN
static int table[9];

static int implementation(int i)
{
	return i + 1;
}

static int (*choose(void))(int)
{
	volatile int a[7];
	for (int k = 0; k < 7; k++)
		a[k] = k;
	table[4] = a[2];
	return implementation;
}

int own(int) __attribute__((ifunc("choose")));

static void preinit(void)
{
	volatile char a[30];
	for (int i = 0; i < 30; i++)
		a[i] = 1;
	table[3] = a[4];
}
__attribute__((section(".preinit_array"), used)) static void (*preinit_entry)(void) = preinit;
#else
#define own(x) ((x) + 1)
#endif

int main(void)
{
	printf("%d\n", library_value(3) + own(1));
	return 0;
}
