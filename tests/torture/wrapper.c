/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/torture/wrapper.c - a library that wraps malloc and counts its calls, as many tools do */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static unsigned long calls;
static char early[4096];
static size_t early_used;

static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

unsigned long wrapper_calls(void)
{
	return calls;
}

void *malloc(size_t n)
{
	static void *(*real)(size_t);

	if (!real)
		real = (void *(*)(size_t))next("malloc");
	calls++;
	return real(n);
}

/* dlsym itself may call calloc. */
void *calloc(size_t n, size_t size)
{
	static void *(*real)(size_t, size_t);
	static int looking;

	if (!real && looking) {
		early_used += (n * size + 15) & ~15ul;
		return early + early_used - ((n * size + 15) & ~15ul);
	}
	looking = 1;
	if (!real)
		real = (void *(*)(size_t, size_t))next("calloc");
	looking = 0;
	calls++;
	return real(n, size);
}

void *realloc(void *p, size_t n)
{
	static void *(*real)(void *, size_t);

	if (!real)
		real = (void *(*)(void *, size_t))next("realloc");
	calls++;
	return real(p, n);
}

void free(void *p)
{
	static void (*real)(void *);

	if (!real)
		real = (void (*)(void *))next("free");
	if ((char *)p < early || (char *)p >= early + sizeof(early))
		real(p);
}
