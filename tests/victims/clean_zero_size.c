/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_zero_size.c - objects of 0 bytes have addresses of their own and no memory
 *
 * expect: none
 * modes: check production
 * ways: preload static
 */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY 400000

static char *many[MANY];

static void must(int condition, const char *what)
{
	if (!condition)
		fprintf(stderr, "%s\n", what);
	if (!condition)
		exit(1);
}

static long resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size, pages = -1;

	if (f && fscanf(f, "%ld %ld", &size, &pages) != 2)
		pages = -1;
	if (f)
		fclose(f);
	return pages;
}

static void aligned(void)
{
	for (size_t align = 8; align <= 65536; align *= 2) {
		void *a = NULL, *b = NULL;

		must(posix_memalign(&a, align, 0) == 0 && posix_memalign(&b, align, 0) == 0, "no object");
		must(a != b && (uintptr_t)a % align == 0 && (uintptr_t)b % align == 0, "alignment");
		must(malloc_usable_size(a) == 0, "usable size of an aligned object");
		memcpy(b, a, 0);
		a = realloc(a, 100000);
		memset(a, 1, 100000);
		free(a);
		free(b);
	}
}

static void grown(void)
{
	char *p = malloc(0), *q;

	must(malloc_usable_size(p) == 0, "usable size");
	q = realloc(p, 100);
	memset(q, 1, 100);
	must(realloc(q, 0) == NULL, "realloc to 0");
}

static int rising(const void *a, const void *b)
{
	uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return (x > y) - (x < y);
}

/* A block of 16 bytes for each would be 6.4 MB; with its share of a heap that is twice as much. */
static void lots(void)
{
	long before;

	memset(many, 0, sizeof(many));
	for (int i = 0; i < 1000; i++)
		many[i] = malloc(0);
	before = resident();
	for (int i = 1000; i < MANY; i++)
		many[i] = i % 3 ? malloc(0) : calloc(i, 0);
	must(resident() - before < (MANY * 28L >> 12), "too much memory");
	qsort(many, MANY, sizeof(many[0]), rising);
	for (int i = 1; i < MANY; i++)
		must(many[i] != many[i - 1] && (uintptr_t)many[i] % 16 == 0, "two objects at one address");
	for (int i = 0; i < MANY; i++)
		free(many[i]);
}

int main(void)
{
	char *shared = malloc(0);
	int status;

	aligned();
	grown();
	lots();
	if (fork() == 0) {
		grown();
		free(shared);
		shared = malloc(0);
		exit(shared == NULL);
	}
	must(wait(&status) > 0 && status == 0, "the child");
	free(shared);
	return 0;
}
