/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/pointer_pair.c - pointers to different objects are compared and subtracted; pointers to one
 * object, or behind its end, are not accused
 *
 * expect: below
 * compile-flags: -fsanitize=pointer-compare,pointer-subtract
 * only-form: gcc-asan-recover clang-asan-recover
 * options: shadow.pointer_pairs=on
 * ways: linked
 */
#include <stdlib.h>

static volatile int ten = 10;
static int one[4], two[4];

static long order_of(const char *a, const char *b, int which)
{
	switch (which) {
	case 0:
		return a < b; /* expect: invalid-pointer-pair object=10 */
	case 1:
		return a - b; /* expect: invalid-pointer-pair object=10 */
	case 2:
		return a >= b; /* expect: invalid-pointer-pair place=one */
	case 3:
		return a > b; /* expect: invalid-pointer-pair */
	case 4:
		return b - a; /* expect: invalid-pointer-pair */
	default:
		return (a < b) + (b - a);
	}
}

static long in_frame(char *other)
{
	char mine[10];

	__asm__("" : : "r"(mine) : "memory");
	return order_of(mine, other, 4);
}

int main(void)
{
	char *p = malloc(10), *q = malloc(10), first[10], second[20], *moved;
	char variable[ten];
	long sum;

	__asm__("" : : "r"(first), "r"(second), "r"(variable) : "memory");
	sum = order_of(p, q, 0) + order_of(p, first, 1) + order_of((char *)one, (char *)two, 2) +
	      order_of(first, second, 3) + in_frame(first);
	sum += order_of(p, p + 10, 5) + order_of(p + 3, p, 5) + order_of(first, first + 10, 5) +
	       order_of((char *)one, (char *)(one + 4), 5) + order_of(variable, variable + ten, 5) +
	       order_of(NULL, p, 5) + order_of(second + 20, second, 5);
	moved = realloc(p, 5000);
	sum += order_of(moved, moved + 5000, 5) + order_of(p, p + 4, 5);
	free(moved);
	free(q);
	return sum == 0x123456;
}
