/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/use_after_scope.c - a variable is read after the block that it belongs to
 *
 * expect: use-after-scope type=read access=4 frame=caller place='inner
 * needs: compiler
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

static int *volatile keep;
static int look(volatile int *p)
{
	return *p; /* BAD */
}
static void store(int *p)
{
	*p = 3;
	keep = p;
}
static int caller(void)
{
	{
		int inner = 1;
		store(&inner);
	}
	return look(keep);
}
int main(void)
{
	return caller() == 1000;
}
