/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/check_all.c - memsan_check_all() finds damage while the program runs, and counts it
 *
 * expect: right-redzone-overwritten object=10 offset=10 access=1
 * expect: right-redzone-overwritten object=20 offset=20 access=1
 * ways: linked static
 * output: 2 0
 */
#include <memsan.h>
#include <stdio.h>
#include <stdlib.h>

char *volatile a, *volatile b;

int main(void)
{
	a = malloc(10); /* ALLOC */
	b = malloc(20); /* ALLOC */
	a[10] = 0;
	b[20] = 0;
	size_t first = memsan_check_all();
	size_t second = memsan_check_all();
	printf("%zu %zu\n", first, second);
	return 0;
}
