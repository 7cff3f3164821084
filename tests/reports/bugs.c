/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/reports/bugs.c - one bug for each name, for the tools whose reports memsan decode reads (tools.py). */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __clang__
#define NOINLINE __attribute__((noinline)) static
#else
#define NOINLINE __attribute__((noipa)) static
#endif

struct pair {
	long first;
	int rest[4];
	long last;
};
static char global[10];
static char *volatile kept, *volatile roots[2];
static volatile int sum;

NOINLINE void use_freed(char *p)
{
	free(p);
	sum += p[3];
}
NOINLINE void overflow_heap(char *p, int n)
{
	p[n + 8] = 1;
}
NOINLINE void read_stack(int n)
{
	char local[10];

	memset(local, 0, sizeof(local));
	kept = local;
	sum += kept[n];
}
NOINLINE void read_global(int n)
{
	sum += global[n];
}
NOINLINE void free_twice(char *p)
{
	free(p);
	free(p);
}
NOINLINE void free_inside(char *p)
{
	free(p + 4);
}
NOINLINE void read_null(volatile int *p)
{
	sum += *p;
}
NOINLINE void allocate_too_much(char *p)
{
	kept = realloc(p, (size_t)1 << 60);
}
NOINLINE void multiply_too_much(int n)
{
	kept = calloc((size_t)-1 / 4, (size_t)n + 4);
}
NOINLINE void copy_overlapping(char *p, int n)
{
	memcpy(p, p + 1, (size_t)n);
}
NOINLINE void set_negative(char *p, int n)
{
	memset(p, 0, (size_t)(n - 20));
}
NOINLINE int recurse(int n)
{
	volatile char frame[1000];

	frame[0] = (char)n;
	return recurse(n + 1) + frame[0];
}
NOINLINE void leak(void)
{
	kept = malloc(77);
	kept[0] = 1;
	kept = NULL;
}
NOINLINE int decide(const int *p)
{
	if (p[2])
		puts("set");
	return p[1];
}
NOINLINE void *make(void)
{
	return malloc(40);
}
NOINLINE void read_uninitialised(void)
{
	int *p = make();

	sum += decide(p) == 12;
	free(p);
}
NOINLINE void touch(void)
{
	kept[1]++;
}
static void *work(void *x)
{
	for (int i = 0; i < 1000; i++)
		touch();
	return x;
}
static void *release(void *x)
{
	free(x);
	return NULL;
}
NOINLINE void write_late(char *p)
{
	p[0] = 1;
}
NOINLINE void race(char *p)
{
	pthread_t a, b;

	kept = p;
	pthread_create(&a, NULL, work, NULL);
	pthread_create(&b, NULL, work, NULL);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
}
NOINLINE void race_with_free(char *p)
{
	pthread_t a;

	pthread_create(&a, NULL, release, p);
	pthread_join(a, NULL);
	write_late(p);
}
NOINLINE int index_array(const struct pair *s, int i)
{
	return s->rest[i];
}
NOINLINE long read_pair(const struct pair *s)
{
	return s->first;
}
NOINLINE char *add_too_much(char *p, unsigned long n)
{
	return p + n;
}
NOINLINE int shift(int n)
{
	return 1 << n;
}
NOINLINE void smash_stack(const char *s)
{
	char local[8];

	kept = local;
	for (int i = 0; i < 60; i++)
		kept[i] = s[0];
}
NOINLINE void copy_too_much(const char *s)
{
	char local[8];

	strcpy(local, s);
	puts(local);
}
NOINLINE void overwrite_header(char *p)
{
	memset(p - 16, 0x41, 16);
	free(p);
}
NOINLINE void overwrite_next(char *p, char *q)
{
	memset(p, 0x41, 40);
	free(q);
	free(p);
	kept = malloc(2000);
}

int main(int argc, char **argv)
{
	volatile int n = 12;
	char *p = malloc(20), *q = malloc(20);
	struct pair s;
	const char *bug = argc > 1 ? argv[1] : "";

	roots[0] = p;
	roots[1] = q;
	memset(&s, 0, sizeof(s));
	memset(global, argc, sizeof(global));
	memset(p, 0, 20);
#define BUG(name) else if (!strcmp(bug, #name))
	if (!*bug)
		puts("which?");
	BUG(use_freed) use_freed(p);
	BUG(overflow_heap) overflow_heap(p, n);
	BUG(read_stack) read_stack(n);
	BUG(read_global) read_global(n);
	BUG(free_twice) free_twice(p);
	BUG(free_inside) free_inside(p);
	BUG(read_null) read_null((int *)(long)(n - 12));
	BUG(allocate_too_much) allocate_too_much(p);
	BUG(multiply_too_much) multiply_too_much(n);
	BUG(copy_overlapping) copy_overlapping(p, n);
	BUG(set_negative) set_negative(p, n);
	BUG(recurse) recurse(0);
	BUG(leak) leak();
	BUG(read_uninitialised) read_uninitialised();
	BUG(race) race(p);
	BUG(race_with_free) race_with_free(p);
	BUG(index_array) sum += index_array(&s, n - 8);
	BUG(read_pair) sum += (int)read_pair((struct pair *)((char *)&s + n - 11));
	BUG(add_too_much) kept = add_too_much((char *)&s, ULONG_MAX - 8);
	BUG(shift) sum += shift(n + 30);
	BUG(smash_stack) smash_stack("x");
	BUG(copy_too_much) copy_too_much(argv[0]);
	BUG(overwrite_header) overwrite_header(p);
	BUG(overwrite_next) overwrite_next(p, q);
	fflush(stdout);
#ifndef EXIT /* else leaks are looked for */
	_Exit(0);
#endif
	return 0;
}
