/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/negative_size.c - instrumented code calls mem functions with a negative size: the report says
 * so, and the program goes on
 *
 * expect: below
 * output: went on
 * not-form: gcc-watch clang-watch
 * ways: linked
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile long minus = -1;

int main(void)
{
	char *p = malloc(20), *q = malloc(20);

	__builtin_memset(p, 0, minus);      /* expect: negative-size-param object=20 entry=memset */
	__builtin_memmove(p, p + 1, minus); /* expect: negative-size-param object=20 entry=memmove */
	__builtin_memcpy(p, q, minus);      /* expect: negative-size-param object=20 entry=memcpy */
	puts("went on");
	free(p);
	free(q);
	return 0;
}
