/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/double_free.c - two owners free one object
 *
 * expect: double-free in=drop_again object=60
 * modes: check production
 * expect-production: double-free in=drop_again
 * ways: preload linked static
 */
#include <stdlib.h>

static char *make(void)
{
	return malloc(60); /* ALLOC */
}
static void drop(char *p)
{
	free(p); /* FREE */
}
static void drop_again(char *p)
{
	free(p); /* BAD */
}
int main(void)
{
	char *p = make();
	p[59] = 1;
	drop(p);
	drop_again(p);
	return 0;
}
