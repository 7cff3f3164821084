/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/early/library.c - instrumented code that runs before main: an IFUNC resolver, and a constructor of the highest
 * priority that a program may use. */
#include <stdlib.h>
#include <string.h>

static int table[20];

static int implementation(int i)
{
	int a[5];
	for (int k = 0; k < 5; k++)
		a[k] = k;
	return a[i % 5] + table[i % 20];
}

static int (*choose(void))(int)
{
	volatile int a[7], sum = 0;
	for (int k = 0; k < 7; k++)
		a[k] = k;
	for (int k = 0; k < 7; k++)
		sum += a[k];
	table[3] = sum;
	return implementation;
}

int chosen(int) __attribute__((ifunc("choose")));

int library_value(int i)
{
	return chosen(i);
}

__attribute__((constructor(101))) static void first(void)
{
	char a[30];
	memset(a, 1, sizeof(a));
	volatile char *p = malloc(10);
	p[3] = a[3];
	free((void *)p);
	table[2] = 1;
}
