/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_slab_cache.c - slab caches against a model: which objects are out, and that they overlap nothing. */
#include "slab_test.h"
#include "slab/arena.h"
#include "slab/buddy.h"
#include "slab/cache.h"
#include "slab/finding.h"
#include "slab/redzone.h"

#define OUT_MAX 3000
#define SEED 71993

static struct slab_cache cache;
static void *out[OUT_MAX];
static size_t nr_out;

static int by_address(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t) * (void *const *)a, y = (uintptr_t) * (void *const *)b;

	return x < y ? -1 : x > y;
}

static void no_overlap(void)
{
	static void *sorted[OUT_MAX];
	size_t i;

	memcpy(sorted, out, sizeof(*out) * nr_out);
	qsort(sorted, nr_out, sizeof(*sorted), by_address);
	for (i = 1; i < nr_out; i++)
		CHECK((uintptr_t)sorted[i] - (uintptr_t)sorted[i - 1] >= cache.slot_size);
}

static void take(size_t n)
{
	size_t i;

	n = n < OUT_MAX - nr_out ? n : OUT_MAX - nr_out;
	CHECK(cache_take(&cache, out + nr_out, n) == n);
	for (i = nr_out; i < nr_out + n; i++) {
		uintptr_t addr = (uintptr_t)out[i];
		struct slab *s = slab_of(addr);

		CHECK(addr % 16 == 0 && s && s->cache == &cache);
		CHECK(slab_object_at(&cache, s, slab_index(&cache, s, addr)) == addr);
		CHECK(slab_of(addr + cache.object_size - 1) == s);
		memset(out[i], 0xee, cache.object_size);
	}
	nr_out += n;
}

static void give_back(size_t n, uint64_t *seed)
{
	size_t i;

	n = n < nr_out ? n : nr_out;
	for (i = 0; i < n; i++) {
		size_t k = random_below(seed, nr_out - i);
		void *p = out[k];

		out[k] = out[nr_out - 1 - i];
		out[nr_out - 1 - i] = p;
	}
	cache_return(&cache, out + nr_out - n, n);
	nr_out -= n;
}

static void one_cache(size_t object_size, unsigned flags, uint64_t *seed)
{
	struct buddy_stats s;
	unsigned i;

	memset(&cache, 0, sizeof(cache));
	cache_init(&cache, "test", object_size, 16, flags, SLAB_STATE_OTHER);
	for (i = 0; i < 150; i++) {
		size_t n = random_below(seed, i % 10 ? 70 : 700);

		if (random_below(seed, 2))
			take(n);
		else
			give_back(n, seed);
		CHECK(cache.nr_out == nr_out);
		CHECK_NULL_TEXT(cache_verify(&cache));
		no_overlap();
	}
	give_back(nr_out, seed);
	CHECK_NULL_TEXT(cache_verify(&cache));
	cache_shrink(&cache);
	CHECK(cache.nr_slabs == 0 && cache.nr_empty == 0 && !cache.partial);
	buddy_get_stats(&s);
	CHECK(s.free_pages == s.mapped_pages);
	CHECK_NULL_TEXT(buddy_verify());
	lock_unregister_for_fork(&cache.lock);
}

static void against_model(void)
{
	uint64_t seed = SEED;
	unsigned i;

	fprintf(stderr, "seed %d\n", SEED);
	for (i = 0; i < 24; i++)
		one_cache((1 + random_below(&seed, i % 3 ? 40 : 2048)) * 16, i % 2 ? 0 : SLAB_F_REDZONE, &seed);
	CHECK(nr_findings == 0);
}

/* Two racing frees of one object: the second return finds the bit set. */
static void returned_twice(void)
{
	void *two[2];

	cache_init(&cache, "test", 64, 16, 0, SLAB_STATE_OTHER);
	CHECK(cache_take(&cache, two, 2) == 2);
	cache_return(&cache, two, 1);
	cache_return(&cache, two, 1);
	CHECK(nr_findings == 1 && findings[0].kind == SLAB_DOUBLE_FREE && findings[0].addr == (uintptr_t)two[0]);
	cache_return(&cache, two + 1, 1);
	CHECK_NULL_TEXT(cache_verify(&cache));
	CHECK(nr_findings == 1);
}

/* A pointer that is not the cache's is reported once. Then the cache takes nothing back any more, because its state
 * cannot be trusted. */
static void strange_pointer(void)
{
	void *p, *bad = heap_malloc(100000);

	cache_init(&cache, "test", 64, 16, 0, SLAB_STATE_OTHER);
	cache_return(&cache, &bad, 1);
	CHECK(nr_findings == 1 && findings[0].kind == SLAB_BAD_STATE);
	cache_return(&cache, &bad, 1);
	CHECK(nr_findings == 1);
	CHECK(cache_take(&cache, &p, 1) == 0);
}

/* The first refill fills the slots that it takes, and the rest of their page. Pages behind it hold nothing. */
static void fresh_slots_are_filled(void)
{
	struct damage d;
	void *p[3];
	struct slab *s;

	cache_init(&cache, "test", 64, 16, SLAB_F_REDZONE | SLAB_F_POISON, SLAB_STATE_OTHER);
	CHECK(cache_take(&cache, p, 3) == 3);
	s = slab_of((uintptr_t)p[0]);
	CHECK(s->fresh == 3);
	CHECK(bytes_intact(s->base, s->base + 16, SLUB_RED_ACTIVE, &d));
	for (unsigned i = 0; i < 3; i++) {
		CHECK(poison_bytes_intact(&cache, (uintptr_t)p[i], &d));
		CHECK(bytes_intact((uintptr_t)p[i] + 64, (uintptr_t)p[i] + 80, SLUB_RED_ACTIVE, &d));
	}
	CHECK(bytes_intact((uintptr_t)p[2] + 80, s->base + PAGE_SIZE, SLUB_POISON_INUSE, &d));
	CHECK(bytes_intact(s->base + PAGE_SIZE, s->base + 2 * PAGE_SIZE, 0, &d));
	CHECK(!redzone_find_unused_damage(&cache, s, &d));
	((char *)p[2])[200] = 0;
	CHECK(redzone_find_unused_damage(&cache, s, &d) && d.addr == (uintptr_t)p[2] + 200 && d.size == 1);
	((char *)p[2])[200] = SLUB_POISON_INUSE;
	*(char *)(s->base + PAGE_SIZE + 7) = 1;
	CHECK(redzone_find_unused_damage(&cache, s, &d) && d.addr == s->base + PAGE_SIZE + 7);
}

static void test_model(void **state)
{
	(void)state;
	run_child("mode=production", against_model);
}

static void test_twice(void **state)
{
	(void)state;
	run_child("mode=production", returned_twice);
}

static void test_strange(void **state)
{
	(void)state;
	run_child("mode=production", strange_pointer);
}

static void test_fresh(void **state)
{
	(void)state;
	run_child("mode=check", fresh_slots_are_filled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_strange),
		cmocka_unit_test(test_fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
