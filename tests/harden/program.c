/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/harden/program.c - bugs planted between live neighbors, to see which allocator stops them.
 *
 * Usage: program BUG SIZE. Nine objects of SIZE bytes are live; the bug is done with the fifth. Then the victim, a few
 * new objects and the neighbors go through malloc and free. Prints "unnoticed" if nothing ended the program before,
 * and, for a bug that must reach a new object to do harm, if it did. Without arguments: prints the bugs.
 * program race SIZE ROUNDS and program threads SEED: see below. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEIGHBOURS 9
#define VICTIM 4
#define NEW 6
#define ROW 1024

static char *volatile object[NEIGHBOURS];
static char *row[ROW];
static size_t size, align;
static int harmless;

/* The name of a bug may begin with an alignment: "64:overflow-1". */
static void *get(size_t n)
{
	void *p = NULL;

	if (!align)
		return malloc(n);
	if (posix_memalign(&p, align, n) != 0)
		exit(2);
	return p;
}

/* Volatile, so that the compiler keeps accesses that it can see to be wrong. Each byte changes, whatever stands there:
 * a fixed byte would equal a random canary's in one run of 256. */
static void damage(volatile char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = (char)~p[i];
}

static void overflow_1(void)
{
	damage(object[VICTIM] + size, 1);
}

static void overflow_32(void)
{
	damage(object[VICTIM] + size, 32);
}

static void underflow_1(void)
{
	damage(object[VICTIM] - 1, 1);
}

static void underflow_32(void)
{
	damage(object[VICTIM] - 32, 32);
}

/* In the second word in front of the object. */
static void underflow_at_5(void)
{
	damage(object[VICTIM] - 5, 1);
}

static void underflow_at_8(void)
{
	damage(object[VICTIM] - 8, 1);
}

static int by_address(const void *a, const void *b)
{
	char *left = *(char *const *)a, *right = *(char *const *)b;

	return (left > right) - (left < right);
}

/* The victim becomes an object with none in front of it: the first of a row of new objects. */
static void first(void)
{
	size_t n = size < 1000 ? ROW : ROW / 16, i;

	for (i = 0; i < n; i++)
		memset(row[i] = get(size), 0x20, size);
	qsort(row, n, sizeof(row[0]), by_address);
	for (i = n - 1; i && (size_t)(row[i] - row[i - 1]) < 2 * size + 64; i--)
		;
	free(object[VICTIM]);
	object[VICTIM] = row[i];
	row[i] = NULL;
}

static void first_underflow_1(void)
{
	first();
	underflow_1();
}

static void first_underflow_32(void)
{
	first();
	underflow_32();
}

static void beyond_48(void)
{
	damage(object[VICTIM] + size + 48, 1);
}

static void beyond_1m(void)
{
	damage(object[VICTIM] + size + (1 << 20), 1);
}

static void free_victim(void)
{
	free(object[VICTIM]);
}

/* The object is the next that malloc would give out. */
static void freed_early(void)
{
	char *p = object[VICTIM];

	free_victim();
	object[VICTIM] = NULL;
	damage(p, size);
}

/* In the part of its mark that tells which thread freed it. */
static void freed_at_5(void)
{
	char *p = object[VICTIM];

	free_victim();
	object[VICTIM] = NULL;
	damage(p + 5, 1);
}

/* Others were freed after it. */
static void freed_late(void)
{
	char *p = object[VICTIM];

	free_victim();
	free(object[VICTIM + 1]);
	free(object[VICTIM - 1]);
	object[VICTIM] = object[VICTIM + 1] = object[VICTIM - 1] = NULL;
	damage(p, size);
}

/* The memory is another object's by now, unless the allocator waits before it uses it again. */
static void reused(void)
{
	char *p = object[VICTIM];

	free_victim();
	object[VICTIM] = get(size);
	harmless = object[VICTIM] != p;
	damage(p, size);
}

/* malloc(0) gives an object of no bytes. */
static void zero(void)
{
	free_victim();
	object[VICTIM] = malloc(0);
	damage(object[VICTIM], 1);
}

static void zero_32(void)
{
	free_victim();
	object[VICTIM] = malloc(0);
	damage(object[VICTIM], 32);
}

static const struct {
	const char *name;
	void (*plant)(void);
} bugs[] = {
	{ "overflow-1", overflow_1 },
	{ "overflow-32", overflow_32 },
	{ "underflow-1", underflow_1 },
	{ "underflow-32", underflow_32 },
	{ "underflow-at-5", underflow_at_5 },
	{ "underflow-at-8", underflow_at_8 },
	{ "first-underflow-1", first_underflow_1 },
	{ "first-underflow-32", first_underflow_32 },
	{ "beyond-48", beyond_48 },
	{ "beyond-1m", beyond_1m },
	{ "freed-early", freed_early },
	{ "freed-at-5", freed_at_5 },
	{ "freed-late", freed_late },
	{ "reused", reused },
	{ "zero-1", zero },
	{ "zero-32", zero_32 },
};
#define NR_BUGS (sizeof(bugs) / sizeof(bugs[0]))

/* ---- two threads free one object at once ------------------------------------------------------- */

static pthread_barrier_t barrier;
static long rounds;

static void *racer(void *unused)
{
	long i;

	(void)unused;
	for (i = 0; i < rounds; i++) {
		pthread_barrier_wait(&barrier);
		free(object[0]);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

/* Prints how often the object was then given out twice. */
static void race(void)
{
	pthread_t thread;
	long i, twice = 0;

	pthread_barrier_init(&barrier, NULL, 2);
	object[0] = malloc(size);
	if (pthread_create(&thread, NULL, racer, NULL) != 0)
		exit(2);
	for (i = 0; i < rounds; i++) {
		char *seen[64];
		int n = 0, k, j;

		pthread_barrier_wait(&barrier);
		free(object[0]);
		pthread_barrier_wait(&barrier);
		for (k = 0; k < 64; k++)
			seen[n++] = malloc(size);
		for (k = 0; k < n; k++)
			for (j = 0; j < k; j++)
				twice += seen[k] == seen[j];
		object[0] = seen[0];
		for (k = 1; k < n; k++)
			free(seen[k]);
	}
	pthread_join(thread, NULL);
	printf("%ld times given out twice\n", twice);
}

/* ---- the program ends while threads allocate, resize and free ---------------------------------- */

static int rounds_done;

static void *worker(void *seed)
{
	unsigned random = (unsigned)(size_t)seed, i;
	void *p[64] = { NULL };
	size_t n;

	for (;;) {
		i = (unsigned)rand_r(&random) % 64;
		n = (unsigned)rand_r(&random) % 600 + 1;
		if (rand_r(&random) % 3) {
			free(p[i]);
			p[i] = malloc(n);
		} else {
			p[i] = realloc(p[i], n);
		}
		memset(p[i], 0xff, n);
		__atomic_fetch_add(&rounds_done, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void threads(unsigned seed)
{
	pthread_t thread;
	size_t i;

	for (i = 0; i < 4; i++)
		if (pthread_create(&thread, NULL, worker, (void *)(seed * 7 + i)) != 0)
			exit(2);
	while (__atomic_load_n(&rounds_done, __ATOMIC_RELAXED) < 5000)
		;
	exit(0);
}

int main(int argc, char **argv)
{
	char *fresh[NEW];
	const char *bug;
	size_t i;

	if (argc < 3) {
		for (i = 0; i < NR_BUGS; i++)
			puts(bugs[i].name);
		return 0;
	}
	size = (size_t)atol(argv[2]);
	if (!strcmp(argv[1], "threads"))
		threads((unsigned)size);
	if (!strcmp(argv[1], "race")) {
		rounds = atol(argv[3]);
		race();
		return 0;
	}
	bug = strchr(argv[1], ':');
	align = bug ? (size_t)atol(argv[1]) : 0;
	bug = bug ? bug + 1 : argv[1];
	for (i = 0; i < NEIGHBOURS; i++)
		memset(object[i] = get(size), 0x20, size);
	for (i = 0; i < NR_BUGS; i++)
		if (!strcmp(bug, bugs[i].name))
			bugs[i].plant();
	free(object[VICTIM]);
	for (i = 0; i < NEW; i++)
		memset(fresh[i] = get(size), 0x20, size);
	for (i = 0; i < NEW; i++)
		free(fresh[i]);
	for (i = 0; i < NEIGHBOURS; i++)
		if (i != VICTIM)
			free(object[i]);
	for (i = 0; i < ROW; i++)
		free(row[i]);
	if (!harmless)
		puts("unnoticed");
	return 0;
}
