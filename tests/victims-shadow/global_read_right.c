/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/global_read_right.c - a read past a global array
 *
 * expect: global-out-of-bounds type=read access=4 place=table+0x2c/0x28
 * needs: compiler
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

int table[10] = { 1 };
static int look(volatile int *p, int i)
{
	return p[i]; /* BAD */
}
int main(void)
{
	return look(table, 9) + look(table, 11) == 1000;
}
