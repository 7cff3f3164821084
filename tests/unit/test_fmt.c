/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_fmt.c - the formatter compared with snprintf, for random directives, values and buffer sizes; numbers
 * parsed. */
#include "tests/unit/unit.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "lib/lib.h"

#define ROUNDS 50000

/* Hides the format from the compiler, which would warn of the cases that are tested here. */
static const char *opaque(const char *format)
{
	__asm__("" : "+r"(format));
	return format;
}

/* Compares the output of both formatters for one call, in a buffer that may be too small. */
#define CHECK(seed, size, format, ...)                                                                                 \
	do {                                                                                                           \
		char want[600], got[600];                                                                              \
		struct fmt_buf b;                                                                                      \
		int full = snprintf(want, size, opaque(format), __VA_ARGS__);                                          \
		memset(got, '#', sizeof(got));                                                                         \
		fmt_init(&b, got, size);                                                                               \
		fmt_printf(&b, opaque(format), __VA_ARGS__);                                                           \
		if (strcmp(want, got) != 0)                                                                            \
			fail_msg("seed %" PRIu64 ", format \"%s\": \"%s\", expected \"%s\"", seed, format, got, want); \
		assert_int_equal(b.len, strlen(want));                                                                 \
		assert_int_equal(b.truncated, (size_t)full >= (size_t)(size));                                         \
		assert_int_equal(got[size], '#');                                                                      \
	} while (0)

/* Values of every magnitude. */
static uint64_t random_value(uint64_t *seed)
{
	return unit_random(seed) >> unit_below(seed, 64);
}

/* "%" flags width precision length conversion. A flag is used only where both formatters define it. */
static void random_directive(uint64_t *seed, char *text, const char *length, const char *conversions)
{
	char conversion = conversions[unit_below(seed, strlen(conversions))];
	char *p = text;

	p += sprintf(p, "<%%");
	if (strchr("xXo", conversion) && unit_below(seed, 2))
		*p++ = '#';
	if (strchr("di", conversion) && unit_below(seed, 3) == 0)
		*p++ = '+';
	if (strchr("di", conversion) && unit_below(seed, 3) == 0)
		*p++ = ' ';
	if (strchr("diuoxX", conversion) && unit_below(seed, 2))
		*p++ = '0';
	if (unit_below(seed, 3) == 0)
		*p++ = '-';
	if (unit_below(seed, 2))
		p += sprintf(p, "%d", (int)unit_below(seed, 40) + 1);
	if (conversion != 'c' && unit_below(seed, 3) == 0)
		p += sprintf(p, ".%d", (int)unit_below(seed, 30));
	sprintf(p, "%s%c>", length, conversion);
}

/* Mostly large enough, sometimes tight. */
static size_t random_room(uint64_t *seed)
{
	return unit_below(seed, 4) ? 500 : 1 + unit_below(seed, 40);
}

static void numbers_agree_with_snprintf(void **state)
{
	uint64_t seed = 11;
	char f[64];

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t at = seed, v;
		size_t room = random_room(&seed);

		v = random_value(&seed);
		random_directive(&seed, f, "", "di");
		CHECK(at, room, f, (int)v);
		random_directive(&seed, f, "", "ux");
		CHECK(at, room, f, (unsigned)v);
		random_directive(&seed, f, "l", "di");
		CHECK(at, room, f, (long)v);
		random_directive(&seed, f, "ll", "ux");
		CHECK(at, room, f, (unsigned long long)v);
		random_directive(&seed, f, "z", "ux");
		CHECK(at, room, f, (size_t)v);
		random_directive(&seed, f, "", "oX");
		CHECK(at, room, f, (unsigned)v);
		random_directive(&seed, f, "hh", "diuoxX");
		CHECK(at, room, f, (int)v);
		random_directive(&seed, f, "h", "diuoxX");
		CHECK(at, room, f, (int)v);
		random_directive(&seed, f, "t", "diuoxX");
		CHECK(at, room, f, (ptrdiff_t)v);
		random_directive(&seed, f, "j", "diuoxX");
		CHECK(at, room, f, (intmax_t)v);
		random_directive(&seed, f, "z", "dioX");
		CHECK(at, room, f, (size_t)v);
	}
}

static void texts_agree_with_snprintf(void **state)
{
	uint64_t seed = 12;
	char f[64], s[50];

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t at = seed;
		size_t n = unit_below(&seed, sizeof(s)), room = random_room(&seed);

		for (size_t k = 0; k < n; k++)
			s[k] = (char)('!' + unit_below(&seed, 90));
		s[n] = '\0';
		random_directive(&seed, f, "", "s");
		CHECK(at, room, f, s);
		random_directive(&seed, f, "", "c");
		CHECK(at, room, f, '!' + i % 90);
		CHECK(at, room, "%*s|%-*u|%.*s", i % 60 - 30, s, i % 20, (unsigned)at, i % 61 - 5, s);
	}
}

static void edges_agree_with_snprintf(void **state)
{
	(void)state;
	CHECK((uint64_t)0, 500, "%d %d %ld %lld", INT_MIN, INT_MAX, LONG_MIN, LLONG_MIN);
	CHECK((uint64_t)0, 500, "%u %lu %zu %#lx", UINT_MAX, ULONG_MAX, SIZE_MAX, ULONG_MAX);
	CHECK((uint64_t)0, 500, "%#x %#08x %x %.0d|%.0u|%5.0x|%#.0x", 0, 0, 0, 0, 0, 0, 0);
	CHECK((uint64_t)0, 500, "%#o|%#.0o|%.0o|%#o|%#05o|%#.5o|%#lo", 0, 0, 0, 8, 8, 8, ULONG_MAX);
	CHECK((uint64_t)0, 500, "%+d|% d|%+ d|%+d|%+05d|%+.3d|% .0d", 5, 5, 5, -5, 5, 5, 0);
	CHECK((uint64_t)0, 500, "%td %ti %jd %hhd %hd %zd", (ptrdiff_t)-1, (ptrdiff_t)5, INTMAX_MIN, 0x1ff, 0x18000,
	      (ssize_t)-7);
	CHECK((uint64_t)0, 500, "%p %20p|%-20p|", (void *)0x1234, (void *)0xffffffffffff, (void *)1);
	CHECK((uint64_t)0, 500, "100%% of %s%%", "it");
	CHECK((uint64_t)0, 500, "%s %.3s|%.6s|%8s", (char *)NULL, (char *)NULL, (char *)NULL, (char *)NULL);
	CHECK((uint64_t)0, 1, "%s", "nothing fits");
	CHECK((uint64_t)0, 500, "%08d %-8d| %08.3d", -42, -42, -42);
}

static void appending_stops_at_the_end(void **state)
{
	char text[8];
	struct fmt_buf b;

	(void)state;
	fmt_init(&b, text, sizeof(text));
	fmt_printf(&b, "ab%d", 1);
	assert_string_equal(text, "ab1");
	assert_false(b.truncated);
	fmt_printf(&b, "%s", "cdef");
	assert_string_equal(text, "ab1cdef");
	assert_false(b.truncated);
	fmt_printf(&b, "%c", 'x');
	assert_true(b.truncated);
	assert_string_equal(text, "ab1cdef");
	fmt_printf(&b, opaque("%1000000000d%*d"), 1, INT_MIN, 2);
	assert_string_equal(text, "ab1cdef");
	assert_int_equal(b.len, 7);
	fmt_init(&b, NULL, 0);
	fmt_printf(&b, "%s%d", "no buffer at all", 3);
	assert_int_equal(b.len, 0);
	assert_true(b.truncated);
}

static void unknown_conversions_are_copied(void **state)
{
	static const char *const formats[] = { "a%qb", "%",     "%5",   "%-0#12.7l",
		                               "%ls",  "%f %s", "%lll", "%99999999999999999999y" };
	char text[64];
	struct fmt_buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		fmt_init(&b, text, sizeof(text));
		fmt_printf(&b, formats[i], 1, 2, 3);
		assert_string_equal(text, formats[i]);
	}
	fmt_init(&b, text, sizeof(text));
	fmt_printf(&b, opaque("%p %s"), NULL, (char *)NULL);
	assert_string_equal(text, "0x0 (null)");
}

static void parse_reads_what_was_printed(void **state)
{
	uint64_t seed = 13, got;
	char text[64];

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t v = random_value(&seed);
		int n = sprintf(text, unit_below(&seed, 2) ? "%" PRIu64 : "0x%" PRIx64, v);

		assert_true(number_parse(text, (size_t)n, &got));
		assert_int_equal(got, v);
		text[unit_below(&seed, (uint64_t)n)] = "gG -+.x:"[unit_below(&seed, 8)];
		if (strcmp(text, "0x") != 0 && strchr(text, 'x') != text + 1)
			assert_false(number_parse(text, (size_t)n, &got));
	}
}

static void digits_in_a_text(void **state)
{
	uint8_t bytes[4] = { 0 };
	uint64_t v = 7;

	(void)state;
	assert_string_equal(number_hex("7fFf-8000", &v), "-8000");
	assert_int_equal(v, 0x7fff);
	assert_string_equal(number_hex("0000000000000000ffffffffffffffff ", &v), " ");
	assert_true(v == UINT64_MAX);
	assert_null(number_hex("10000000000000000", &v));
	assert_null(number_hex("xyz", &v));
	assert_string_equal(number_decimal("18446744073709551615f", &v), "f");
	assert_true(v == UINT64_MAX);
	assert_null(number_decimal("18446744073709551616", &v));
	assert_null(number_decimal("-1", &v));
	assert_null(number_decimal("", &v));
	assert_int_equal(number_hex_bytes("0aFF7)", bytes, sizeof(bytes)), 2);
	assert_int_equal(bytes[0], 0x0a);
	assert_int_equal(bytes[1], 0xff);
	assert_int_equal(number_hex_bytes("0102030405", bytes, sizeof(bytes)), 4);
	assert_int_equal(bytes[3], 4);
}

static void parse_refuses_the_rest(void **state)
{
	static const char *const bad[] = { "",
		                           "0x",
		                           "0X",
		                           "x1",
		                           "1 ",
		                           " 1",
		                           "-1",
		                           "+1",
		                           "1k",
		                           "0xg",
		                           "12a",
		                           "18446744073709551616",
		                           "99999999999999999999",
		                           "0x10000000000000000" };
	uint64_t v = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(number_parse(bad[i], strlen(bad[i]), &v));
	assert_int_equal(v, 77);
	assert_true(number_parse("18446744073709551615", 20, &v) && v == UINT64_MAX);
	assert_true(number_parse("0xFFFFffffFFFFffff", 18, &v) && v == UINT64_MAX);
	assert_true(number_parse("007", 3, &v) && v == 7);
	assert_true(number_parse("123456", 3, &v) && v == 123);
}

/* The bytes of a character of n bytes, by UTF-8's pattern alone. */
static void put_pattern(unsigned char *to, uint32_t c, unsigned n)
{
	static const unsigned char first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	memset(to, 0, 8);
	for (unsigned i = n; i-- > 1; c >>= 6)
		to[i] = (unsigned char)(0x80 | (c & 0x3f));
	to[0] = (unsigned char)(first[n] | c);
}

/* Each character has one form, the shortest; surrogates and what is beyond U+10FFFF have none; nor has a form that ends
 * early. */
static void forms_of_utf8(void **state)
{
	unsigned char text[8];

	(void)state;
	for (uint32_t c = 0; c < 0x200000; c += c < 0x11000 || c >= 0x10f000 ? 1 : 37) {
		unsigned least = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
		bool good = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);

		for (unsigned n = MAX(least, 2u); n <= 4; n++) {
			put_pattern(text, c, n);
			if (utf8_length((char *)text) != (good && n == least ? n : 0))
				fail_msg("U+%x in %u bytes", c, n);
			text[n - 1] = 'x';
			assert_int_equal(utf8_length((char *)text), 0);
		}
	}
	for (unsigned c = 1; c < 256; c++) {
		memset(text, 0, sizeof(text));
		text[0] = (unsigned char)c;
		assert_int_equal(utf8_length((char *)text), c < 0x80);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_of_utf8),
		cmocka_unit_test(numbers_agree_with_snprintf),
		cmocka_unit_test(texts_agree_with_snprintf),
		cmocka_unit_test(edges_agree_with_snprintf),
		cmocka_unit_test(appending_stops_at_the_end),
		cmocka_unit_test(unknown_conversions_are_copied),
		cmocka_unit_test(parse_reads_what_was_printed),
		cmocka_unit_test(digits_in_a_text),
		cmocka_unit_test(parse_refuses_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
