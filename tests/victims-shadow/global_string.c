/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/global_string.c - a read past a string literal; the report names the literal's file and line
 *
 * expect: global-out-of-bounds type=read access=1 place=global_string.c
 * needs: compiler
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

static const char *volatile text = "hello";
static int look(const volatile char *p, int i)
{
	return p[i]; /* BAD */
}
int main(void)
{
	return look(text, 5) + look(text, 6) == 1000;
}
