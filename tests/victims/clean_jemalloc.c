/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_jemalloc.c - a program for jemalloc frees by malloc's functions what jemalloc's returned, and the
 * other way round; the library itself is not needed
 *
 * expect: none
 * modes: check production
 * ways: preload linked
 * output: ok
 */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZERO 0x40
#define LG_ALIGN(n) (n)

void *mallocx(size_t size, int flags) __attribute__((weak));
void *rallocx(void *p, size_t size, int flags) __attribute__((weak));
size_t xallocx(void *p, size_t size, size_t extra, int flags) __attribute__((weak));
size_t sallocx(const void *p, int flags) __attribute__((weak));
void dallocx(void *p, int flags) __attribute__((weak));
void sdallocx(void *p, size_t size, int flags) __attribute__((weak));
size_t nallocx(size_t size, int flags) __attribute__((weak));

static int failed;

static void must(int holds, int line)
{
	if (!holds) {
		printf("line %d\n", line);
		failed = 1;
	}
}
#define MUST(condition) must(condition, __LINE__)

static int all(const char *p, size_t n, char c)
{
	while (n && *p == c)
		p++, n--;
	return !n;
}

static void mixed(size_t size)
{
	char *p = mallocx(size, 0), *q;

	MUST(sallocx(p, 0) >= size && malloc_usable_size(p) >= size);
	memset(p, 1, size);
	free(p);
	q = memset(malloc(size), 2, size);
	p = rallocx(q, 3 * size, 0);
	MUST(all(p, size, 2));
	MUST(xallocx(p, 100 * size, 0, 0) >= 3 * size);
	sdallocx(p, 3 * size, 0);
	p = calloc(1, size);
	dallocx(p, 0);
	p = malloc(size);
	sdallocx(p, sallocx(p, 0), 0);
	p = realloc(mallocx(nallocx(size, 0), 0), size / 2 + 1);
	free(p);
}

static void aligned(size_t size, int lg)
{
	uintptr_t mask = ((uintptr_t)1 << lg) - 1;
	char *p = mallocx(size, LG_ALIGN(lg) | ZERO), *q;

	MUST(((uintptr_t)p & mask) == 0 && all(p, size, 0));
	memset(p, 3, size);
	q = rallocx(p, 2 * size, LG_ALIGN(lg) | ZERO);
	MUST(((uintptr_t)q & mask) == 0 && all(q, size, 3) && all(q + size, size, 0));
	if (size & 1)
		dallocx(q, LG_ALIGN(lg));
	else
		free(q);
}

int main(void)
{
	static const size_t sizes[] = { 1, 17, 100, 4096, 5000, 300001, 3 << 20 };

	if (!mallocx)
		return 2;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		mixed(sizes[i]);
		for (int lg = 3; lg < 14; lg += 3)
			aligned(sizes[i], lg);
	}
	if (!failed)
		puts("ok");
	return failed;
}
