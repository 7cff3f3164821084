/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/leak_panic.c - fault=panic ends the program when all that the checks at exit found is reported; what
 * the program has printed is not lost
 *
 * expect: right-redzone-overwritten object=20
 * expect: right-redzone-overwritten object=30
 * expect: unreferenced-object object=111 alloc=first
 * expect: unreferenced-object object=222 alloc=second
 * options: leak=on:fault=panic:exitcode=42
 * status: 42
 * stderr: any
 * output: buffered
 */
#include <stdio.h>
#include <stdlib.h>

char *volatile kept[2];

static __attribute__((noinline)) void first(void)
{
	char *volatile p = malloc(111);
	*(volatile char *)p = 1;
	p = NULL;
}

static __attribute__((noinline)) void second(void)
{
	char *volatile p = malloc(222);
	*(volatile char *)p = 1;
	p = NULL;
}

static __attribute__((noinline)) void clean_stack(void)
{
	volatile char room[4096];
	for (unsigned i = 0; i < sizeof(room); i++)
		room[i] = 0;
}

int main(void)
{
	printf("buffered");
	kept[0] = malloc(20);
	kept[1] = malloc(30);
	kept[0][20] = 1; /* WRITE */
	kept[1][30] = 1; /* WRITE */
	first();
	second();
	clean_stack();
	return 0;
}
