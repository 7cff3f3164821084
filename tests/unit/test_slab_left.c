/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_slab_left.c - what slab/ leaves behind: counters after frees, red zones and poison of objects that
 * leave the quarantine, caches, pools and shrinkers that are gone; and which shadow an object has meanwhile. */
#include <pthread.h>

#include "slab_test.h"
#include "slab/arena.h"
#include "slab/budget.h"
#include "slab/buddy.h"
#include "slab/cache.h"
#include "slab/class.h"
#include "slab/quarantine.h"
#include "slab/reclaim.h"
#include "slab/spare.h"
#include "slab/tcache.h"

/* ---- the quarantine -------------------------------------------------------------------------- */

static struct tcache_block *own_block(void)
{
	return tcache_block();
}

/* A write beside a freed object is found when the object leaves the quarantine. */
static void zones_of_quarantined(void)
{
	uint8_t *p = heap_malloc(48);

	CHECK(class_size(class_of(48)) == 48);
	heap_free(p);
	p[-3] = 1;
	CHECK(nr_findings == 0);
	quarantine_drain(&no_regs);
	CHECK(nr_findings == 1 && findings[0].kind == SLAB_LEFT_REDZONE && findings[0].at == SLAB_AT_QUARANTINE_EXIT);
	CHECK(findings[0].addr == (uintptr_t)p - 3 && findings[0].object.addr == (uintptr_t)p);
	nr_findings = 0;
	p = heap_malloc(48);
	heap_free(p);
	p[50] = 1;
	quarantine_drain(&no_regs);
	CHECK(nr_findings == 1 && findings[0].kind == SLAB_RIGHT_REDZONE && findings[0].addr == (uintptr_t)p + 50);
}

/* Damage of a freed object: from the first bad byte to the last, which may be the object's last. */
static void damage_of_freed(void)
{
	static const struct {
		unsigned first, last;
	} cases[] = { { 0, 0 }, { 5, 9 }, { 30, 47 }, { 47, 47 }, { 46, 46 }, { 0, 47 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t *p = heap_malloc(48);

		heap_free(p);
		p[cases[i].first] = p[cases[i].last] = 1;
		nr_findings = 0;
		quarantine_drain(&no_regs);
		CHECK(nr_findings == 1 && findings[0].kind == SLAB_POISON_OVERWRITTEN && findings[0].found == 1);
		CHECK(findings[0].addr == (uintptr_t)p + cases[i].first);
		CHECK(findings[0].size == cases[i].last - cases[i].first + 1);
		CHECK(findings[0].expected == (cases[i].first == 47 ? 0xa5 : 0x6b));
	}
}

#define MANY 3000
static uint8_t *many[MANY];

/* Frees objects of whole slabs, and writes to `at` of each object that still lies in this thread's buffer. Some of the
 * slabs are guarded then. Each write is found once. */
static void damage_before_guarding(ptrdiff_t at)
{
	struct quarantine_stats q;
	unsigned nr_damaged = 0;

	for (size_t i = 0; i < MANY; i++)
		many[i] = heap_malloc(100);
	for (size_t i = 0; i < MANY; i++) {
		heap_free(many[i]);
		if (own_block()->held_count) {
			many[i][at] = 0x42;
			nr_damaged++;
		}
	}
	quarantine_flush_block(own_block(), &no_regs);
	quarantine_get_stats(&q);
	if (os_guard_supported())
		CHECK(q.guarded > MANY / 2);
	quarantine_drain(&no_regs);
	CHECK(nr_damaged > MANY / 2 && nr_findings == nr_damaged);
	for (unsigned i = 0; i < FINDINGS_MAX; i++)
		CHECK(findings[i].at == SLAB_AT_QUARANTINE_EXIT);
	if (!os_guard_supported())
		_exit(CHILD_SKIPPED);
}

static void poison_before_guarding(void)
{
	damage_before_guarding(20);
}

static void zones_before_guarding(void)
{
	damage_before_guarding(-5);
}

/* However many slabs were guarded before, the next ones are guarded too: only those that are guarded now count. */
static void guarding_goes_on(void)
{
	struct quarantine_stats q;
	unsigned guarded;

	if (!os_guard_supported())
		_exit(CHILD_SKIPPED);
	for (unsigned round = 0; round < 60; round++) {
		uint32_t start = jiffies_now();

		/* In each jiffy a limited number of pages is guarded: these need two. */
		while (jiffies_now() - start < 3)
			usleep(100);
		for (size_t i = 0; i < MANY; i++)
			many[i] = heap_malloc(100);
		for (size_t i = 0; i < MANY; i++)
			heap_free(many[i]);
		quarantine_flush_block(own_block(), &no_regs);
		guarded = 0;
		for (size_t i = 0; i < MANY; i += 10)
			guarded += !os_page_readable(many[i]);
		CHECK(guarded > MANY / 10 / 2);
		quarantine_drain(&no_regs);
		quarantine_get_stats(&q);
		CHECK(q.guarded == 0);
	}
	CHECK(nr_findings == 0);
}

static void expect_empty(void)
{
	struct quarantine_stats q;
	struct buddy_stats s;

	quarantine_drain(&no_regs);
	quarantine_get_stats(&q);
	CHECK(q.bytes == 0 && q.objects == 0 && q.guarded == 0);
	slab_trim(0);
	buddy_get_stats(&s);
	CHECK(s.free_pages == s.mapped_pages);
	CHECK(nr_findings == 0);
}

/* Several rounds of sizes: slabs are guarded, and their entries in the queue are compacted away. Afterwards nothing is
 * counted, and all pages are free. */
static void counters_return_to_zero(void)
{
	struct slab_cache *c;
	void *p[200];

	for (unsigned round = 0; round < 12; round++) {
		for (size_t i = 0; i < MANY; i++)
			many[i] = heap_malloc(16 + round % 3);
		for (size_t i = 0; i < MANY; i++)
			heap_free(many[i]);
		/* A cache's guarded slabs leave from the end of the list when it is destroyed. */
		c = slab_custom_create("round", 1000, 0, 0, NULL);
		for (size_t i = 0; i < 200; i++)
			p[i] = slab_custom_alloc(c, false, &no_regs);
		for (size_t i = 0; i < 200; i++)
			slab_custom_free(c, p[i], &no_regs);
		CHECK(slab_custom_destroy(c, 0, &no_regs) == 0);
		if (round % 4 == 3)
			expect_empty();
	}
	expect_empty();
}

/* After a flush the thread's buffer fills up again from the start. */
static void buffer_counts_anew(void)
{
	void *large = heap_malloc(8000), *small[4];

	for (size_t i = 0; i < 4; i++)
		small[i] = heap_malloc(24);
	heap_free(large);
	while (own_block()->held_count) {
		large = heap_malloc(8000);
		heap_free(large);
	}
	for (size_t i = 0; i < 4; i++) {
		heap_free(small[i]);
		CHECK(own_block()->held_count == i + 1);
	}
}

/* ---- the program's caches -------------------------------------------------------------------- */

static void late_write_is_found_when_the_cache_goes(void)
{
	struct slab_cache *c = slab_custom_create("gone", 80, 0, 0, NULL);
	uint8_t *p = slab_custom_alloc(c, false, &no_regs);
	struct quarantine_stats before, after;

	quarantine_get_stats(&before);
	slab_custom_free(c, p, &no_regs);
	p[7] = 1;
	CHECK(slab_custom_destroy(c, 0, &no_regs) == 0);
	CHECK(nr_findings == 1 && findings[0].kind == SLAB_POISON_OVERWRITTEN &&
	      findings[0].at == SLAB_AT_QUARANTINE_EXIT);
	quarantine_get_stats(&after);
	CHECK(after.objects == before.objects && after.bytes == before.bytes);
}

/* Shrinking a cache ends the quarantine of its objects: late writes are found now, and its slabs become free. */
static void shrinking_ends_the_quarantine(void)
{
	struct slab_cache *c = slab_custom_create("shrinks", 500, 0, 0, NULL), *other;
	struct quarantine_stats before, after;
	uint8_t *p[100], *q;

	other = slab_custom_create("stays", 500, 0, 0, NULL);
	q = slab_custom_alloc(other, false, &no_regs);
	slab_custom_free(other, q, &no_regs);
	quarantine_get_stats(&before);
	for (size_t i = 0; i < 100; i++)
		p[i] = slab_custom_alloc(c, false, &no_regs);
	for (size_t i = 1; i < 100; i++)
		slab_custom_free(c, p[i], &no_regs);
	p[7][3] = 1;
	CHECK(slab_custom_shrink(c, &no_regs) > 0);
	CHECK(nr_findings == 1 && findings[0].kind == SLAB_POISON_OVERWRITTEN &&
	      findings[0].at == SLAB_AT_QUARANTINE_EXIT && findings[0].object.addr == (uintptr_t)p[7]);
	quarantine_get_stats(&after);
	CHECK(after.objects == before.objects && after.bytes == before.bytes && after.guarded == before.guarded);
	CHECK(slab_custom_destroy(c, 0, &no_regs) == 1);
	CHECK(slab_custom_destroy(other, 0, &no_regs) == 0);
}

/* Objects that live elsewhere, in the fence's pool, count as remaining: the cache is not used again. */
static void objects_elsewhere_remain(void)
{
	struct slab_cache *c = slab_custom_create("elsewhere", 500, 0, 0, NULL), *other;

	CHECK(slab_custom_destroy(c, 3, &no_regs) == 3);
	CHECK(nr_findings == 0);
	for (size_t i = 0; i < 2000; i++) {
		other = slab_custom_create("another", 100, 0, 0, NULL);
		if (!other)
			break;
		CHECK(other != c && slab_custom_destroy(other, 0, &no_regs) == 0);
	}
}

static struct slab_cache *dying;

static void *destroy_it(void *arg)
{
	CHECK(slab_custom_destroy(dying, 0, &no_regs) == 0);
	return arg;
}

/* Another thread destroys a cache. This thread's free objects of it are none any more. */
static void bins_forget_destroyed_caches(void)
{
	void *p[8], *q;
	pthread_t t;

	dying = slab_custom_create("dying", 80, 0, 0, NULL);
	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < 8; i++) {
			p[i] = slab_custom_alloc_fast(dying);
			p[i] = p[i] ? p[i] : slab_custom_alloc(dying, false, &no_regs);
		}
		for (size_t i = 0; i < 8; i++)
			if (!slab_custom_free_fast(dying, p[i]))
				slab_custom_free(dying, p[i], &no_regs);
	}
	CHECK(tcache_self);
	tcache_self->ticks = 1000; /* no allocation is sampled meanwhile */
	q = slab_custom_alloc_fast(dying);
	CHECK(q && slab_custom_free_fast(dying, q));
	CHECK(pthread_create(&t, NULL, destroy_it, NULL) == 0 && pthread_join(t, NULL) == 0);
	CHECK(!slab_custom_alloc_fast(dying) && !slab_custom_free_fast(dying, q));
	CHECK(!slab_custom_check(dying, &no_regs));
	CHECK(nr_findings == 1 && findings[0].kind == SLAB_CACHE_DESTROYED);
}

/* ---- realloc, trim --------------------------------------------------------------------------- */

/* An object that shrinks in place: its old zone is checked, and what it gave up is bad, and its zone. */
static void shrunk_objects(void)
{
	bool bad = false;
	uint8_t *p = heap_malloc(100), *q;

	p[101] = 1;
	CHECK(slab_realloc(p, 64, &no_regs, &bad) == p && !bad);
	CHECK(nr_findings == 1 && findings[0].kind == SLAB_RIGHT_REDZONE && findings[0].at == SLAB_AT_REALLOC);
	p[70] = 1;
	heap_free(p);
	CHECK(nr_findings == 2 && findings[1].addr == (uintptr_t)p + 70 && findings[1].object.size == 64);
	q = heap_malloc(100);
	CHECK(slab_realloc(q, 64, &no_regs, &bad) == q && slab_usable_size(q, &no_regs) == 64);
	heap_free(q);
	CHECK(nr_findings == 2);
}

/* Memory that is given back with malloc_trim: nothing of what was freed stays mapped, areas neither. Without a
 * quarantine no area is unmapped for good. */
static void trim_gives_all_back(void)
{
	struct buddy_stats s;
	void *p[6];

	for (size_t i = 0; i < 6; i++) {
		p[i] = slab_malloc((size_t)1 << (18 + i), 16, SLAB_API_MALLOC, false, &no_regs);
		CHECK(p[i]);
		memset(p[i], 1, (size_t)1 << (18 + i));
	}
	for (size_t i = 0; i < 6; i++)
		heap_free(p[i]);
	CHECK(buddy_used_pages() > 0);
	slab_trim(0);
	buddy_get_stats(&s);
	CHECK(s.free_pages == s.mapped_pages && buddy_dirty_pages() == 0);
}

/* A freed object of a type-safe cache may still be read: it stays an object of its type, and is not held back. */
static void type_safe_objects_are_not_held(void)
{
	struct slab_cache *c = slab_custom_create("typesafe", 80, 0, SLAB_F_TYPESAFE, NULL);
	uint8_t *p = slab_custom_alloc(c, false, &no_regs);
	struct slab_object obj;

	memset(p, 0x37, 80);
	slab_custom_free(c, p, &no_regs);
	CHECK(!mem_find_not(p, 0x37, 80));
	CHECK(slab_find_object((uintptr_t)p, &obj) && obj.state == SLAB_OBJ_FREE);
	CHECK(slab_custom_destroy(c, 0, &no_regs) == 0 && nr_findings == 0);
}

/* ---- objects for interrupted threads --------------------------------------------------------- */

/* Live from spare_alloc to the first spare_free, with its bytes for itself; then its memory serves the next one. */
static void spare_objects_live_once(void)
{
	static uint8_t *p[200];
	size_t size, align;

	CHECK(!spare_free(many) && spare_size(many) == 0 && !spare_holds(many));
	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < 200; i++) {
			size = i * i;
			align = (size_t)1 << i % 13;
			p[i] = spare_alloc(size, align, true);
			CHECK(p[i] && (uintptr_t)p[i] % MAX(align, (size_t)16) == 0);
			CHECK(spare_size(p[i]) == size && !mem_find_not(p[i], 0, size));
			memset(p[i], (int)i, size);
		}
		for (size_t i = 0; i < 200; i++) {
			size = i * i;
			CHECK(spare_holds(p[i]) && !mem_find_not(p[i], (uint8_t)i, size));
			CHECK(!spare_free(p[i] + 16) && !spare_free(p[i] + 1) && spare_size(p[i] + 16) == 0);
			CHECK(spare_free(p[i]) && spare_size(p[i]) == 0 && !spare_free(p[i]));
		}
	}
	for (size_t i = 0; i < 50; i++)
		p[i] = spare_alloc(100, 16, false);
	for (size_t i = 0; i < 50; i++)
		for (size_t k = 0; k < i; k++)
			CHECK(p[i] + 100 <= p[k] || p[k] + 100 <= p[i]);
	for (size_t i = 0; i < 50; i++)
		spare_free(p[i]);
	for (size_t i = 0; i < 50; i++) {
		uint8_t *again = spare_alloc(100, 16, false);
		size_t k = 0;

		while (k < 50 && p[k] != again)
			k++;
		CHECK(k < 50);
	}
	CHECK(!spare_alloc(SIZE_MAX / 2, 16, false) && !spare_alloc(16, (size_t)1 << 30, false));
}

/* ---- the shadow ------------------------------------------------------------------------------ */

#define SHADOWED ((size_t)64 << 20)
static uint8_t good[SHADOWED / 8]; /* for each granule of the arena's beginning: may it be accessed? */

static void mark(uintptr_t from, uintptr_t to, uint8_t value)
{
	if (from >= arena_base && to <= arena_base + SHADOWED)
		memset(good + (from - arena_base) / 8, value, (to - from + 7) / 8);
}

static void on_live(uintptr_t lo, uintptr_t hi, uintptr_t user, size_t size, bool large)
{
	(void)large;
	mark(lo, hi, 0);
	mark(user, user + size, 1);
}

static void on_bad(uintptr_t addr, size_t n, enum slab_mark why)
{
	(void)why;
	mark(addr, addr + n, 0);
}

static const struct slab_shadow_ops recorder = { on_live, on_bad };

static size_t nr_good(void)
{
	size_t n = 0;

	for (size_t i = 0; i < sizeof(good); i++)
		n += good[i];
	return n;
}

static void construct(void *p)
{
	CHECK(good[((uintptr_t)p - arena_base) / 8]);
	memset(p, 0x11, 96);
}

/* A whole batch is constructed at once. Only the object that the program gets may be accessed. */
static void constructed_objects_wait_inaccessible(void)
{
	struct slab_cache *c;
	uint8_t *p[64];

	slab_set_shadow_ops(&recorder);
	c = slab_custom_create("constructed", 96, 0, 0, construct);
	for (size_t i = 0; i < 64; i++) {
		p[i] = slab_custom_alloc(c, false, &no_regs);
		CHECK(p[i][0] == 0x11 && nr_good() == (i + 1) * 96 / 8);
	}
	for (size_t i = 0; i < 64; i++)
		slab_custom_free(c, p[i], &no_regs);
	CHECK(nr_good() == 0);
}

/* An object that shrinks in place gives up its last bytes. */
static void shrunk_objects_are_smaller(void)
{
	bool bad = false;
	uint8_t *p;

	slab_set_shadow_ops(&recorder);
	p = heap_malloc(100);
	CHECK(nr_good() == 13);
	CHECK(slab_realloc(p, 64, &no_regs, &bad) == p && nr_good() == 8);
	heap_free(p);
	CHECK(nr_good() == 0);
}

/* A destroyed pool leaves its block as it was: accessible as a whole, also its last bytes, which fill no granule. */
static void pools_give_their_memory_back(void)
{
	uint8_t *block;
	struct slab_mempool *pool;
	size_t all, i = 0;

	slab_set_shadow_ops(&recorder);
	block = heap_malloc(4004);
	all = nr_good();
	pool = slab_mempool_create("pool", 16, 0);
	CHECK(slab_mempool_add(pool, block, 4004, &no_regs));
	CHECK(nr_good() == all - 500);
	for (i = 0; i < 10; i++)
		CHECK(slab_mempool_alloc(pool, block + 16 + i * 96, 64, &no_regs));
	CHECK(nr_good() == all - 500 + 10 * 8);
	slab_mempool_free(pool, block + 16, &no_regs);
	slab_mempool_destroy(pool, &no_regs);
	CHECK(nr_good() == all && nr_findings == 0);
	/* A pool without a block of its own cuts objects out of live memory. */
	pool = slab_mempool_create("pool", 16, SLAB_MEMPOOL_POISON);
	CHECK(slab_mempool_alloc(pool, block + 16, 64, &no_regs));
	slab_mempool_free(pool, block + 16, &no_regs);
	CHECK(nr_good() == all - (64 + 32) / 8);
	slab_mempool_destroy(pool, &no_regs);
	CHECK(nr_good() == all);
}

/* ---- pools ----------------------------------------------------------------------------------- */

static char area[5000 * 64] __attribute__((aligned(16)));
static unsigned nr_live;

static void count_live(const void *p)
{
	(void)p;
	nr_live++;
}

/* The table of all objects grows, and still has the old ones. */
static void pools_grow(void)
{
	struct slab_mempool *pool = slab_mempool_create("pool", 16, 0);
	struct slab_object obj;

	for (size_t i = 0; i < 5000; i++)
		CHECK(slab_mempool_alloc(pool, area + i * 64 + 16, 32, &no_regs));
	for (size_t i = 0; i < 5000; i++)
		CHECK(slab_find_object((uintptr_t)area + i * 64 + 16, &obj) && obj.size == 32 &&
		      slab_mempool_owns(pool, area + i * 64 + 16));
	slab_mempool_each_live(pool, count_live);
	CHECK(nr_live == 5000);
}

/* Objects that come to another pool leave the list of their first one whole. */
static void pools_exchange_objects(void)
{
	struct slab_mempool *a = slab_mempool_create("a", 16, 0), *b = slab_mempool_create("b", 16, 0);

	for (size_t i = 0; i < 9; i++)
		CHECK(slab_mempool_alloc(a, area + i * 64 + 16, 32, &no_regs));
	for (size_t i = 1; i < 9; i += 2) {
		slab_mempool_free(a, area + i * 64 + 16, &no_regs);
		CHECK(slab_mempool_alloc(b, area + i * 64 + 16, 32, &no_regs));
	}
	slab_mempool_each_live(a, count_live);
	CHECK(nr_live == 5);
	slab_mempool_each_live(b, count_live);
	CHECK(nr_live == 9);
	slab_mempool_destroy(b, &no_regs);
	CHECK(slab_mempool_owns(a, area + 16) && !slab_mempool_owns(a, area + 64 + 16));
	slab_mempool_destroy(a, &no_regs);
	CHECK(nr_findings == 0);
	/* Neither is a pool any more. */
	CHECK(!slab_mempool_alloc(a, area + 16, 32, &no_regs));
	CHECK(nr_findings == 1 && findings[0].kind == SLAB_CACHE_DESTROYED);
	slab_mempool_destroy(b, &no_regs);
	CHECK(nr_findings == 2 && findings[1].kind == SLAB_CACHE_DESTROYED);
}

/* A pool that tells leaks counts the objects that are live when it goes, and no freed ones. */
static void pools_count_the_living(void)
{
	struct slab_mempool *pool = slab_mempool_create("pool", 16, SLAB_MEMPOOL_LEAKS);

	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < 9; i++)
			CHECK(slab_mempool_alloc(pool, area + i * 64 + 16, 32, &no_regs));
		for (size_t i = 2; i < 9; i++)
			slab_mempool_free(pool, area + i * 64 + 16, &no_regs);
		if (round < 2)
			for (size_t i = 0; i < 2; i++)
				slab_mempool_free(pool, area + i * 64 + 16, &no_regs);
	}
	CHECK(nr_findings == 0);
	CHECK(slab_mempool_destroy(pool, &no_regs) == 2);
	CHECK(nr_findings == 2 && findings[0].kind == SLAB_OBJECT_REMAINS && findings[0].nr == 2);
	pool = slab_mempool_create("next", 16, SLAB_MEMPOOL_LEAKS);
	CHECK(slab_mempool_destroy(pool, &no_regs) == 0 && nr_findings == 2);
}

/* Damage in a pool: on both sides, and in freed objects, found by each check and told once. */
static void pools_are_checked(void)
{
	struct slab_mempool *pool = slab_mempool_create("pool", 16, SLAB_MEMPOOL_POISON);
	char *p = area + 16;

	CHECK(slab_mempool_alloc(pool, p, 32, &no_regs));
	p[-2] = 1;
	CHECK(slab_check_all(SLAB_AT_CHECK_ALL, &no_regs) == 1 && findings[0].kind == SLAB_LEFT_REDZONE);
	p[33] = 1;
	CHECK(slab_check_all(SLAB_AT_CHECK_ALL, &no_regs) == 1 && findings[1].kind == SLAB_RIGHT_REDZONE);
	CHECK(slab_check_all(SLAB_AT_CHECK_ALL, &no_regs) == 0);
	slab_mempool_free(pool, p, &no_regs);
	CHECK(nr_findings == 2);
	p[5] = 1;
	CHECK(slab_check_all(SLAB_AT_CHECK_ALL, &no_regs) == 1 && findings[2].kind == SLAB_POISON_OVERWRITTEN);
	CHECK(slab_check_all(SLAB_AT_CHECK_ALL, &no_regs) == 0);
	p[6] = 1;
	CHECK(slab_mempool_alloc(pool, p, 32, &no_regs));
	CHECK(nr_findings == 4 && findings[3].kind == SLAB_POISON_OVERWRITTEN && findings[3].at == SLAB_AT_ALLOC);
	slab_mempool_destroy(pool, &no_regs);
	CHECK(nr_findings == 4);
}

/* A freed object that a later, larger one covers: the live one is meant. */
static void pools_prefer_the_living(void)
{
	struct slab_mempool *pool = slab_mempool_create("pool", 16, 0);
	struct slab_object obj;

	CHECK(slab_mempool_alloc(pool, area + 80, 32, &no_regs));
	slab_mempool_free(pool, area + 80, &no_regs);
	CHECK(slab_mempool_alloc(pool, area + 16, 400, &no_regs));
	for (size_t at = 16; at < 416; at++)
		CHECK(slab_find_object((uintptr_t)area + at, &obj) && obj.addr == (uintptr_t)area + 16 &&
		      obj.state == SLAB_OBJ_LIVE);
	slab_mempool_destroy(pool, &no_regs);
}

/* ---- budgets --------------------------------------------------------------------------------- */

#define MIB ((size_t)1 << 20)

/* Rounding down by a hundredth does not matter. */
static bool quarantine_is(size_t mib)
{
	return budget_quarantine() <= mib * MIB && budget_quarantine() > mib * MIB - 4096;
}

/* The quarantine holds its share of what is live, at least a little, and never more than its size. */
static void quarantine_follows_the_heap(void)
{
	budget_area_bytes = 0;
	budget_queued_bytes = 0;
	budget_checked_bytes = 0;
	CHECK(budget_quarantine() == MIB);
	budget_checked_bytes = (int64_t)(100 * MIB);
	CHECK(quarantine_is(20));
	/* What the quarantine holds already is not live. */
	budget_queued_bytes = 20 * MIB;
	CHECK(quarantine_is(16));
	budget_queued_bytes = 200 * MIB;
	CHECK(budget_quarantine() == MIB);
	budget_queued_bytes = 0;
	budget_area_bytes = 50 * MIB;
	CHECK(quarantine_is(30));
	budget_area_bytes = 500 * MIB;
	CHECK(quarantine_is(48));
	CHECK(!budget_guarded_exceeded(24 * MIB, 0) && budget_guarded_exceeded(24 * MIB + 1, 0));
	CHECK(!budget_guarded_exceeded(0, arena_size / 4 < 64u << 10 ? 0 : MIN((size_t)64 << 30, arena_size / 4)));
	CHECK(budget_guarded_exceeded(0, MIN((size_t)64 << 30, arena_size / 4) + 1));
	CHECK(!budget_held_areas_exceeded(64, 0) && budget_held_areas_exceeded(100000, 0));
	CHECK(budget_held_areas_exceeded(1, MIN((size_t)64 << 30, arena_size / 4) + 1));
	budget_area_bytes = 0;
}

/* Live and retained areas together take as much as the live ones took at their peak, and the peak is forgotten soon. */
static void peaks_of_areas_are_forgotten(void)
{
	uint32_t start = jiffies_now();
	size_t least;

	budget_area_bytes = budget_area_peak = 0;
	while (jiffies_now() - start < JIFFIES_HZ && budget_retained_bytes(64 * MIB) > MIB)
		usleep(10000);
	least = budget_retained_bytes(64 * MIB);
	CHECK(least > 0 && least < MIB);
	budget_area_add(40 * MIB);
	CHECK(budget_retained_bytes(64 * MIB) == least);
	budget_area_sub(30 * MIB);
	CHECK(budget_retained_bytes(64 * MIB) == 30 * MIB + least);
	budget_area_sub(10 * MIB);
	CHECK(budget_retained_bytes(64 * MIB) == 40 * MIB + least);
	budget_area_add(200 * MIB);
	budget_area_sub(200 * MIB);
	CHECK(budget_retained_bytes(64 * MIB) == 64 * MIB);
	for (start = jiffies_now(); budget_retained_bytes(64 * MIB) > least; usleep(10000))
		CHECK(jiffies_now() - start < 30 * JIFFIES_HZ);
	CHECK(budget_retained_bytes(64 * MIB) == least);
}

/* ---- shrinkers, and allocations that fail on purpose ----------------------------------------- */

static unsigned long spare_objects, nr_scans;

static unsigned long count_spare(void *data)
{
	(void)data;
	return spare_objects;
}

static unsigned long scan_and_stop(void *data, struct slab_shrink *control)
{
	(void)data, (void)control;
	nr_scans++;
	return SLAB_SHRINK_STOP;
}

static unsigned long scan_all(void *data, struct slab_shrink *control)
{
	(void)data;
	nr_scans++;
	spare_objects -= MIN(spare_objects, control->nr_to_scan);
	return control->nr_to_scan;
}

static void shrinkers_stop_and_go(void)
{
	struct slab_shrinker *stops = slab_shrinker_register("stops", count_spare, scan_and_stop, NULL), *all;

	spare_objects = 1000;
	CHECK(slab_shrink_all() == 0 && nr_scans == 1);
	CHECK(slab_shrinker_unregister(stops));
	CHECK(slab_shrink_all() == 0 && nr_scans == 1);
	CHECK(!slab_shrinker_unregister(stops));
	all = slab_shrinker_register("all", count_spare, scan_all, NULL);
	CHECK(slab_shrink_all() == 1000 && spare_objects == 0);
	CHECK(slab_shrinker_unregister(all));
	spare_objects = 1000;
	CHECK(slab_shrink_all() == 0 && spare_objects == 1000);
}

/* Near the arena's end the program's shrinkers are asked, and not at every allocation. */
static void shrinkers_are_asked_near_the_end(void)
{
	uint32_t start;
	void *p;

	CHECK(slab_shrinker_register("stops", count_spare, scan_and_stop, NULL));
	spare_objects = 1000;
	for (unsigned i = 0; i < 1000; i++)
		reclaim_near_limit();
	CHECK(nr_scans == 0);
	while (buddy_used_pages() < (size_t)arena_nr_blocks * BLOCK_PAGES / 16 * 15) {
		/* With its canaries a block of a whole MiB would leave a quarter of the pages free. */
		p = slab_malloc(MIB - PAGE_SIZE, 16, SLAB_API_MALLOC, false, &no_regs);
		CHECK(p);
	}
	nr_scans = 0;
	start = jiffies_now();
	for (unsigned i = 0; i < 1000; i++)
		reclaim_near_limit();
	CHECK(nr_scans <= 2 + (jiffies_now() - start) / JIFFIES_HZ);
	while (!nr_scans && jiffies_now() - start < 20 * JIFFIES_HZ)
		reclaim_near_limit();
	CHECK(nr_scans > 0);
}

static void failures_are_counted(void)
{
	unsigned failed = 0;

	CHECK(failslab_init(NULL, NULL));
	for (unsigned i = 0; i < 100; i++)
		failed += failslab_should("malloc-64", 64, &no_regs);
	CHECK(failed == 3);
}

static bool one_before, one_failed;

/* While one allocation is examined, another one takes the last of fail.times. */
static bool another_comes_first(stack_handle stack)
{
	(void)stack;
	if (!one_before) {
		one_before = true;
		one_failed = failslab_should("malloc-64", 64, &no_regs);
	}
	return true;
}

static void last_failure_is_taken_once(void)
{
	CHECK(failslab_init(another_comes_first, NULL));
	CHECK(!failslab_should("malloc-64", 64, &no_regs) && one_failed);
	CHECK(!failslab_should("malloc-64", 64, &no_regs));
}

/* 1000 bytes may be allocated before the first failure; the last of them is one too many. */
static void space_comes_first(void)
{
	unsigned got = 0;

	CHECK(failslab_init(NULL, NULL));
	while (!failslab_should("malloc-64", 100, &no_regs))
		got++;
	CHECK(got == 9);
}

#define CHILD_TEST(name, opts)                \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		run_child(opts, name);        \
	}
CHILD_TEST(zones_of_quarantined, "mode=check")
CHILD_TEST(damage_of_freed, "mode=check")
CHILD_TEST(poison_before_guarding, "mode=check")
CHILD_TEST(zones_before_guarding, "mode=check")
CHILD_TEST(guarding_goes_on, "mode=check:arena.size=64M")
CHILD_TEST(counters_return_to_zero, "mode=check")
CHILD_TEST(buffer_counts_anew, "mode=check")
CHILD_TEST(late_write_is_found_when_the_cache_goes, "mode=check")
CHILD_TEST(type_safe_objects_are_not_held, "mode=check")
CHILD_TEST(constructed_objects_wait_inaccessible, "mode=check")
CHILD_TEST(pools_give_their_memory_back, "mode=check")
CHILD_TEST(pools_grow, "mode=check")
CHILD_TEST(pools_exchange_objects, "mode=check")
CHILD_TEST(pools_count_the_living, "mode=check")
CHILD_TEST(pools_are_checked, "mode=check")
CHILD_TEST(pools_prefer_the_living, "mode=check")
CHILD_TEST(shrinkers_stop_and_go, "mode=check")
CHILD_TEST(bins_forget_destroyed_caches, "mode=production")
CHILD_TEST(spare_objects_live_once, "mode=production")
CHILD_TEST(shrunk_objects, "mode=check")
CHILD_TEST(shrunk_objects_are_smaller, "mode=check")
CHILD_TEST(trim_gives_all_back, "mode=production:quarantine.size=0")
CHILD_TEST(last_failure_is_taken_once, "mode=check:fail.times=1:fail.probability=100:fail.stack=any")
CHILD_TEST(shrinking_ends_the_quarantine, "mode=check")
CHILD_TEST(objects_elsewhere_remain, "mode=check")
CHILD_TEST(quarantine_follows_the_heap, "mode=check:quarantine.percent=20:quarantine.size=48M")
CHILD_TEST(peaks_of_areas_are_forgotten, "mode=production")
CHILD_TEST(shrinkers_are_asked_near_the_end, "mode=production:arena.size=64M")
CHILD_TEST(failures_are_counted, "mode=check:fail.times=3:fail.probability=100")
CHILD_TEST(space_comes_first, "mode=check:fail.times=-1:fail.probability=100:fail.space=1000")

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zones_of_quarantined),
		cmocka_unit_test(test_damage_of_freed),
		cmocka_unit_test(test_poison_before_guarding),
		cmocka_unit_test(test_zones_before_guarding),
		cmocka_unit_test(test_guarding_goes_on),
		cmocka_unit_test(test_counters_return_to_zero),
		cmocka_unit_test(test_buffer_counts_anew),
		cmocka_unit_test(test_late_write_is_found_when_the_cache_goes),
		cmocka_unit_test(test_type_safe_objects_are_not_held),
		cmocka_unit_test(test_constructed_objects_wait_inaccessible),
		cmocka_unit_test(test_pools_give_their_memory_back),
		cmocka_unit_test(test_pools_grow),
		cmocka_unit_test(test_pools_exchange_objects),
		cmocka_unit_test(test_pools_count_the_living),
		cmocka_unit_test(test_pools_are_checked),
		cmocka_unit_test(test_pools_prefer_the_living),
		cmocka_unit_test(test_shrinkers_stop_and_go),
		cmocka_unit_test(test_bins_forget_destroyed_caches),
		cmocka_unit_test(test_spare_objects_live_once),
		cmocka_unit_test(test_shrunk_objects),
		cmocka_unit_test(test_shrunk_objects_are_smaller),
		cmocka_unit_test(test_trim_gives_all_back),
		cmocka_unit_test(test_last_failure_is_taken_once),
		cmocka_unit_test(test_shrinking_ends_the_quarantine),
		cmocka_unit_test(test_objects_elsewhere_remain),
		cmocka_unit_test(test_quarantine_follows_the_heap),
		cmocka_unit_test(test_peaks_of_areas_are_forgotten),
		cmocka_unit_test(test_shrinkers_are_asked_near_the_end),
		cmocka_unit_test(test_failures_are_counted),
		cmocka_unit_test(test_space_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
