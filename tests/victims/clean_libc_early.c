/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_libc_early.c - an ifunc resolver, .preinit_array and a constructor call libc functions
 *
 * expect: none
 * ways: preload linked
 * modes: check production
 * flags: -fno-stack-protector
 * output: resolver 5 heap preinit heap constructor heap 42
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char said[200];

/* The resolver runs before the constructors of this program and of any library. */
static int forty_two(void)
{
	return 42;
}
static int (*resolve(void))(void)
{
	char text[20];
	memset(text, 0, sizeof(text));
	strcpy(text, "12345");
	if (strcmp(text, "12345") == 0 && strchr(text, '5') == text + 4)
		snprintf(said, sizeof(said), "resolver %zu", strlen(text));
	char *p = malloc(7);
	memcpy(p, " heap ", 7);
	strncat(said, p, 10);
	free(p);
	return forty_two;
}
int answer(void) __attribute__((ifunc("resolve")));

static void say(const char *word)
{
	char *p = malloc(strlen(word) + 7);
	strcpy(p, word);
	strcat(p, " heap ");
	strcat(said, p);
	free(p);
}
static void preinit(void)
{
	say("preinit");
}
__attribute__((section(".preinit_array"), used)) static void (*preinit_entry)(void) = preinit;
__attribute__((constructor)) static void constructor(void)
{
	say("constructor");
}

int main(void)
{
	printf("%s%d\n", said, answer());
	return 0;
}
