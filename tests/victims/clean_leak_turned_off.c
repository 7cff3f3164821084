/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_leak_turned_off.c - a program that says by __lsan_is_turned_off that it wants no scan at its end
 *
 * expect: none
 * options: leak=on
 * ways: preload linked
 * libs: -rdynamic
 */
#include <stdlib.h>

int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}

static __attribute__((noinline)) void lose(void)
{
	char *volatile p = malloc(1337);

	p[3] = 1;
	p = NULL;
}

int main(void)
{
	lose();
	return 0;
}
