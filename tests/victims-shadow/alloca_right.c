/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/alloca_right.c - a write past the end of an alloca
 *
 * expect: alloca-out-of-bounds type=write access=1
 * needs: compiler
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

#include <alloca.h>
static void hit(volatile char *p, int i)
{
	p[i] = 1; /* BAD */
}
__attribute__((noinline)) static int caller(int n)
{
	char *p = alloca(n);
	hit(p, n - 1);
	hit(p, n);
	return p[n - 1];
}
int main(void)
{
	volatile int n = 29;
	return caller(n) == 1000;
}
