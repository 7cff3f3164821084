/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_preinit.c - .preinit_array and an ifunc resolver allocate, before any constructor has run and
 * before libc is ready
 *
 * expect: none
 * modes: check production
 * ways: preload linked
 * output: ok
 */
#include <stdio.h>
#include <stdlib.h>

static void *first;

static void pre(int argc, char **argv, char **envp)
{
	first = malloc(100);
}
__attribute__((section(".preinit_array"), used)) static void (*entry)(int, char **, char **) = pre;

int main(void)
{
	puts(first ? "ok" : "nothing");
	free(first);
	return 0;
}
