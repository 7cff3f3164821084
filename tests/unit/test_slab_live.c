/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_slab_live.c - liveness of checked and large objects: every address is tried, threads race to free
 * one object, slabs come back with another class. */
#include <pthread.h>

#include "tests/unit/slab_test.h"
#include "slab/arena.h"
#include "slab/cache.h"
#include "slab/debug.h"
#include "slab/quarantine.h"

#define SEED 11

static void expect_none(void)
{
	CHECK(nr_findings == 0);
}

static unsigned take_findings(void)
{
	return __atomic_exchange_n(&nr_findings, 0, __ATOMIC_RELAXED);
}

static void *aligned_object(size_t size, size_t align)
{
	return slab_malloc(size, align, align > 16 ? SLAB_API_MEMALIGN : SLAB_API_MALLOC, false, &no_regs);
}

/* ---- every address --------------------------------------------------------------------------- */

#define OBJECTS 40

/* No address in the slabs but its start is taken for a live object, before and after it was freed, and no trial
 * changes anything. */
static void try_all_around(char *const *p, unsigned n, bool live)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t w = arena_owner((uintptr_t)p[i]);
		struct slab *s = OWNER_POINTER(w);
		size_t pages, step;
		CHECK((w & OWNER_TAG) == OWNER_SLAB);
		pages = s->cache->nr_pages;
		step = pages * PAGE_SIZE > 65536 ? 16 : 1;
		for (uintptr_t at = s->base; at < s->base + pages * PAGE_SIZE; at += step) {
			bool start = false, bad;
			for (unsigned k = 0; k < n; k++)
				start |= live && at == (uintptr_t)p[k];
			CHECK(debug_is_live(s, at) == start);
			if (start || (at % 64 && at - (uintptr_t)p[i] + 4096 > 8192))
				continue;
			heap_free((void *)at);
			CHECK(slab_realloc((void *)at, 5, &no_regs, &bad) == NULL && bad);
			CHECK(take_findings() == 2);
		}
		if (i >= 1)
			break;
	}
}

static void every_address(void)
{
	static const size_t sizes[] = { 1, 16, 100, 1000, 5000 }, aligns[] = { 16, 64, 1024, 4096 };
	char *p[OBJECTS];

	for (unsigned a = 0; a < ARRAY_SIZE(aligns); a++) {
		for (unsigned k = 0; k < ARRAY_SIZE(sizes); k++) {
			unsigned n = sizes[k] + aligns[a] > 1000 ? 6 : OBJECTS;
			for (unsigned i = 0; i < n; i++) {
				p[i] = aligned_object(sizes[k], aligns[a]);
				CHECK(p[i] && (uintptr_t)p[i] % aligns[a] == 0);
			}
			try_all_around(p, n, true);
			for (unsigned i = 0; i < n; i++)
				heap_free(p[i]);
			expect_none();
			try_all_around(p, n, false);
			CHECK(slab_check_all(SLAB_AT_CHECK_ALL, &no_regs) == 0);
		}
	}
}

/* A stale pointer to the start of an over-aligned object is told from an interior pointer, as long as no other
 * object has the slot. */
static void displaced_starts_are_remembered(void)
{
	char *p = aligned_object(100, 256);

	heap_free(p);
	expect_none();
	quarantine_drain(&no_regs);
	heap_free(p);
	CHECK(nr_findings == 1 && findings[0].kind == SLAB_DOUBLE_FREE && findings[0].object.addr == (uintptr_t)p);
	nr_findings = 0;
	heap_free(p + 16);
	CHECK(nr_findings == 1 && findings[0].kind == SLAB_INVALID_FREE);
}

/* ---- threads that free the same -------------------------------------------------------------- */

#define THREADS 3
#define RACED 20000

static char *raced[RACED];
static pthread_barrier_t start_line;

static void *free_all(void *arg)
{
	unsigned rounds = *(unsigned *)arg;

	for (unsigned r = 0; r < rounds; r++) {
		pthread_barrier_wait(&start_line);
		for (size_t i = 0; i < RACED / rounds; i++)
			heap_free(raced[i]);
		pthread_barrier_wait(&start_line);
		pthread_barrier_wait(&start_line);
	}
	return NULL;
}

/* Each thread frees each object at about the same time: one free is right, the others are reported. */
static void race(size_t size, size_t align, unsigned rounds)
{
	pthread_t threads[THREADS];
	size_t n = RACED / rounds;

	CHECK(pthread_barrier_init(&start_line, NULL, THREADS + 1) == 0);
	for (unsigned t = 0; t < THREADS; t++)
		CHECK(pthread_create(&threads[t], NULL, free_all, &rounds) == 0);
	for (unsigned r = 0; r < rounds; r++) {
		for (size_t i = 0; i < n; i++)
			CHECK((raced[i] = aligned_object(size, align)) != NULL);
		pthread_barrier_wait(&start_line);
		pthread_barrier_wait(&start_line);
		CHECK(take_findings() == (THREADS - 1) * n);
		pthread_barrier_wait(&start_line);
	}
	for (unsigned t = 0; t < THREADS; t++)
		pthread_join(threads[t], NULL);
	pthread_barrier_destroy(&start_line);
	CHECK(slab_check_all(SLAB_AT_CHECK_ALL, &no_regs) == 0);
}

static void racing_frees(void)
{
	race(40, 16, 1);
	race(40, 128, 1);
	race(3000, 16, 20);
	race(100000, 16, 200);
}

/* ---- neighbours, and pages that change hands ------------------------------------------------- */

#define SLOTS 64
#define STEPS 40000

struct owner {
	pthread_t thread;
	uint64_t seed;
	char *slots[SLOTS];
	size_t sizes[SLOTS];
};

/* Threads own neighbouring objects, whose bytes share words. With hardly any quarantine slabs go back and come again
 * with another class. */
static void *own_and_free(void *arg)
{
	struct owner *o = arg;

	for (unsigned i = 0; i < STEPS; i++) {
		unsigned k = (unsigned)random_below(&o->seed, SLOTS);
		if (!o->slots[k]) {
			o->sizes[k] = 1 + random_below(&o->seed, i / 4000 % 2 ? 60 : 9000);
			o->slots[k] = aligned_object(o->sizes[k], (size_t)16 << random_below(&o->seed, 5));
			CHECK(o->slots[k]);
			memset(o->slots[k], (int)k, o->sizes[k]);
			continue;
		}
		CHECK(slab_usable_size(o->slots[k], &no_regs) >= o->sizes[k]);
		for (size_t b = 0; b < o->sizes[k]; b += 61)
			CHECK(o->slots[k][b] == (char)k);
		heap_free(o->slots[k]);
		o->slots[k] = NULL;
	}
	slab_thread_exit();
	return NULL;
}

static void neighbours(void)
{
	static struct owner owners[4];

	for (unsigned t = 0; t < ARRAY_SIZE(owners); t++) {
		owners[t].seed = SEED + t;
		CHECK(pthread_create(&owners[t].thread, NULL, own_and_free, &owners[t]) == 0);
	}
	for (unsigned i = 0; i < 10; i++) {
		CHECK(slab_check_all(SLAB_AT_CHECK_ALL, &no_regs) == 0);
		slab_trim(0);
	}
	for (unsigned t = 0; t < ARRAY_SIZE(owners); t++)
		pthread_join(owners[t].thread, NULL);
	expect_none();
	for (unsigned t = 0; t < ARRAY_SIZE(owners); t++)
		for (unsigned k = 0; k < SLOTS; k++)
			heap_free(owners[t].slots[k]);
	expect_none();
}

/* The child frees the objects that its parent allocated, once rightly and once too often. */
static void after_fork(void)
{
	char *p = heap_malloc(50), *gone = heap_malloc(50), *large = heap_malloc(200000);
	int status;
	pid_t pid;

	heap_free(gone);
	locks_fork_prepare();
	pid = fork();
	if (pid == 0) {
		locks_fork_child();
		slab_fork_child();
		heap_free(p);
		heap_free(large);
		expect_none();
		heap_free(p);
		heap_free(gone);
		heap_free(large);
		heap_free(large + 4096);
		_exit(take_findings() == 4 ? 0 : 1);
	}
	locks_fork_parent();
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	heap_free(p);
	heap_free(large);
	expect_none();
}

#define CHILD_TEST(name, fn, opts)            \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		run_child(opts, fn);          \
	}
CHILD_TEST(every_address, every_address, "mode=check")
CHILD_TEST(every_address_unheld, every_address, "mode=check:quarantine.size=0")
CHILD_TEST(every_address_untracked, every_address, "mode=production:slab_debug=FZ")
CHILD_TEST(displaced, displaced_starts_are_remembered, "mode=check")
CHILD_TEST(racing, racing_frees, "mode=check")
CHILD_TEST(neighbours, neighbours, "mode=check")
CHILD_TEST(neighbours_unheld, neighbours, "mode=check:quarantine.size=0")
CHILD_TEST(neighbours_mixed, neighbours, "mode=check:slab_debug=-,malloc-1*")
CHILD_TEST(fork, after_fork, "mode=check")

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_address),
		cmocka_unit_test(test_every_address_unheld),
		cmocka_unit_test(test_every_address_untracked),
		cmocka_unit_test(test_displaced),
		cmocka_unit_test(test_racing),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_neighbours_unheld),
		cmocka_unit_test(test_neighbours_mixed),
		cmocka_unit_test(test_fork),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
