/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_fence_pool.c - the pool of fenced objects against a simple model; the Bloom filter; the gate's
 * probabilities. */
#include "config.h"

#include <string.h>

#include "tests/unit/unit.h"

#include "fence/fence_internal.h"

#define SLOTS 64

static uint64_t seed = 20261121;

static int start(void **state)
{
	(void)state;
	options_set_defaults(&options);
	options.mode = MODE_CHECK;
	options.fence_num_objects = SLOTS;
	/* All objects here have the same, empty stack; none may be skipped because that stack is covered. */
	options.fence_skip_covered_thresh = 100;
	options.fence_sample_interval = 10;
	reports_init(false);
	assert_true(slab_init());
	assert_true(fence_init());
	return 0;
}

static bool accessible(uintptr_t p)
{
	return os_page_readable((void *)p);
}

/* Any object is aligned, zeroed, inside one page and next to a guard page; the pages on both sides are guard pages. */
static void check_placed(const void *p, size_t size, size_t align)
{
	uintptr_t a = (uintptr_t)p, page = ALIGN_DOWN(a, PAGE_SIZE);
	struct slab_object obj;

	assert_true(fence_contains(p));
	assert_int_equal(a % MAX(align, (size_t)16), 0);
	assert_true(a + size <= page + PAGE_SIZE);
	assert_true(a == page || ALIGN_DOWN(page + PAGE_SIZE - MAX(size, (size_t)1), MAX(align, (size_t)16)) == a);
	assert_null(mem_find_not(p, 0, size));
	assert_true(accessible(page) && !accessible(page - 1) && !accessible(page + PAGE_SIZE));
	for (uintptr_t at = page - 64; at < page + PAGE_SIZE + 64; at += 61) {
		assert_true(slab_find_object(at, &obj) || fence_find_object(at, &obj));
		if (at >= page && at < page + PAGE_SIZE)
			assert_true(obj.addr == a && obj.size == size && obj.state == SLAB_OBJ_LIVE);
	}
	assert_int_equal(fence_usable_size(p, NULL), size);
}

static void test_model(void **state)
{
	struct {
		void *p;
		size_t size;
		uint8_t fill;
	} live[SLOTS];
	size_t nr = 0;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		if (nr < SLOTS && (nr == 0 || unit_below(&seed, 2))) {
			size_t size = 1 +
			              (unit_below(&seed, 5) ? unit_below(&seed, 200) : unit_below(&seed, PAGE_SIZE));
			size_t align = (size_t)16 << unit_below(&seed, 9);
			void *p = fence_alloc(size, align, SLAB_API_MALLOC, NULL);

			assert_non_null(p);
			check_placed(p, size, align);
			live[nr].p = p;
			live[nr].size = size;
			live[nr].fill = (uint8_t)unit_random(&seed);
			memset(p, live[nr].fill, size);
			nr++;
		} else {
			size_t i = unit_below(&seed, nr);

			assert_null(mem_find_not(live[i].p, live[i].fill, live[i].size));
			fence_free(live[i].p, SLAB_API_MALLOC, live[i].size, NULL);
			assert_false(accessible((uintptr_t)live[i].p));
			assert_int_equal(fence_usable_size(live[i].p, NULL), SIZE_MAX);
			live[i] = live[--nr];
		}
		if (nr == SLOTS)
			assert_null(fence_alloc(16, 16, SLAB_API_MALLOC, NULL));
	}
	assert_null(fence_alloc(PAGE_SIZE + 1, 16, SLAB_API_MALLOC, NULL));
	assert_null(fence_alloc(0, 16, SLAB_API_MALLOC, NULL));
	assert_null(fence_alloc(16, 2 * PAGE_SIZE, SLAB_API_MALLOC, NULL));
	assert_int_equal(report_count(), 0);
	assert_int_equal(fence_check_all("now", NULL), 0);
	while (nr)
		fence_free(live[--nr].p, SLAB_API_MALLOC, SIZE_MAX, NULL);
}

/* The slot that was freed first is used again first. */
static void test_oldest_first(void **state)
{
	void *p[SLOTS];

	(void)state;
	for (size_t i = 0; i < SLOTS; i++)
		p[i] = fence_alloc(32, 16, SLAB_API_MALLOC, NULL);
	for (size_t i = 0; i < SLOTS; i++)
		fence_free(p[(i * 7) % SLOTS], SLAB_API_MALLOC, SIZE_MAX, NULL);
	for (size_t i = 0; i < SLOTS; i++) {
		void *q = fence_alloc(32, 16, SLAB_API_MALLOC, NULL);

		assert_int_equal(ALIGN_DOWN((uintptr_t)q, PAGE_SIZE),
		                 ALIGN_DOWN((uintptr_t)p[(i * 7) % SLOTS], PAGE_SIZE));
		fence_free(q, SLAB_API_MALLOC, SIZE_MAX, NULL);
	}
}

/* A change of any byte of the page is found, unless the byte belongs to the object. */
static void test_canaries(void **state)
{
	unsigned before = 0;

	(void)state;
	options.symbolize = false;
	options.max_reports = 0;
	options.log_path[0] = 0;
	for (unsigned at = 0; at < PAGE_SIZE; at += 37) {
		char *p = fence_alloc(100, 16, SLAB_API_MALLOC, NULL),
		     *page = (char *)ALIGN_DOWN((uintptr_t)p, PAGE_SIZE);
		uint64_t bugs = live_counters.fence_bugs;
		bool inside = page + at >= p && page + at < p + 100;

		page[at] ^= 0x40;
		assert_int_equal(fence_check_all("in the test", NULL), !inside);
		fence_free(p, SLAB_API_MALLOC, SIZE_MAX, NULL);
		assert_int_equal(live_counters.fence_bugs - bugs, inside ? 0 : 2);
		before += !inside;
	}
	assert_true(before > 100);
}

static void test_open_after_report(void **state)
{
	char *p = fence_alloc(64, 16, SLAB_API_MALLOC, NULL);
	uintptr_t page = ALIGN_DOWN((uintptr_t)p, PAGE_SIZE);

	(void)state;
	assert_true(fence_open_page(page + PAGE_SIZE + 5) && accessible(page + PAGE_SIZE));
	assert_true(fence_open_page(page - 5) && accessible(page - PAGE_SIZE));
	memset((char *)page - 100, 1, 100);
	fence_free(p, SLAB_API_MALLOC, SIZE_MAX, NULL);
	assert_true(!accessible(page + PAGE_SIZE) && !accessible(page - PAGE_SIZE) && !accessible(page));
	assert_true(fence_open_page(page) && accessible(page));
	memset((char *)page, 0x55, PAGE_SIZE);
	/* The slot's next object does not contain bytes that were written after the free. */
	for (int i = 0; i < 2 * SLOTS; i++) {
		p = fence_alloc(200, 16, SLAB_API_MALLOC, NULL);
		assert_null(mem_find_not(p, 0, 200));
		fence_free(p, SLAB_API_MALLOC, SIZE_MAX, NULL);
	}
	assert_false(fence_open_page(0x1000));
}

static size_t direct_read(const struct mem_view *v, void *dst, uint64_t addr, size_t n)
{
	(void)v;
	memcpy(dst, (void *)(uintptr_t)addr, n);
	return n;
}

static void count_live(void *ctx, const struct slab_object *o)
{
	assert_int_equal(fence_usable_size((void *)o->addr, NULL), o->size);
	++*(size_t *)ctx;
}

/* For any address, a reader of the pool through a view finds the object that the runtime finds. */
static void test_view_agrees(void **state)
{
	static const struct mem_view view = { .read = direct_read };
	const struct object_layout *l = object_layouts;
	void *live[SLOTS];
	size_t nr = 0, met = 0;

	(void)state;
	while (strcmp(l->name, FENCE_LAYOUT) != 0)
		assert_true(++l < object_layouts + OBJECT_SOURCES_MAX);
	assert_true(fence_layout_known(l));
	for (unsigned round = 0; round < 300; round++) {
		bool full = nr == SLOTS;

		if (!full && (nr == 0 || unit_below(&seed, 3)))
			live[nr++] = fence_alloc(1 + unit_below(&seed, 3000), 16, SLAB_API_MALLOC, NULL);
		else
			fence_free(live[--nr], SLAB_API_MALLOC, SIZE_MAX, NULL);
		for (uintptr_t at = fence_base - PAGE_SIZE; at < fence_base + fence_size + PAGE_SIZE;
		     at += 1 + unit_below(&seed, 2000)) {
			struct slab_object o, seen;
			bool guard, is = fence_find_object(at, &o);

			assert_int_equal(fence_view_find(&view, l, at, &seen, &guard), is);
			if (is)
				assert_memory_equal(&seen, &o, sizeof(o));
			if (is)
				assert_int_equal(guard, (at - fence_base) / PAGE_SIZE % 2 == 0);
		}
	}
	fence_view_each(&view, l, count_live, &met);
	assert_int_equal(met, nr);
	while (nr)
		fence_free(live[--nr], SLAB_API_MALLOC, SIZE_MAX, NULL);
}

/* A call may access the bytes of a live object, and nothing else in the pool. */
static void test_ranges(void **state)
{
	(void)state;
	for (int round = 0; round < 200; round++) {
		size_t size = 1 + unit_below(&seed, PAGE_SIZE);
		char *p = fence_alloc(size, 16, SLAB_API_MALLOC, NULL);
		uintptr_t page = ALIGN_DOWN((uintptr_t)p, PAGE_SIZE);

		assert_non_null(p);
		for (int i = 0; i < 100; i++) {
			uintptr_t from = page - 100 + unit_below(&seed, PAGE_SIZE + 200), bad = 0;
			size_t n = unit_below(&seed, 3) ? unit_below(&seed, 2 * size) : unit_below(&seed, 20);

			for (uintptr_t at = from; at < from + n && !bad; at++)
				bad = at - (uintptr_t)p < size ? 0 : at;
			assert_int_equal(fence_find_bad((void *)from, n), bad);
		}
		assert_int_equal(fence_find_bad(p, SIZE_MAX), (uintptr_t)p + size);
		fence_free(p, SLAB_API_MALLOC, SIZE_MAX, NULL);
		assert_int_equal(fence_find_bad(p, 1), (uintptr_t)p);
		assert_int_equal(fence_find_bad(p, 0), 0);
		/* fence_open_range opens the freed object's page, and leaves the guard pages beside it closed. */
		fence_open_range((uintptr_t)p, 1);
		assert_true(accessible((uintptr_t)p) && !accessible(page + PAGE_SIZE) && !accessible(page - 1));
	}
}

static void test_covered(void **state)
{
	uint32_t hashes[200];
	unsigned wrong = 0;

	(void)state;
	assert_true(covered_init(256));
	for (unsigned i = 0; i < 200; i++) {
		hashes[i] = (uint32_t)unit_random(&seed);
		covered_add(hashes[i], 1);
		covered_add(hashes[i], 1);
	}
	for (unsigned i = 0; i < 200; i++) {
		assert_true(covered_has(hashes[i]));
		covered_add(hashes[i], -1);
		assert_true(covered_has(hashes[i]));
	}
	for (unsigned i = 0; i < 10000; i++)
		wrong += covered_has((uint32_t)unit_random(&seed));
	assert_true(wrong < 4500); /* a full filter is wrong in 40 % of the cases; this one is not full */
	for (unsigned i = 0; i < 200; i++)
		covered_add(hashes[i], -1);
	for (unsigned i = 0; i < 200; i++)
		assert_false(covered_has(hashes[i]));
}

/* For any N one allocation in N is sampled, within five standard deviations. */
static void test_rate(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= 1000; n *= 10) {
		int32_t ticks = 0;
		unsigned long samples = 0, allocations = 400000;
		double expected, off;

		options.fence_sample_rate = n;
		for (unsigned long i = 0; i < allocations; i++)
			if (--ticks < 0)
				samples += fence_gate(&ticks);
		expected = (double)allocations / (double)n;
		off = (double)samples - expected;
		if (off * off > 25 * expected + 1)
			fail_msg("rate %lu: %lu samples of %lu", (unsigned long)n, samples, allocations);
	}
	options.fence_sample_rate = 0;
}

/* By time, at most one allocation in each interval is sampled, and not many fewer while a thread allocates all the
 * time. */
static void test_interval(void **state)
{
	int32_t ticks = 0;
	unsigned long samples = 0, looks = 0;
	uint64_t begin, now;

	(void)state;
	options.fence_sample_interval = 20;
	gate_init();
	begin = now = clock_coarse_ms();
	for (unsigned long i = 0; now - begin < 600; i++) {
		if (--ticks < 0) {
			looks++;
			samples += fence_gate(&ticks);
		}
		if (i % 256 == 0)
			now = clock_coarse_ms();
	}
	assert_true(samples <= 31);
	assert_true(samples >= 10);     /* the machine may be busy */
	assert_true(looks < 600 * 400); /* the step is at most 8192 */
	options.fence_sample_interval = 1000000;
	gate_init();
	options.fence_burst = 5;
	options.fence_sample_interval = 1;
	gate_init();
	usleep(20000);
	ticks = 0;
	for (samples = 0; !samples;)
		if (--ticks < 0)
			samples += fence_gate(&ticks);
	for (int i = 0; i < 5; i++)
		assert_true(--ticks < 0 && fence_gate(&ticks));
	options.fence_burst = 0;
	options.fence_sample_interval = 10;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_oldest_first),
		cmocka_unit_test(test_open_after_report),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_interval),
		cmocka_unit_test(test_canaries),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_view_agrees),
		cmocka_unit_test(test_covered),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
