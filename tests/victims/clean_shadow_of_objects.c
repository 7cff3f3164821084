/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_shadow_of_objects.c - the shadow of objects of every size, byte by byte: live, resized in place,
 * freed
 *
 * expect: none
 * modes: check
 * ways: preload linked
 * output: ok
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static int (*poisoned)(const volatile void *p);

static int wrong(const char *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (poisoned(p + i))
			return 1;
	for (size_t i = size; i < (size + 15) / 16 * 16 + 16; i++)
		if (!poisoned(p + i))
			return 1;
	return 0;
}

int main(void)
{
	int bad = 0;

	poisoned = (int (*)(const volatile void *))dlsym(RTLD_DEFAULT, "__asan_address_is_poisoned");
	for (int round = 0; poisoned && round < 3; round++)
		for (size_t size = 1; size <= 700; size++) {
			char *p = malloc(size), *q = malloc(size);

			bad += wrong(p, size) + wrong(q, size);
			p = realloc(p, size - size / 3);
			bad += wrong(p, size - size / 3) + wrong(q, size);
			free(p);
			for (size_t i = 0; i < size - size / 3; i++)
				bad += !poisoned(p + i);
			bad += wrong(q, size);
			free(q);
		}
	printf(bad || !poisoned ? "bad %d\n" : "ok\n", bad);
	return bad != 0;
}
