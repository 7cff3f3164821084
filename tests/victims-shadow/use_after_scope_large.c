/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/use_after_scope_large.c - a variable whose shadow is written by calls is read after its block
 *
 * expect: use-after-scope type=read access=1 frame=caller place='inner
 * needs: compiler
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

static char *volatile keep;
static int look(volatile char *p)
{
	return *p; /* BAD */
}
static void store(char *p)
{
	*p = 3;
	keep = p;
}
static int caller(void)
{
	for (int i = 0; i < 3; i++) {
		char inner[2000];
		store(inner + i * 100);
	}
	return look(keep);
}
int main(void)
{
	return caller() == 1000;
}
