/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/stack_read_left.c - a read of the byte before a local array
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
	char letters[21];
	memset(letters, 1, sizeof(letters));
	return look(letters, i);
}
int main(void)
{
	volatile int i = -1;
	return caller(i) == 1000;
}
