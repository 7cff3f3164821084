/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_shadow.c - classification of invented addresses, frame descriptions, and poison compared with a
 * byte-by-byte model. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "shadow/shadow_internal.h"

/* ---- classification -------------------------------------------------------------------------- */

static struct shadow_facts facts(uint8_t value, uint8_t next, bool in_heap)
{
	return (struct shadow_facts){
		.bad = 0x7f0000001000, .has_shadow = true, .value = value, .next = next, .in_heap = in_heap
	};
}

static void test_classify_table(void **state)
{
	static const struct {
		uint8_t value;
		enum report_kind arena, elsewhere;
	} want[] = {
		{ 0xfc, REPORT_SLAB_OUT_OF_BOUNDS, REPORT_CONTAINER_OUT_OF_BOUNDS },
		{ 0xfa, REPORT_SLAB_USE_AFTER_FREE, REPORT_UNKNOWN_CRASH },
		{ 0xff, REPORT_USE_AFTER_FREE, REPORT_UNKNOWN_CRASH },
		{ 0xf8, REPORT_VMALLOC_OUT_OF_BOUNDS, REPORT_USE_AFTER_SCOPE },
		{ 0xf9, REPORT_GLOBAL_OUT_OF_BOUNDS, REPORT_GLOBAL_OUT_OF_BOUNDS },
		{ 0xf1, REPORT_STACK_OUT_OF_BOUNDS, REPORT_STACK_OUT_OF_BOUNDS },
		{ 0xf2, REPORT_STACK_OUT_OF_BOUNDS, REPORT_STACK_OUT_OF_BOUNDS },
		{ 0xf3, REPORT_STACK_OUT_OF_BOUNDS, REPORT_STACK_OUT_OF_BOUNDS },
		{ 0xf4, REPORT_STACK_OUT_OF_BOUNDS, REPORT_STACK_OUT_OF_BOUNDS },
		{ 0xf5, REPORT_USE_AFTER_RETURN, REPORT_USE_AFTER_RETURN },
		{ 0xf6, REPORT_INIT_ORDER, REPORT_INIT_ORDER },
		{ 0xf7, REPORT_USE_AFTER_POISON, REPORT_USE_AFTER_POISON },
		{ 0xbb, REPORT_INTRA_OBJECT, REPORT_INTRA_OBJECT },
		{ 0xca, REPORT_ALLOCA_OUT_OF_BOUNDS, REPORT_ALLOCA_OUT_OF_BOUNDS },
		{ 0xcb, REPORT_ALLOCA_OUT_OF_BOUNDS, REPORT_ALLOCA_OUT_OF_BOUNDS },
		{ 0x80, REPORT_UNKNOWN_CRASH, REPORT_UNKNOWN_CRASH },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		/* The value itself, and behind a partial granule of every size. */
		for (unsigned partial = 0; partial < 8; partial++) {
			struct shadow_facts in = facts(partial ? (uint8_t)partial : want[i].value,
			                               partial ? want[i].value : 0, true);
			struct shadow_facts out = in;

			out.in_heap = false;
			in.have_object = true;
			in.large = want[i].arena == REPORT_VMALLOC_OUT_OF_BOUNDS;
			assert_int_equal(shadow_classify(&in), want[i].arena);
			assert_int_equal(shadow_classify(&out), want[i].elsewhere);
		}
	}
}

static void test_classify_addresses(void **state)
{
	struct shadow_facts f = facts(0xf0, 0xf0, false);

	(void)state;
	f.bad = 8;
	assert_int_equal(shadow_classify(&f), REPORT_NULL_PTR_DEREF);
	f.bad = (64 << 10) - 1;
	assert_int_equal(shadow_classify(&f), REPORT_NULL_PTR_DEREF);
	f.bad = USER_END;
	f.has_shadow = false;
	assert_int_equal(shadow_classify(&f), REPORT_WILD_MEMORY_ACCESS);
	f.bad = 0;
	assert_int_equal(shadow_classify(&f), REPORT_NULL_PTR_DEREF);
}

static void test_classify_objects(void **state)
{
	struct shadow_facts f = facts(0xfc, 0xfc, true);

	(void)state;
	/* 0xfc is a red zone behind an object, but a container's reserve inside of the object. */
	f.have_object = true;
	f.state = SLAB_OBJ_LIVE;
	f.obj_addr = f.bad - 64;
	f.obj_size = 64;
	assert_int_equal(shadow_classify(&f), REPORT_SLAB_OUT_OF_BOUNDS);
	f.obj_size = 65;
	assert_int_equal(shadow_classify(&f), REPORT_CONTAINER_OUT_OF_BOUNDS);
	f.state = SLAB_OBJ_QUARANTINED;
	assert_int_equal(shadow_classify(&f), REPORT_SLAB_OUT_OF_BOUNDS);
	/* 0xf8 in a live object: the object is a coroutine's stack. */
	f.state = SLAB_OBJ_LIVE;
	f.value = 0xf8;
	assert_int_equal(shadow_classify(&f), REPORT_USE_AFTER_SCOPE);
	/* The end of an object whose next granule says nothing: the object decides. */
	f = facts(5, 0, true);
	f.have_object = true;
	f.state = SLAB_OBJ_LIVE;
	assert_int_equal(shadow_classify(&f), REPORT_SLAB_OUT_OF_BOUNDS);
	f.large = true;
	f.state = SLAB_OBJ_LIVE;
	assert_int_equal(shadow_classify(&f), REPORT_VMALLOC_OUT_OF_BOUNDS);
	/* Only the beginning of a freed area is poisoned: further on, the object's state decides. */
	f.state = SLAB_OBJ_QUARANTINED;
	assert_int_equal(shadow_classify(&f), REPORT_USE_AFTER_FREE);
	f.in_heap = false;
	assert_int_equal(shadow_classify(&f), REPORT_UNKNOWN_CRASH);
	/* Without an object, nothing is past its end. */
	f = facts(0xfc, 0xfc, true);
	assert_int_equal(shadow_classify(&f), REPORT_WILD_MEMORY_ACCESS);
	f = facts(5, 0, true);
	assert_int_equal(shadow_classify(&f), REPORT_WILD_MEMORY_ACCESS);
}

/* ---- frame descriptions ---------------------------------------------------------------------- */

static void test_frame_variables(void **state)
{
	/* Each of these ends the list, and nothing behind the terminator is read. */
	static const char *const nonsense[] = { "",         "x",           "1",
		                                "1 2",      "1 2 3",       "1 2 3 4",
		                                "1 2 3 4 ", "1 2 3 40 ab", "99999999999999999999 1 1 1 a" };
	const char *text = "2 32 8 3 arr 64 100 9 table:123", *at = text;
	struct frame_variable v;

	(void)state;
	assert_int_equal(frame_count(&at), 2);
	assert_true(frame_next_variable(&at, &v));
	assert_int_equal(v.offset, 32);
	assert_int_equal(v.size, 8);
	assert_memory_equal(v.name, "arr", 3);
	assert_true(frame_next_variable(&at, &v));
	assert_int_equal(v.offset, 64);
	assert_int_equal(v.size, 100);
	assert_int_equal(v.name_len, 9);
	assert_false(frame_next_variable(&at, &v));
	for (size_t i = 0; i < ARRAY_SIZE(nonsense); i++) {
		char *copy = strdup(nonsense[i]);

		at = copy;
		frame_count(&at);
		assert_false(frame_next_variable(&at, &v));
		free(copy);
	}
}

/* ---- poison compared with a model ------------------------------------------------------------ */

#define SPAN 4096

static uintptr_t model_find(const uint8_t *good, size_t from, size_t n)
{
	for (size_t i = from; i < from + n; i++)
		if (!good[i])
			return i + 1;
	return 0;
}

static void test_model(void **state)
{
	static uint8_t good[SPAN];
	char *area = mmap(NULL, SPAN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_int_equal(map_full(), 0);
	shadow_on = shadow_everywhere = true;
	memset(good, 1, sizeof(good));
	srandom(1);
	for (int round = 0; round < 20000; round++) {
		size_t at = (size_t)random() % (SPAN - 512) & ~7ul, n = (size_t)random() % 300, from, len;
		uintptr_t want, got;

		if (random() % 2) {
			shadow_poison((uintptr_t)area + at, n, SHADOW_USER);
			memset(good + at, 0, (n + 7) & ~7ul);
		} else if (n) {
			shadow_unpoison((uintptr_t)area + at, n);
			memset(good + at, 1, n);
			memset(good + at + n, 0, -n & 7);
		}
		from = (size_t)random() % (SPAN - 600);
		len = (size_t)random() % 600;
		want = model_find(good, from, len);
		got = shadow_find_bad(area + from, len);
		if ((want ? (uintptr_t)area + want - 1 : 0) != got)
			fail_msg("round %d: [%zu, +%zu): bad at %zd, expected %zd", round, from, len,
			         got ? (ssize_t)(got - (uintptr_t)area) : -1, (ssize_t)want - 1);
	}
	munmap(area, SPAN);
}

static void test_find_bad_limits(void **state)
{
	static long good[4];

	(void)state;
	assert_int_equal(map_full(), 0);
	shadow_on = shadow_everywhere = true;
	assert_int_equal(shadow_find_bad(good, 0), 0);
	assert_int_equal(shadow_find_bad(good, sizeof(good)), 0);
	assert_int_equal(shadow_find_bad((void *)8, 4), 8);
	assert_int_equal(shadow_find_bad((void *)USER_END, 1), USER_END);
	assert_int_equal(shadow_find_bad((void *)UINTPTR_MAX, 1), UINTPTR_MAX);
	assert_int_equal(shadow_find_bad((void *)(USER_END - 8), 16), USER_END);
	/* The shadow itself is bad, and so are ranges that run into it. */
	assert_int_equal(shadow_find_bad((void *)SHADOW_START, 1), SHADOW_START);
	assert_int_equal(shadow_find_bad((void *)(SHADOW_START - 4), 8), SHADOW_START);
	/* A size that wraps around. */
	assert_int_not_equal(shadow_find_bad(good, SIZE_MAX), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classify_table),
		cmocka_unit_test(test_classify_addresses),
		cmocka_unit_test(test_classify_objects),
		cmocka_unit_test(test_frame_variables),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_find_bad_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
