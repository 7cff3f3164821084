/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_exit.c - constructors, exit handlers, destructors and thread-specific data use and free memory;
 * exit status and output stay the program's
 *
 * expect: none
 * modes: check production
 * ways: preload linked static
 * status: 5
 * output: constructor main handler destructor
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *a, *b;

__attribute__((constructor)) static void early(void)
{
	a = strdup("constructor ");
	printf("%s", a);
}
static void handler(void)
{
	printf("handler ");
	free(b);
	b = malloc(100000);
}
__attribute__((destructor)) static void late(void)
{
	free(a);
	free(b);
	printf("destructor");
	free(malloc(10));
}
int main(void)
{
	atexit(handler);
	b = strdup("main ");
	printf("%s", b);
	return 5;
}
