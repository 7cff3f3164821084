/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/stack_write_right.c - a write of one element past a local array
 *
 * expect: stack-out-of-bounds type=write access=4 in=hit frame=caller place='numbers'
 * status: 99
 * needs: compiler
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

static void hit(volatile int *p, int i)
{
	p[i] = 1; /* BAD */
}
static int caller(void)
{
	int numbers[10];
	hit(numbers, 3);
	hit(numbers, 10);
	return numbers[3];
}
int main(void)
{
	return caller() == 1000;
}
