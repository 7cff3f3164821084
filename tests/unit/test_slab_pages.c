/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_slab_pages.c - pages by order and vmalloc against a model; shrinkers; allocations that fail on
 * purpose; no memory. */
#include "slab_test.h"
#include "slab/area.h"
#include "slab/arena.h"
#include "slab/buddy.h"
#include "slab/cache.h"
#include "slab/quarantine.h"

#define SEED 4242
#define HELD 100

static unsigned char *held[HELD];
static unsigned orders[HELD]; /* of vmalloc: 100 */
static size_t sizes[HELD];

static bool first_and_last(const unsigned char *p, size_t size, unsigned char byte)
{
	return p[0] == byte && p[size / 2] == byte && p[size - 1] == byte;
}

static void mark(unsigned char *p, size_t size, unsigned char byte)
{
	p[0] = p[size / 2] = p[size - 1] = byte;
}

static void give(unsigned k)
{
	if (!held[k])
		return;
	CHECK(first_and_last(held[k], sizes[k], (unsigned char)k));
	if (orders[k] == 100)
		slab_release(held[k], SLAB_API_VMALLOC, &no_regs);
	else
		slab_pages_free(held[k], orders[k], &no_regs);
	held[k] = NULL;
}

static void take(unsigned k, uint64_t *seed)
{
	bool zero = random_below(seed, 2);

	orders[k] = random_below(seed, 3) ? (unsigned)random_below(seed, 6) : 100;
	if (random_below(seed, 50) == 0)
		orders[k] = SLAB_ORDER_MAX;
	sizes[k] = orders[k] == 100 ? 1 + random_below(seed, 50000) : PAGE_SIZE << orders[k];
	held[k] = orders[k] == 100 ? slab_vmalloc(sizes[k], zero, &no_regs)
	                           : slab_pages_alloc(orders[k], zero, &no_regs);
	CHECK(held[k] && (uintptr_t)held[k] % (orders[k] == 100 ? PAGE_SIZE : sizes[k]) == 0);
	CHECK(!zero || first_and_last(held[k], sizes[k], 0));
	CHECK(slab_is_vmalloc(held[k]) == (orders[k] == 100));
	mark(held[k], sizes[k], (unsigned char)k);
}

/* Everything was freed, so all free pages are in blocks. */
static void all_merged(void)
{
	uint64_t counts[BLOCK_ORDER + 1];
	struct buddy_stats s;

	quarantine_drain(&no_regs);
	area_drain();
	slab_trim(0);
	buddy_count(counts);
	for (unsigned order = 0; order < BLOCK_ORDER; order++)
		CHECK(counts[order] == 0);
	buddy_get_stats(&s);
	CHECK(counts[BLOCK_ORDER] == arena_ready_blocks && s.free_pages == s.mapped_pages);
}

static void against_model(void)
{
	uint64_t seed = SEED;

	for (unsigned i = 0; i < 3000; i++) {
		unsigned k = (unsigned)random_below(&seed, HELD);

		give(k);
		take(k, &seed);
		if (i % 20 == 0)
			CHECK_NULL_TEXT(buddy_verify());
		CHECK(nr_findings == 0);
	}
	for (unsigned k = 0; k < HELD; k++)
		give(k);
	CHECK(nr_findings == 0);
	CHECK_NULL_TEXT(buddy_verify());
	all_merged();
}

static void mistakes(void)
{
	char *p = slab_pages_alloc(3, false, &no_regs), *v = slab_vmalloc(5000, false, &no_regs);

	slab_pages_free(p + 2 * PAGE_SIZE, 0, &no_regs);
	CHECK(nr_findings == 1 && findings[0].kind == SLAB_TAIL_PAGE && findings[0].nr == 2 &&
	      findings[0].nr_allocated == 3);
	slab_pages_free(p, 2, &no_regs);
	CHECK(nr_findings == 2 && findings[1].kind == SLAB_WRONG_ORDER && findings[1].nr == 2 &&
	      findings[1].nr_allocated == 3);
	slab_pages_free(p, 3, &no_regs);
	CHECK(nr_findings == 3 && findings[2].kind == SLAB_DOUBLE_FREE);
	slab_pages_free(v, 0, &no_regs);
	CHECK(nr_findings == 4 && findings[3].kind == SLAB_ALLOC_DEALLOC_MISMATCH);
	CHECK(!slab_pages_alloc(SLAB_ORDER_MAX + 1, false, &no_regs));
}

/* ---- shrinkers ------------------------------------------------------------------------------- */

static unsigned long objects, scanned, calls, batch_max;

static unsigned long count(void *data)
{
	return *(unsigned long *)data;
}

static unsigned long scan(void *data, struct slab_shrink *control)
{
	unsigned long *n = data, freed = control->nr_to_scan < *n ? control->nr_to_scan : *n;

	calls++;
	batch_max = batch_max > control->nr_to_scan ? batch_max : control->nr_to_scan;
	scanned += control->nr_scanned;
	*n -= freed;
	CHECK(slab_shrink_all() == 0); /* not again from inside */
	heap_free(heap_malloc(100));
	return freed;
}

static unsigned long never(void *data, struct slab_shrink *control)
{
	(void)data, (void)control;
	calls++;
	return SLAB_SHRINK_STOP;
}

static void shrinking(void)
{
	struct slab_shrinker *a = slab_shrinker_register("a", count, scan, &objects), *b;
	unsigned long others = 1000;

	CHECK(a && slab_shrink_all() == 0 && calls == 0);
	objects = 300;
	CHECK(slab_shrink_all() == 300 && calls == 3 && batch_max == 128 && scanned == 300 && objects == 0);
	b = slab_shrinker_register("b", count, never, &others);
	objects = 5;
	calls = 0;
	CHECK(slab_shrink_all() == 5 && calls == 2);
	CHECK(slab_shrinker_unregister(a) && !slab_shrinker_unregister(a));
	objects = 5;
	CHECK(slab_shrink_all() == 0 && objects == 5 && slab_shrinker_unregister(b));
}

/* ---- no memory ------------------------------------------------------------------------------- */

static void *hoard[4000];
static unsigned nr_hoard;

static unsigned long hoard_count(void *data)
{
	(void)data;
	return nr_hoard;
}

static unsigned long hoard_scan(void *data, struct slab_shrink *control)
{
	unsigned long freed = 0;

	(void)data;
	for (; freed < control->nr_to_scan && nr_hoard; freed++)
		slab_pages_free(hoard[--nr_hoard], 4, &no_regs);
	return freed;
}

/* All of the arena is taken. Then every function refuses, no invariant breaks, and a shrinker's memory is found. */
static void no_memory(void)
{
	struct slab_cache *c = slab_custom_create("c", 1000, 0, 0, NULL);
	void *p;

	while (nr_hoard < 4000 && (p = slab_pages_alloc(4, false, &no_regs)) != NULL)
		hoard[nr_hoard++] = p;
	CHECK(nr_hoard > 100 && nr_hoard < 4000);
	CHECK(!slab_vmalloc(1 << 20, false, &no_regs) && !slab_pages_alloc(6, true, &no_regs));
	for (unsigned i = 0; i < 100000 && (p = slab_custom_alloc(c, true, &no_regs)) != NULL; i++)
		*(void **)p = hoard[0];
	CHECK(!p && nr_findings == 0);
	CHECK_NULL_TEXT(cache_verify(c));
	CHECK_NULL_TEXT(buddy_verify());
	slab_shrinker_register("hoard", hoard_count, hoard_scan, NULL);
	p = slab_custom_alloc(c, true, &no_regs);
	CHECK(p && nr_hoard == 0 && nr_findings == 0);
}

/* A sixteenth of the arena is left: the shrinker's memory comes back before any allocation has failed, and again
 * only a second later. (Not in check mode, where aligned runs between guards do not fill an arena that far.) */
static void near_limit(void)
{
	size_t most = arena_size >> PAGE_SHIFT, used;
	void *p;

	CHECK(slab_shrinker_register("hoard", hoard_count, hoard_scan, NULL));
	for (unsigned n = 1;; n++) {
		used = buddy_used_pages();
		p = slab_pages_alloc(4, false, &no_regs);
		CHECK(p && n < 4000);
		if (nr_hoard + 1 < n) { /* it was asked; this one was allocated before */
			CHECK(used > most - most / 8 && used < most - most / 32);
			slab_pages_free(p, 4, &no_regs);
			break;
		}
		hoard[nr_hoard++] = p;
	}
	CHECK(nr_hoard == 0 && nr_findings == 0);
	/* Far from the limit nobody is asked, whatever the arena once had. */
	slab_trim(0);
	usleep(1100000);
	hoard[nr_hoard++] = slab_pages_alloc(4, false, &no_regs);
	for (unsigned n = 0; n < 100; n++)
		slab_pages_free(slab_pages_alloc(4, false, &no_regs), 4, &no_regs);
	CHECK(nr_hoard == 1);
}

/* ---- what the buddy keeps -------------------------------------------------------------------- */

#define PEAK_RUNS 640u
#define PEAK_PAGES ((size_t)PEAK_RUNS << 4)

static void peak(void)
{
	static uint32_t runs[PEAK_RUNS];
	bool clean;

	for (unsigned i = 0; i < PEAK_RUNS; i++) {
		runs[i] = buddy_alloc(16, &clean);
		CHECK(runs[i] != NO_PAGE);
	}
	for (unsigned i = 0; i < PEAK_RUNS; i++)
		buddy_free(runs[i], 16, false);
}

/* A buffer that fills a part of a block, freed and allocated again: after a few mistakes its pages stay. */
static void one_buffer_again_and_again(void)
{
	static const uint16_t pages[] = { 12, 37, 147, 386, 855, 1500 };
	bool clean;

	for (unsigned k = 0; k < ARRAY_SIZE(pages); k++) {
		unsigned fresh = 0;

		for (unsigned i = 0; i < 200; i++) {
			uint32_t page = buddy_alloc(pages[k] - i % 8, &clean);

			CHECK(page != NO_PAGE);
			fresh += clean;
			buddy_free(page, pages[k] - i % 8, false);
		}
		CHECK(fresh < 40);
	}
}

/* A peak goes back. A program with one peak after the other gets to keep its memory after a few mistakes. */
static void peaks_go_back(void)
{
	unsigned mistakes = 0;
	bool clean;
	uint32_t page;

	peak();
	CHECK(buddy_dirty_pages() <= BUDGET_KEEP_MIN && buddy_keeps() == BUDGET_KEEP_MIN);
	for (unsigned i = 0; i < 40; i++) {
		peak();
		mistakes += buddy_dirty_pages() < PEAK_PAGES;
	}
	CHECK(mistakes && mistakes < 8 && buddy_dirty_pages() == PEAK_PAGES && buddy_keeps() >= PEAK_PAGES);
	/* Now it needs little for a while, and the buddy forgets. */
	for (unsigned i = 0; i < 10; i++) {
		usleep(260000);
		page = buddy_alloc(16, &clean);
		buddy_free(page, 16, false);
	}
	CHECK(buddy_keeps() == BUDGET_KEEP_MIN);
	peak(); /* what went back a moment ago is asked for again: one mistake */
	CHECK(buddy_dirty_pages() <= 4 * BUDGET_KEEP_MIN && buddy_keeps() <= 4 * BUDGET_KEEP_MIN);
	one_buffer_again_and_again();
}

/* Runs that are dirty but too small for what is asked for do not add up to more than the program ever used. */
static void dirty_pieces_go_back(void)
{
	static uint32_t runs[4096];
	bool clean;
	size_t most;

	for (unsigned i = 0; i < 4096; i++)
		runs[i] = buddy_alloc(1, &clean);
	for (unsigned i = 0; i < 100; i++)
		peak();
	for (unsigned i = 0; i < 4096; i += 2)
		buddy_free(runs[i], 1, false);
	most = 4096 + PEAK_PAGES + (4096 + PEAK_PAGES) / 8 + BUDGET_KEEP_MIN;
	for (unsigned i = 0; i < 2000; i++)
		CHECK(buddy_alloc(2, &clean) != NO_PAGE && buddy_used_pages() + buddy_dirty_pages() <= most);
}

/* ---- failslab -------------------------------------------------------------------------------- */

static unsigned told;

static void tell(const char *cache, size_t size, uint64_t nr, const struct unwind_regs *regs)
{
	(void)cache, (void)size, (void)nr, (void)regs;
	told++;
}

static unsigned failures(unsigned n, const char *cache, size_t size)
{
	unsigned failed = 0;

	CHECK(failslab_init(NULL, tell));
	told = 0;
	for (unsigned i = 0; i < n; i++)
		failed += failslab_on && failslab_should(cache, size, &no_regs);
	CHECK(failed == told);
	return failed;
}

static void set(const char *text)
{
	options_set_defaults(&options);
	CHECK(options_parse(&options, text, NULL, NULL) == 0);
}

static void failing(void)
{
	unsigned some;

	CHECK(failures(1000, NULL, 10) == 0);
	set("fail.probability=100");
	CHECK(failures(1000, NULL, 10) == 1);
	set("fail.probability=100:fail.times=-1");
	CHECK(failures(1000, NULL, 10) == 1000);
	set("fail.probability=100:fail.times=7:fail.interval=10");
	CHECK(failures(1000, NULL, 10) == 7);
	set("fail.probability=100:fail.times=-1:fail.interval=10");
	CHECK(failures(1000, NULL, 10) == 100);
	set("fail.probability=100:fail.times=-1:fail.space=1000");
	CHECK(failures(1000, NULL, 10) == 1000 - 99);
	set("fail.probability=30:fail.times=-1");
	some = failures(10000, NULL, 10);
	CHECK(some > 2700 && some < 3300); /* six standard deviations */
	set("fail.nth=5");
	CHECK(failures(4, NULL, 10) == 0 && failures(5, NULL, 10) == 1);
	set("fail.probability=100:fail.times=-1");
	options_parse(&options, "fail.cache=a*,malloc-48", NULL, NULL);
	CHECK(failures(10, "abc", 10) == 10 && failures(10, "bc", 10) == 0 && failures(10, NULL, 40) == 10 &&
	      failures(10, NULL, 50) == 0);
}

static void test_pages(void **state)
{
	(void)state;
	run_child("mode=check", against_model);
	run_child("mode=production", against_model);
	run_child("mode=check:quarantine.size=0", against_model);
}

static void test_mistakes(void **state)
{
	(void)state;
	run_child("mode=check", mistakes);
	run_child("mode=production", mistakes);
}

static void test_shrinkers(void **state)
{
	(void)state;
	run_child("mode=production", shrinking);
}

static void test_no_memory(void **state)
{
	(void)state;
	run_child("mode=check:arena.size=64M", no_memory);
	run_child("mode=production:arena.size=64M", no_memory);
}

static void test_near_limit(void **state)
{
	(void)state;
	run_child("mode=production:arena.size=64M", near_limit);
}

static void test_keeps(void **state)
{
	(void)state;
	run_child("mode=production", peaks_go_back);
	run_child("mode=check", peaks_go_back);
	run_child("mode=production", dirty_pieces_go_back);
}

static void test_failslab(void **state)
{
	(void)state;
	run_child("mode=check", failing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),     cmocka_unit_test(test_mistakes),   cmocka_unit_test(test_shrinkers),
		cmocka_unit_test(test_no_memory), cmocka_unit_test(test_near_limit), cmocka_unit_test(test_keeps),
		cmocka_unit_test(test_failslab),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
