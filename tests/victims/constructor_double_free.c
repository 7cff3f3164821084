/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/constructor_double_free.c - a double free before main, in a constructor
 *
 * expect: double-free in=early object=12
 * ways: preload linked static
 */
#include <stdlib.h>

__attribute__((constructor)) static void early(void)
{
	char *p = malloc(12); /* ALLOC */
	free(p);              /* FREE */
	free(p);              /* BAD */
}
int main(void)
{
	return 0;
}
