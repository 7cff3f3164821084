/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/vla_left.c - a read before a variable-length array
 *
 * expect: alloca-out-of-bounds type=read access=1
 * needs: compiler
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

static int look(volatile char *p, int i)
{
	return p[i]; /* BAD */
}
__attribute__((noinline)) static int caller(int n)
{
	char letters[n];
	memset(letters, 1, n);
	return look(letters, 0) + look(letters, -1);
}
int main(void)
{
	volatile int n = 40;
	return caller(n) == 1000;
}
