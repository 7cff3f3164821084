/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_mem.c - memory and string functions of lib/, compared with libc's and with byte loops. */
#include "tests/unit/unit.h"

#include <string.h>
#include <sys/mman.h>

#include "lib/lib.h"

#define AREA 8192
#define ROUNDS 20000

static unsigned char area[AREA], model[AREA];

static void fill_random(uint64_t *seed)
{
	for (size_t i = 0; i < AREA; i++)
		area[i] = model[i] = (unsigned char)unit_random(seed);
}

/* Half of the sizes are close to the limits where the functions switch to another implementation. */
static size_t random_size(uint64_t *seed)
{
	static const size_t edges[] = { 0, 1, 2, 4, 8, 16, 32, 64, 96, 1024, 2048 };
	size_t n = edges[unit_below(seed, sizeof(edges) / sizeof(edges[0]))] + unit_below(seed, 5);

	return unit_below(seed, 2) ? n : unit_below(seed, 3000);
}

static void copy_agrees_with_libc(void **state)
{
	uint64_t seed = 1;

	(void)state;
	fill_random(&seed);
	for (int i = 0; i < ROUNDS; i++) {
		size_t n = random_size(&seed), from = unit_below(&seed, 1000), to = 4096 + unit_below(&seed, 1000);
		assert_ptr_equal(mem_copy(area + to, area + from, n), area + to);
		memcpy(model + to, model + from, n);
		assert_memory_equal(area, model, AREA);
		area[from + n / 2]++;
		model[from + n / 2]++;
	}
}

/* The distances are small, so that the ranges overlap in both directions. */
static void move_agrees_with_libc(void **state)
{
	uint64_t seed = 2;

	(void)state;
	fill_random(&seed);
	for (int i = 0; i < ROUNDS; i++) {
		size_t n = random_size(&seed), from = 300 + unit_below(&seed, 1000),
		       to = from - 200 + unit_below(&seed, 400);
		assert_ptr_equal(mem_move(area + to, area + from, n), area + to);
		memmove(model + to, model + from, n);
		assert_memory_equal(area, model, AREA);
	}
}

static void set_agrees_with_libc(void **state)
{
	uint64_t seed = 3;

	(void)state;
	fill_random(&seed);
	for (int i = 0; i < ROUNDS; i++) {
		size_t n = random_size(&seed), at = unit_below(&seed, 1000);
		int byte = (int)unit_below(&seed, 600) - 300;
		assert_ptr_equal(mem_set(area + at, byte, n), area + at);
		memset(model + at, byte, n);
		assert_memory_equal(area, model, AREA);
	}
}

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

static void compare_agrees_with_libc(void **state)
{
	uint64_t seed = 4;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		size_t n = random_size(&seed), a = unit_below(&seed, 64), b = 4096 + unit_below(&seed, 64);
		memset(area + a, 0x80, n);
		memset(area + b, 0x80, n);
		if (n && unit_below(&seed, 3)) {
			area[a + unit_below(&seed, n)] = (unsigned char)unit_random(&seed);
			area[b + unit_below(&seed, n)] = (unsigned char)unit_random(&seed);
		}
		assert_int_equal(mem_compare(area + a, area + b, n), sign(memcmp(area + a, area + b, n)));
	}
}

/* No byte differs, or one, or several: mem_find_not returns the first, and ignores bytes outside the range. */
static void find_not_finds_the_first(void **state)
{
	uint64_t seed = 5;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		size_t n = random_size(&seed), at = 1 + unit_below(&seed, 64), bad = n;
		memset(area, 0xee, AREA);
		memset(area + at, 0x6b, n);
		for (uint64_t k = n ? unit_below(&seed, 4) : 0; k > 0; k--) {
			size_t where = unit_below(&seed, n);
			area[at + where] = (unsigned char)(0x6c + unit_below(&seed, 100));
			bad = where < bad ? where : bad;
		}
		assert_ptr_equal(mem_find_not(area + at, 0x6b, n), bad < n ? area + at + bad : NULL);
	}
}

/* Ranges begin or end at the edge of a page between unreadable pages, where a read beyond the range would fault. */
static void nothing_reads_past_the_range(void **state)
{
	char *page = mmap(NULL, 3 * PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), copy[PAGE_SIZE];

	(void)state;
	assert_true(page != MAP_FAILED);
	page += PAGE_SIZE;
	assert_int_equal(mprotect(page, PAGE_SIZE, PROT_READ | PROT_WRITE), 0);
	for (size_t n = 0; n <= 1200; n++) {
		char *last = page + PAGE_SIZE - n;
		mem_set(last, 0x6b, n);
		mem_set(page, 0x6b, n);
		assert_null(mem_find_not(last, 0x6b, n));
		assert_null(mem_find_not(page, 0x6b, n));
		mem_copy(copy, last, n);
		mem_copy(copy, page, n);
		mem_copy(last, copy, n);
		assert_int_equal(mem_compare(last, copy, n), 0);
		if (n > 8)
			mem_move(page + PAGE_SIZE - n + 8, last, n - 8);
	}
	munmap(page - PAGE_SIZE, 3 * PAGE_SIZE);
}

static void strings(void **state)
{
	char buf[8];

	(void)state;
	assert_int_equal(str_length(""), 0);
	assert_int_equal(str_length("abc"), 3);
	assert_true(str_equal("", "") && str_equal("ab", "ab"));
	assert_false(str_equal("ab", "abc") || str_equal("abc", "ab") || str_equal("a", "b"));
	assert_true(str_starts("abc", "") && str_starts("abc", "ab") && str_starts("abc", "abc"));
	assert_false(str_starts("ab", "abc") || str_starts("", "a") || str_starts("xbc", "ab"));
	assert_string_equal(str_char("a.b.c", '.'), ".b.c");
	assert_string_equal(str_last("a.b.c", '.'), ".c");
	assert_null(str_char("abc", '.'));
	assert_null(str_last("abc", '.'));
	assert_string_equal(str_char("abc", 0), "");
	assert_string_equal(str_last("abc", 0), "");
	assert_int_equal(str_copy(buf, "hello", sizeof(buf)), 5);
	assert_string_equal(buf, "hello");
	assert_int_equal(str_copy(buf, "hello, world", sizeof(buf)), 7);
	assert_string_equal(buf, "hello, ");
	assert_int_equal(str_copy(buf, "x", 1), 0);
	assert_string_equal(buf, "");
	buf[0] = 'k';
	assert_int_equal(str_copy(buf, "x", 0), 0);
	assert_int_equal(buf[0], 'k');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copy_agrees_with_libc),
		cmocka_unit_test(move_agrees_with_libc),
		cmocka_unit_test(set_agrees_with_libc),
		cmocka_unit_test(compare_agrees_with_libc),
		cmocka_unit_test(find_not_finds_the_first),
		cmocka_unit_test(nothing_reads_past_the_range),
		cmocka_unit_test(strings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
