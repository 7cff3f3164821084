/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/malloc_micro.c - common patterns of malloc and free: `malloc_micro SHAPE [rounds]` prints ns an operation.
 *
 *   pair       malloc and free of 64 bytes in turn
 *   churn      random sizes to 1000 in 1000 random places
 *   mixed      sizes to 64 KiB, most of them small
 *   bulk       a million objects of 48 bytes, freed in the order of their allocation
 *   scatter    the same, freed in random order
 *   realloc    a buffer grown to 64 MiB, an eighth at a time
 *   calloc     calloc and free of 4 KiB
 *   large      malloc and free of 300 KiB, one byte a page written
 *   cross      one thread allocates, the other frees
 *   threads    churn in four threads
 *
 * The program links no allocator: run it with LD_PRELOAD set to the library that is to be measured. */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define PLACES 1000
#define BULK 1000000
#define RING 4096

/* Makes the compiler assume that p is used. */
#define USED(p) __asm__ volatile("" : : "r"(p) : "memory")

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint32_t next(uint32_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 17;
	*s ^= *s << 5;
	return *s;
}

static unsigned long pair(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++) {
		void *p = malloc(64);

		USED(p);
		free(p);
	}
	return n;
}

static unsigned long churn_seeded(unsigned long n, uint32_t s, uint32_t limit)
{
	void **v = calloc(PLACES, sizeof(*v));

	for (unsigned long i = 0; i < n; i++) {
		uint32_t r = next(&s), k = r % PLACES, size = (r >> 10) % 1000;

		if (limit && (r >> 21) % 16 == 0)
			size = (r >> 5) % limit;
		free(v[k]);
		v[k] = malloc(size + 1);
		*(char *)v[k] = 1;
	}
	for (unsigned k = 0; k < PLACES; k++)
		free(v[k]);
	free(v);
	return n;
}

static unsigned long churn(unsigned long n)
{
	return churn_seeded(n, 12345, 0);
}

static unsigned long mixed(unsigned long n)
{
	return churn_seeded(n, 54321, 65536);
}

static unsigned long bulk_order(unsigned long n, int shuffle)
{
	void **v = malloc(BULK * sizeof(*v));
	uint32_t s = 99;

	for (unsigned long done = 0; done < n; done += BULK) {
		for (unsigned i = 0; i < BULK; i++) {
			v[i] = malloc(48);
			*(char *)v[i] = 1;
		}
		for (unsigned i = BULK - 1; shuffle && i > 0; i--) {
			unsigned k = next(&s) % (i + 1);
			void *p = v[i];

			v[i] = v[k];
			v[k] = p;
		}
		for (unsigned i = 0; i < BULK; i++)
			free(v[i]);
	}
	free(v);
	return (n + BULK - 1) / BULK * BULK;
}

static unsigned long bulk(unsigned long n)
{
	return bulk_order(n, 0);
}

static unsigned long scatter(unsigned long n)
{
	return bulk_order(n, 1);
}

static unsigned long grow(unsigned long n)
{
	unsigned long ops = 0;

	while (ops < n) {
		size_t size = 16;
		char *p = malloc(size);

		while (size < (size_t)64 << 20) {
			size += size / 8 + 8;
			p = realloc(p, size);
			p[size - 1] = 1;
			ops++;
		}
		free(p);
	}
	return ops;
}

static unsigned long zeroed(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++) {
		void *p = calloc(1, 4096);

		USED(p);
		free(p);
	}
	return n;
}

static unsigned long large(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++) {
		char *p = malloc(300000);

		for (size_t k = 0; k < 300000; k += 4096)
			p[k] = 1;
		free(p);
	}
	return n;
}

static void *ring[RING]; /* entries are exchanged atomically; NULL is an empty place */

static void *consumer(void *arg)
{
	unsigned long n = *(unsigned long *)arg;

	for (unsigned long i = 0; i < n; i++) {
		void *p;

		while (!(p = __atomic_exchange_n(&ring[i % RING], NULL, __ATOMIC_ACQUIRE)))
			sched_yield();
		free(p);
	}
	return NULL;
}

static unsigned long cross(unsigned long n)
{
	pthread_t t;

	pthread_create(&t, NULL, consumer, &n);
	for (unsigned long i = 0; i < n; i++) {
		void *p = malloc(100);

		*(char *)p = 1;
		while (__atomic_load_n(&ring[i % RING], __ATOMIC_RELAXED))
			sched_yield();
		__atomic_store_n(&ring[i % RING], p, __ATOMIC_RELEASE);
	}
	pthread_join(t, NULL);
	return n;
}

static void *churn_thread(void *arg)
{
	unsigned long *n = arg;

	churn_seeded(*n, (uint32_t)(uintptr_t)n | 1, 0);
	return NULL;
}

static unsigned long threads(unsigned long n)
{
	unsigned long part[4];
	pthread_t t[4];

	for (int i = 0; i < 4; i++) {
		part[i] = n / 4;
		pthread_create(&t[i], NULL, churn_thread, &part[i]);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	return n;
}

static const struct shape {
	const char *name;
	unsigned long (*run)(unsigned long n);
	unsigned long n;
} shapes[] = {
	{ "pair", pair, 20000000 },      { "churn", churn, 8000000 },     { "mixed", mixed, 4000000 },
	{ "bulk", bulk, 5000000 },       { "scatter", scatter, 3000000 }, { "realloc", grow, 2000 },
	{ "calloc", zeroed, 4000000 },   { "large", large, 20000 },       { "cross", cross, 4000000 },
	{ "threads", threads, 8000000 },
};

int main(int argc, char **argv)
{
	double scale = argc > 2 ? atof(argv[2]) : 1;
	int ran = 0;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct rusage ru;
		unsigned long n;
		double start;

		if (argc > 1 && strcmp(argv[1], "all") != 0 && strcmp(argv[1], shapes[i].name) != 0)
			continue;
		start = now();
		n = shapes[i].run((unsigned long)((double)shapes[i].n * scale) + 1);
		getrusage(RUSAGE_SELF, &ru);
		printf("%-8s %8.2f ns  peak %6ld KiB\n", shapes[i].name, (now() - start) / (double)n, ru.ru_maxrss);
		ran = 1;
	}
	return ran ? 0 : 2;
}
