/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/clean_fence.c - fenced objects of many sizes are allocated, resized and freed, and every byte
 * of a live one may be used
 *
 * options: fence=all:fence.side=random:fence.align=1
 * output: ok
 * expect: none
 * ways: linked
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 3, OBJECTS = 400 };

static char *objects[OBJECTS];

int main(void)
{
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < OBJECTS; i++) {
			size_t size = (size_t)(i * 7 + round);
			objects[i] = malloc(size);
			for (size_t k = 0; k < size; k++)
				((volatile char *)objects[i])[k] = (char)k;
		}
		for (int i = 0; i < OBJECTS; i++) {
			size_t size = (size_t)(i * 11 + 1);
			objects[i] = realloc(objects[i], size);
			memset(objects[i], 1, size);
		}
		for (int i = 0; i < OBJECTS; i++)
			free(objects[i]);
	}
	puts("ok");
	return 0;
}
