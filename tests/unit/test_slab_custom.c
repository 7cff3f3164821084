/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_slab_custom.c - the program's caches and pools against models: random steps, every invariant after
 * each. */
#include "slab_test.h"
#include "slab/buddy.h"
#include "slab/cache.h"
#include "slab/mempool.h"

#include <pthread.h>

#define SEED 80861
#define CACHES 12
#define OBJECTS 300
#define STEPS 4000

/* The model: the caches that exist, and the content of each live object. */
struct model {
	struct slab_cache *cache;
	size_t size, align;
	bool ctor;
	void *objects[OBJECTS];
	uint8_t fill[OBJECTS];
	size_t nr;
};
static struct model models[CACHES];

#define CONSTRUCTED 0x77
static size_t construct_size; /* of the cache whose slabs are made now */
static unsigned nr_constructed;

static void construct(void *p)
{
	memset(p, CONSTRUCTED, construct_size);
	nr_constructed++;
}

static bool holds(const void *p, uint8_t byte, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (((const uint8_t *)p)[i] != byte)
			return false;
	return true;
}

static void model_create(struct model *m, uint64_t *seed)
{
	static const size_t aligns[] = { 0, 16, 64, 128, 4096 };

	m->size = 1 + random_below(seed, random_below(seed, 4) ? 300 : 9000);
	m->align = aligns[random_below(seed, 5)];
	m->ctor = random_below(seed, 3) == 0;
	m->nr = 0;
	m->cache = slab_custom_create("model", m->size, m->align, random_below(seed, 5) ? 0 : SLAB_F_TYPESAFE,
	                              m->ctor ? construct : NULL);
	CHECK(m->cache && slab_custom_size(m->cache) == m->size);
}

static void model_alloc(struct model *m, uint64_t *seed)
{
	bool zero = !m->ctor && random_below(seed, 2);
	uint8_t *p;

	if (m->nr == OBJECTS)
		return;
	construct_size = m->size;
	p = slab_custom_alloc(m->cache, zero, &no_regs);
	CHECK(p && (uintptr_t)p % (m->align ? m->align : 16) == 0);
	CHECK(!zero || holds(p, 0, m->size));
	CHECK(!m->ctor || holds(p, CONSTRUCTED, m->size));
	for (size_t i = 0; i < m->nr; i++)
		CHECK((uintptr_t)p + m->size <= (uintptr_t)m->objects[i] ||
		      (uintptr_t)m->objects[i] + m->size <= (uintptr_t)p);
	m->fill[m->nr] = (uint8_t)random_next(seed);
	memset(p, m->fill[m->nr], m->size);
	m->objects[m->nr++] = p;
}

static void model_free(struct model *m, uint64_t *seed)
{
	size_t k;

	if (!m->nr)
		return;
	k = random_below(seed, m->nr);
	CHECK(holds(m->objects[k], m->fill[k], m->size));
	if (m->ctor)
		memset(m->objects[k], CONSTRUCTED, m->size);
	slab_custom_free(m->cache, m->objects[k], &no_regs);
	m->objects[k] = m->objects[--m->nr];
	m->fill[k] = m->fill[m->nr];
}

static void model_destroy(struct model *m, uint64_t *seed)
{
	while (m->nr)
		model_free(m, seed);
	CHECK(slab_custom_destroy(m->cache, 0, &no_regs) == 0);
	m->cache = NULL;
}

static void caches_against_model(void)
{
	uint64_t seed = SEED;
	struct buddy_stats s;

	memset(models, 0, sizeof(models));
	for (unsigned i = 0; i < STEPS; i++) {
		struct model *m = &models[random_below(&seed, CACHES)];
		size_t what = random_below(&seed, 100), n = 1 + random_below(&seed, 20);

		if (!m->cache)
			model_create(m, &seed);
		for (; n && what < 95; n--)
			what < 50 ? model_alloc(m, &seed) : model_free(m, &seed);
		if (what == 95)
			model_destroy(m, &seed);
		else if (what >= 96)
			slab_custom_shrink(m->cache, &no_regs);
		if (m->cache)
			CHECK_NULL_TEXT(cache_verify(m->cache));
		if (i % 100 == 0) {
			CHECK(slab_check_all(SLAB_AT_CHECK_ALL, &no_regs) == 0);
			CHECK_NULL_TEXT(buddy_verify());
		}
		CHECK(nr_findings == 0);
	}
	for (unsigned k = 0; k < CACHES; k++)
		if (models[k].cache)
			model_destroy(&models[k], &seed);
	CHECK(nr_constructed > 0);
	slab_trim(0);
	buddy_get_stats(&s);
	CHECK(s.free_pages == s.mapped_pages);
	CHECK_NULL_TEXT(buddy_verify());
	CHECK(nr_findings == 0);
}

/* ---- each fault is reported once, by its kind ------------------------------------------------ */

static void expect_one(enum slab_finding_kind kind, const void *addr)
{
	CHECK(nr_findings == 1 && findings[0].kind == kind && findings[0].addr == (uintptr_t)addr);
	nr_findings = 0;
}

static void mistakes(void)
{
	struct slab_cache *a = slab_custom_create("a", 100, 0, 0, NULL), *b = slab_custom_create("b", 100, 0, 0, NULL);
	char *p = slab_custom_alloc(a, false, &no_regs), *q = slab_custom_alloc(a, false, &no_regs),
	     *m = heap_malloc(100);

	slab_custom_free(b, p, &no_regs);
	expect_one(SLAB_WRONG_CACHE, p);
	CHECK(strcmp(findings[0].cache, "b") == 0 && strcmp(findings[0].object.cache, "a") == 0);
	slab_custom_free(a, p, &no_regs);
	expect_one(SLAB_DOUBLE_FREE, p);
	slab_custom_free(a, q + 16, &no_regs);
	expect_one(SLAB_INVALID_FREE, q + 16);
	slab_custom_free(a, m, &no_regs);
	expect_one(SLAB_ALLOC_DEALLOC_MISMATCH, m);
	CHECK(slab_custom_destroy(a, 0, &no_regs) == 1);
	expect_one(SLAB_OBJECT_REMAINS, q);
	CHECK(findings[0].nr == 1);
	slab_custom_free(a, q, &no_regs);
	expect_one(SLAB_CACHE_DESTROYED, q);
	CHECK(!slab_custom_check(a, &no_regs));
	expect_one(SLAB_CACHE_DESTROYED, a);
	CHECK(!slab_custom_check((struct slab_cache *)m, &no_regs));
	expect_one(SLAB_CACHE_DESTROYED, m);
	p = slab_custom_alloc(b, false, &no_regs);
	slab_free(p, SLAB_API_MALLOC, SIZE_MAX, &no_regs);
	expect_one(SLAB_ALLOC_DEALLOC_MISMATCH, p);
	CHECK(slab_custom_destroy(b, 0, &no_regs) == 0 && nr_findings == 0);
}

/* A number is used again only after all others. Objects that threads had in their bins are gone with their cache. */
static void numbers_come_again(void)
{
	struct slab_cache *first = slab_custom_create("first", 32, 0, 0, NULL), *c;
	void *p = slab_custom_alloc(first, false, &no_regs);
	unsigned n = 0;

	slab_custom_free(first, p, &no_regs);
	CHECK(slab_custom_destroy(first, 0, &no_regs) == 0);
	while ((c = slab_custom_create("next", 32 + n % 100, 0, 0, NULL)) != first) {
		CHECK(c && n++ < SLAB_VIEW_CACHES);
		p = slab_custom_alloc(c, false, &no_regs);
		slab_custom_free(c, p, &no_regs);
		CHECK(slab_custom_destroy(c, 0, &no_regs) == 0);
	}
	CHECK(n == SLAB_VIEW_CACHES - SLAB_FIRST_CUSTOM - 1);
	p = slab_custom_alloc(c, false, &no_regs);
	slab_custom_free(c, p, &no_regs);
	CHECK(slab_custom_destroy(c, 0, &no_regs) == 0 && nr_findings == 0);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void *hand[4][64]; /* objects on their way from one thread to the next */
static struct slab_cache *shared;

static void *thread(void *arg)
{
	unsigned id = (unsigned)(uintptr_t)arg;
	uint64_t seed = SEED + id;

	for (unsigned round = 0; round < 300; round++) {
		struct slab_cache *own = slab_custom_create("own", 16 + round % 50, 0, 0, NULL);
		void *p[40], *q;

		for (unsigned i = 0; i < 40; i++) {
			p[i] = slab_custom_alloc(own, false, &no_regs);
			q = slab_custom_alloc(shared, false, &no_regs);
			CHECK(p[i] && q);
			q = __atomic_exchange_n(&hand[random_below(&seed, 4)][random_below(&seed, 64)], q,
			                        __ATOMIC_ACQ_REL);
			if (q)
				slab_custom_free(shared, q, &no_regs);
		}
		for (unsigned i = 0; i < 40; i++)
			slab_custom_free(own, p[i], &no_regs);
		CHECK(slab_custom_destroy(own, 0, &no_regs) == 0);
	}
	slab_thread_exit();
	return NULL;
}

static void many_threads(void)
{
	pthread_t t[4];

	shared = slab_custom_create("shared", 80, 0, 0, NULL);
	for (unsigned i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, thread, (void *)(uintptr_t)i) == 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (unsigned i = 0; i < 256; i++)
		if (hand[i / 64][i % 64])
			slab_custom_free(shared, hand[i / 64][i % 64], &no_regs);
	CHECK(slab_custom_destroy(shared, 0, &no_regs) == 0);
	CHECK(nr_findings == 0);
}

/* ---- pools ----------------------------------------------------------------------------------- */

#define SLOTS 200
static char block[SLOTS * 96] __attribute__((aligned(16)));

static void pools_against_model(void)
{
	struct slab_mempool *pools[2] = { slab_mempool_create("p", 16, 0),
		                          slab_mempool_create("q", 16, SLAB_MEMPOOL_POISON) };
	bool live[SLOTS] = { false }, ever[SLOTS] = { false };
	struct slab_object obj;
	uint64_t seed = SEED;

	for (unsigned i = 0; i < 20000; i++) {
		size_t k = random_below(&seed, SLOTS), which = k % 2;
		char *p = block + k * 96 + 16;
		if (!live[k] && random_below(&seed, 10)) {
			CHECK(slab_mempool_alloc(pools[which], p, 64, &no_regs));
			memset(p, 1, 64);
			live[k] = ever[k] = true;
		} else if (live[k]) {
			CHECK(slab_find_object((uintptr_t)p + 63, &obj) && obj.addr == (uintptr_t)p &&
			      obj.state == SLAB_OBJ_LIVE && obj.size == 64);
			slab_mempool_free(pools[which], p, &no_regs);
			live[k] = false;
		} else {
			slab_mempool_free(pools[which], p, &no_regs);
			expect_one(ever[k] ? SLAB_DOUBLE_FREE : SLAB_INVALID_FREE, p);
		}
		if (i % 1000 == 0) {
			CHECK(slab_check_all(SLAB_AT_CHECK_ALL, &no_regs) == 0);
		}
		if (i % 3000 == 2999) {
			slab_mempool_destroy(pools[0], &no_regs);
			pools[0] = slab_mempool_create("p", 16, 0);
			for (k = 0; k < SLOTS; k += 2)
				live[k] = ever[k] = false;
		}
		CHECK(nr_findings == 0);
	}
	block[96 + 16 + 64] ^= 1;
	CHECK(slab_check_all(SLAB_AT_CHECK_ALL, &no_regs) == (live[1] && options.mode == MODE_CHECK));
	nr_findings = 0;
	slab_mempool_destroy(pools[0], &no_regs);
	slab_mempool_destroy(pools[1], &no_regs);
	CHECK(!slab_find_object((uintptr_t)block + 20, &obj));
	CHECK(nr_findings == 0);
}

static void test_caches(void **state)
{
	(void)state;
	run_child("mode=check", caches_against_model);
	run_child("mode=production", caches_against_model);
	run_child("mode=production:slab_debug=Z", caches_against_model);
	run_child("mode=check:quarantine.size=0", caches_against_model);
}

static void test_mistakes(void **state)
{
	(void)state;
	run_child("mode=check", mistakes);
	run_child("mode=production", mistakes);
}

static void test_numbers(void **state)
{
	(void)state;
	run_child("mode=check", numbers_come_again);
	run_child("mode=production", numbers_come_again);
}

static void test_threads(void **state)
{
	(void)state;
	run_child("mode=check", many_threads);
	run_child("mode=production", many_threads);
}

static void test_pools(void **state)
{
	(void)state;
	run_child("mode=check", pools_against_model);
	run_child("mode=production", pools_against_model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_caches),  cmocka_unit_test(test_mistakes), cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_threads), cmocka_unit_test(test_pools),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
