/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_late_malloc.c - the program's own malloc works only after its constructors have run, as in GCL
 * (maxima): memsan must not call it earlier
 *
 * expect: none
 * ways: preload linked
 * modes: check production
 * output: ok
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *memory;
static size_t used, size = 1 << 20;
static char space[1 << 20];

__attribute__((constructor)) static void make_memory(void)
{
	memory = space;
}

void *malloc(size_t n)
{
	if (!memory)
		abort();
	used = (used + 15) & ~(size_t)15;
	used += n;
	return used <= size ? memory + used - n : NULL;
}

void free(void *p)
{
	if (!memory)
		abort();
}

void *calloc(size_t n, size_t each)
{
	return malloc(n * each);
}

void *realloc(void *p, size_t n)
{
	void *q = malloc(n);
	return p ? memmove(q, p, n) : q;
}

int main(void)
{
	free(strdup("x"));
	puts("ok");
	return 0;
}
