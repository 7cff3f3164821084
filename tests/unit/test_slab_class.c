/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_slab_class.c - size classes, exhaustively; the index of an object; slab_debug's grammar. */
#include "slab_test.h"
#include "slab/cache.h"
#include "slab/class.h"
#include "slab/flags.h"

static void test_class_is_the_smallest_that_fits(void **state)
{
	size_t size;

	(void)state;
	assert_int_equal(class_of(0), 0);
	for (size = 1; size <= SLAB_CLASS_MAX; size++) {
		unsigned class = class_of(size);

		assert_in_range(class, 1, SLAB_NR_CLASSES);
		assert_true(class_size(class) >= size);
		assert_true(class == 1 || class_size(class - 1) < size);
		/* Four a doubling: at most a fifth is lost, once objects are larger than the step of 16. */
		assert_true(size <= 128 || (class_size(class) - size) * 5 <= class_size(class));
	}
}

static void test_class_sizes(void **state)
{
	unsigned class;

	(void)state;
	assert_int_equal(class_size(1), 16);
	assert_int_equal(class_size(SLAB_NR_CLASSES), SLAB_CLASS_MAX);
	for (class = 1; class <= SLAB_NR_CLASSES; class ++) {
		assert_int_equal(class_of(class_size(class)), class);
		assert_int_equal(class_size(class) % 16, 0);
	}
}

static void test_fast_table_agrees(void **state)
{
	size_t size;

	(void)state;
	for (size = 1; size <= SLAB_FAST_SIZE; size++) {
		unsigned class = slab_class_table[(size + 7) / 8];

		assert_true(class_size(class) >= size && (class == 1 || class_size(class - 1) < size));
	}
}

/* A request of each size fits in a slot beside the canary, and in no smaller one. Powers of two do not take twice their
 * size. */
static void hardened_classes_fit(void)
{
	size_t size;

	class_harden();
	CHECK(class_of(0) == 0);
	for (size = 1; size <= SLAB_CLASS_MAX; size++) {
		unsigned class = class_of(size);
		size_t room = class_slot_hardened(class) - HARDEN_TAIL;

		CHECK(class >= 1 && class <= SLAB_NR_CLASSES && room >= size && room <= HARDEN_SIZE_MAX);
		CHECK(size > SLAB_FAST_SIZE || class == 1 || class_slot_hardened(class - 1) - HARDEN_TAIL < size);
		CHECK(size < 64 || class_slot_hardened(class) <= size + size / 4 + 24);
		CHECK(class_slot_hardened(class) % 16 == 0);
	}
}

static void test_hardened_classes(void **state)
{
	(void)state;
	run_child("mode=production", hardened_classes_fit);
}

/* The reciprocal gives the same as a division, for every byte of a slab of every class with and without red zones. */
static void reciprocal_is_exact(void)
{
	static struct slab_cache c;
	unsigned class, redzone;

	for (class = 1; class <= SLAB_NR_CLASSES; class ++) {
		for (redzone = 0; redzone < 2; redzone++) {
			struct slab s = { .base = 0x10000 };
			uintptr_t off;

			cache_init(&c, "test", class_size(class), 16, redzone ? SLAB_F_REDZONE : 0, 1);
			/* Without checks, a slab of objects of pages holds two or more. */
			CHECK(c.nr_objects >= (!redzone && c.slot_size > PAGE_SIZE ? 2u : 8u));
			CHECK(c.nr_objects * c.slot_size + c.offset <= c.nr_pages * PAGE_SIZE);
			CHECK(c.nr_pages * PAGE_SIZE - c.nr_objects * c.slot_size <= c.nr_pages * PAGE_SIZE / 8);
			for (off = 0; off < c.nr_pages * PAGE_SIZE; off++)
				CHECK(slab_index(&c, &s, s.base + off) == off / c.slot_size);
			lock_unregister_for_fork(&c.lock);
		}
	}
}

static void test_reciprocal(void **state)
{
	(void)state;
	run_child("mode=production", reciprocal_is_exact);
}

static unsigned flags_with(const char *text, const char *name)
{
	str_copy(options.slab_debug, text, sizeof(options.slab_debug));
	return flags_for_cache(name);
}

#define FZPU (SLAB_F_SANITY | SLAB_F_REDZONE | SLAB_F_POISON | SLAB_F_TRACK)

static void test_slab_debug_grammar(void **state)
{
	(void)state;
	options_set_defaults(&options);
	options.mode = MODE_CHECK;
	assert_int_equal(flags_with("", "malloc-64"), FZPU);
	assert_int_equal(flags_with("-", "malloc-64"), 0);
	assert_int_equal(flags_with("fz", "malloc-64"), SLAB_F_SANITY | SLAB_F_REDZONE);
	assert_int_equal(flags_with("FZ,malloc-64", "malloc-64"), SLAB_F_SANITY | SLAB_F_REDZONE);
	assert_int_equal(flags_with("FZ,malloc-64", "malloc-32"), FZPU);
	assert_int_equal(flags_with("FZ,malloc-64;-,malloc-16", "malloc-16"), 0);
	assert_int_equal(flags_with("P;Z,malloc-16,malloc-32", "malloc-32"), SLAB_F_REDZONE);
	assert_int_equal(flags_with("P;Z,malloc-16,malloc-32", "malloc-48"), SLAB_F_POISON);
	assert_int_equal(flags_with("Z,malloc-1*", "malloc-16"), SLAB_F_REDZONE);
	assert_int_equal(flags_with("Z,malloc-1*;-", "malloc-20"), 0);
	assert_int_equal(flags_with(",malloc-16;-", "malloc-16"), FZPU);
	options.mode = MODE_PRODUCTION;
	assert_int_equal(flags_with("", "malloc-64"), 0);
	assert_int_equal(flags_with("FZPU,malloc-64", "malloc-64"), FZPU);
	assert_int_equal(flags_with("FZPU,malloc-64", "malloc-6"), 0);
}

static void test_slab_debug_mistakes(void **state)
{
	(void)state;
	assert_null(slab_debug_check(""));
	assert_null(slab_debug_check("FZPUT"));
	assert_null(slab_debug_check("-,malloc-*;fz"));
	assert_string_equal(slab_debug_check("FXZ"), "XZ");
	assert_string_equal(slab_debug_check("F-"), "-");
	assert_string_equal(slab_debug_check("-F"), "-F");
	assert_string_equal(slab_debug_check("F,malloc-64;Q"), "Q");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_class_is_the_smallest_that_fits),
		cmocka_unit_test(test_class_sizes),
		cmocka_unit_test(test_fast_table_agrees),
		cmocka_unit_test(test_hardened_classes),
		cmocka_unit_test(test_reciprocal),
		cmocka_unit_test(test_slab_debug_grammar),
		cmocka_unit_test(test_slab_debug_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
