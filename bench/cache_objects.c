/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/cache_objects.c - the cost of objects of one size from a cache, from malloc and from a hand-written free list;
 * fragmentation; buddy merging; colouring.
 *
 *   cache_objects SHAPE FROM THREADS [ROUNDS]    processor time of an operation (an allocation with its free), in ns
 *       SHAPE   pair    allocates and frees one object at a time
 *               bulk    allocates 1000 objects, then frees them all
 *               churn   frees a random one of 1000 objects and allocates another
 *       FROM    malloc, cache (memsan_cache_alloc; memsan must be preloaded),
 *               freelist (one list for each thread, as programs write them)
 *   cache_objects fragment [OPERATIONS]          peak and final resident kilobytes of a trace of random sizes and
 *                                                lifetimes; 2 % of the objects stay
 *   cache_objects buddy                          allocates random orders and frees them all; prints the free runs by
 *                                                order amid the churn, and at the end
 *   cache_objects colour                         ns to touch the first cache line of each object in 16 KiB slabs: with
 *                                                all objects at the same offsets, and with each slab's objects one line
 *                                                later than the last slab's (1984 bytes an object leave room for that)
 *
 * The program links no allocator: run it with LD_PRELOAD set to the library that is to be measured. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SIZE 96
#define PLACES 1000
#define USED(p) __asm__ volatile("" : : "r"(p) : "memory")

struct memsan_cache;
__attribute__((weak)) struct memsan_cache *memsan_cache_create(const char *, size_t, size_t, unsigned,
                                                               void (*)(void *));
__attribute__((weak)) void *memsan_cache_alloc(struct memsan_cache *);
__attribute__((weak)) void memsan_cache_free(struct memsan_cache *, void *);
__attribute__((weak)) void *memsan_alloc_pages(unsigned);
__attribute__((weak)) void memsan_free_pages(void *, unsigned);
__attribute__((weak)) size_t memsan_shrink_all(void);
__attribute__((weak)) int memsan_buddyinfo(int);

static uint32_t next(uint32_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 17;
	*s ^= *s << 5;
	return *s;
}

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- one size -------------------------------------------------------------------------------- */

enum from { FROM_MALLOC, FROM_CACHE, FROM_LIST };
static enum from from;
static struct memsan_cache *cache;

struct link {
	struct link *next;
};
static __thread struct link *list;

static __attribute__((noinline)) struct link *list_grow(void)
{
	char *block = malloc(64 * SIZE);

	for (int i = 0; i < 64; i++) {
		struct link *l = (struct link *)(block + i * SIZE);
		l->next = list;
		list = l;
	}
	return list;
}

static inline void *take(void)
{
	if (from == FROM_CACHE)
		return memsan_cache_alloc(cache);
	if (from == FROM_MALLOC)
		return malloc(SIZE);
	struct link *l = list ? list : list_grow();
	list = l->next;
	return l;
}

static inline void give(void *p)
{
	if (from == FROM_CACHE) {
		memsan_cache_free(cache, p);
	} else if (from == FROM_MALLOC) {
		free(p);
	} else {
		struct link *l = p;
		l->next = list;
		list = l;
	}
}

static void pair(unsigned long n)
{
	while (n--) {
		void *p = take();
		USED(p);
		give(p);
	}
}

static void bulk(unsigned long n)
{
	static __thread void *v[PLACES];

	for (unsigned long r = 0; r < n / PLACES; r++) {
		for (int i = 0; i < PLACES; i++)
			*(char *)(v[i] = take()) = 1;
		for (int i = 0; i < PLACES; i++)
			give(v[i]);
	}
}

static void churn(unsigned long n)
{
	static __thread void *v[PLACES];
	uint32_t s = 4711;

	for (int i = 0; i < PLACES; i++)
		v[i] = take();
	while (n--) {
		uint32_t k = next(&s) % PLACES;
		give(v[k]);
		*(char *)(v[k] = take()) = 1;
	}
	for (int i = 0; i < PLACES; i++)
		give(v[i]);
}

static void (*shape)(unsigned long n);
static unsigned long rounds;

static void *run(void *ns)
{
	double start = seconds(CLOCK_THREAD_CPUTIME_ID);

	shape(rounds);
	*(double *)ns = (seconds(CLOCK_THREAD_CPUTIME_ID) - start) * 1e9 / (double)rounds;
	return NULL;
}

static int one_size(int argc, char **argv)
{
	int threads = atoi(argv[3]);
	double ns[8], sum = 0;
	pthread_t t[8];

	shape = strcmp(argv[1], "pair") == 0 ? pair : strcmp(argv[1], "bulk") == 0 ? bulk : churn;
	from = strcmp(argv[2], "malloc") == 0 ? FROM_MALLOC : strcmp(argv[2], "cache") == 0 ? FROM_CACHE : FROM_LIST;
	rounds = argc > 4 ? strtoul(argv[4], NULL, 10) : 10000000;
	if (threads < 1 || threads > 8 || (from == FROM_CACHE && !memsan_cache_create))
		return 2;
	if (from == FROM_CACHE)
		cache = memsan_cache_create("bench", SIZE, 0, 0, NULL);
	for (int i = 0; i < threads; i++)
		pthread_create(&t[i], NULL, run, &ns[i]);
	for (int i = 0; i < threads; i++) {
		pthread_join(t[i], NULL);
		sum += ns[i];
	}
	printf("%.2f\n", sum / threads);
	return 0;
}

/* ---- fragmentation --------------------------------------------------------------------------- */

static long resident_kib(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%*s %ld", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return pages * 4;
}

/* Sizes come in phases, as in programs: one phase leaves holes that the next phase's sizes fit into badly. */
static int fragment(unsigned long n)
{
	enum { LIVE = 100000 };
	static void *v[LIVE];
	static const uint32_t largest[] = { 64, 500, 120, 2000, 40, 8000 };
	uint32_t s = 31337;
	struct rusage usage;

	for (unsigned long i = 0; i < n; i++) {
		uint32_t k = next(&s) % LIVE, most = largest[i * 6 / n], size = next(&s) % most + 8;
		free(v[k]);
		v[k] = malloc(size);
		memset(v[k], 1, size);
	}
	for (int i = 0; i < LIVE; i++)
		if (i % 50) {
			free(v[i]);
			v[i] = NULL;
		}
	getrusage(RUSAGE_SELF, &usage);
	/* The program runs on a little, so that an allocator that frees memory after a delay can do so. */
	for (unsigned i = 0; i < 200000; i++) {
		void *p = malloc(next(&s) % 100 + 1);
		USED(p);
		free(p);
		if (i % 20000 == 0)
			usleep(100000);
	}
	printf("%ld %ld\n", usage.ru_maxrss, resident_kib());
	return 0;
}

/* ---- buddies --------------------------------------------------------------------------------- */

static int buddy(void)
{
	enum { HELD = 2000 };
	static void *v[HELD];
	static unsigned order[HELD];
	uint32_t s = 99;

	if (!memsan_alloc_pages)
		return 2;
	for (unsigned i = 0; i < 200000; i++) {
		uint32_t k = next(&s) % HELD;
		memsan_free_pages(v[k], order[k]);
		order[k] = next(&s) % 8;
		v[k] = memsan_alloc_pages(order[k]);
		if (!v[k])
			return 1;
	}
	fflush(stdout);
	memsan_buddyinfo(1);
	for (unsigned k = 0; k < HELD; k++)
		memsan_free_pages(v[k], order[k]);
	memsan_shrink_all();
	memsan_buddyinfo(1);
	return 0;
}

/* ---- colouring ------------------------------------------------------------------------------- */

/* Touches `slabs` slabs of 16 KiB with 8 objects each in turn.  Each slab's objects start `step` bytes later than those
 * of the slab before, within `room`. */
static double touch(char *memory, unsigned slabs, unsigned size, unsigned step, unsigned room)
{
	double best = 1e9;

	for (int rep = 0; rep < 7; rep++) {
		double start = seconds(CLOCK_THREAD_CPUTIME_ID);
		for (int r = 0; r < 200; r++)
			for (unsigned i = 0; i < slabs; i++) {
				volatile char *slab = memory + (size_t)i * 16384 + (room ? i * step % room : 0);
				for (unsigned k = 0; k < 8; k++)
					slab[k * size]++;
			}
		double ns = (seconds(CLOCK_THREAD_CPUTIME_ID) - start) * 1e9 / (200.0 * slabs * 8);
		best = ns < best ? ns : best;
	}
	return best;
}

static int colour(void)
{
	char *memory = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		return 1;
	for (unsigned slabs = 4; slabs <= 2048; slabs *= 4)
		printf("%u objects: %.2f ns alike, %.2f ns coloured\n", slabs * 8, touch(memory, slabs, 1984, 0, 0),
		       touch(memory, slabs, 1984, 64, 16384 - 8 * 1984));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "fragment") == 0)
		return fragment(argc > 2 ? strtoul(argv[2], NULL, 10) : 3000000);
	if (argc > 1 && strcmp(argv[1], "buddy") == 0)
		return buddy();
	if (argc > 1 && strcmp(argv[1], "colour") == 0)
		return colour();
	if (argc > 3)
		return one_size(argc, argv);
	fprintf(stderr, "usage: cache_objects SHAPE FROM THREADS [ROUNDS] | fragment [OPERATIONS] | buddy | colour\n");
	return 2;
}
