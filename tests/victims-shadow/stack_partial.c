/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/stack_partial.c - a read of a byte past an array whose size is no multiple of eight, in the
 * array's last granule
 *
 * expect: stack-out-of-bounds type=read access=1 frame=caller place='letters'
 * needs: compiler
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

static int look(volatile char *p, int i)
{
	return p[i]; /* BAD */
}
__attribute__((noinline)) static int caller(int i)
{
	char letters[13];
	memset(letters, 1, sizeof(letters));
	return look(letters, 12) + look(letters, i);
}
int main(void)
{
	volatile int i = 13;
	return caller(i) == 1000;
}
