/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_options.c - the option table and its parser: values, quotes, mistakes and their messages, hostile
 * text. */
#include "tests/unit/unit.h"

#include <string.h>
#include <time.h>

#include "lib/lib.h"

struct said {
	unsigned lines;
	char last[500], all[4096];
};

static void remember(void *ctx, const char *line)
{
	struct said *s = ctx;

	s->lines++;
	assert_null(strchr(line, '\n'));
	assert_true(strlen(line) < sizeof(s->last));
	strcpy(s->last, line);
	if (strlen(s->all) + strlen(line) + 2 < sizeof(s->all))
		strcat(strcat(s->all, line), "\n");
}

static struct memsan_options parsed;
static struct said said;

static unsigned parse(const char *text)
{
	unsigned mistakes;

	memset(&said, 0, sizeof(said));
	memset(&parsed, 0xa5, sizeof(parsed));
	options_set_defaults(&parsed);
	mistakes = options_parse(&parsed, text, remember, &said);
	if (mistakes <= 20)
		assert_int_equal(said.lines, mistakes);
	return mistakes;
}

#define MENTIONS(text)                                                               \
	do {                                                                         \
		if (!strstr(said.last, text))                                        \
			fail_msg("\"%s\" does not mention \"%s\"", said.last, text); \
	} while (0)

static const struct option_desc *desc(const char *name)
{
	for (size_t i = 0; i < option_table_size; i++)
		if (strcmp(option_table[i].name, name) == 0)
			return &option_table[i];
	fail_msg("no option %s", name);
	return NULL;
}

static void defaults_are_what_the_table_says(void **state)
{
	char text[100];
	struct fmt_buf b;

	(void)state;
	assert_int_equal(parse(""), 0);
	assert_int_equal(parsed.mode, MODE_CHECK);
	assert_int_equal(parsed.quarantine_size, 64 << 20);
	assert_int_equal(parsed.fault, FAULT_REPORT);
	assert_true(parsed.symbolize);
	assert_string_equal(parsed.log_path, "");
	/* Every default is valid, and is printed as the table has it. */
	for (size_t i = 0; i < option_table_size; i++) {
		const struct option_desc *d = &option_table[i];
		struct memsan_options o = { .mode = 0 };
		assert_true(options_set_one(&o, d->name, strlen(d->name), d->default_text, strlen(d->default_text),
		                            remember, &said));
		assert_true(*d->help && d->name);
		fmt_init(&b, text, sizeof(text));
		options_format_value(&parsed, d, &b);
		assert_string_equal(text, d->default_text);
	}
}

static void names_are_unique_and_sane(void **state)
{
	(void)state;
	for (size_t i = 0; i < option_table_size; i++) {
		assert_int_equal(strspn(option_table[i].name, "abcdefghijklmnopqrstuvwxyz0123456789_."),
		                 strlen(option_table[i].name));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(option_table[i].name, option_table[j].name);
	}
}

static void values_are_stored(void **state)
{
	(void)state;
	assert_int_equal(
		parse("mode=production:quarantine.size=1G:stack.depth=0x20:check_at_exit=off:exitcode=0:fault=panic"),
		0);
	assert_int_equal(parsed.mode, MODE_PRODUCTION);
	assert_int_equal(parsed.quarantine_size, 1 << 30);
	assert_int_equal(parsed.stack_depth, 32);
	assert_false(parsed.check_at_exit);
	assert_int_equal(parsed.exitcode, 0);
	assert_int_equal(parsed.fault, FAULT_PANIC);
	assert_int_equal(parse("quarantine.size=1k:arena.size=2T:symbolizer.timeout=250"), 0);
	assert_int_equal(parsed.quarantine_size, 1024);
	assert_int_equal(parsed.arena_size, 2ULL << 40);
	assert_int_equal(parsed.symbolizer_timeout, 250);
	/* The last value of an option counts; blanks and empty items do not. */
	assert_int_equal(parse("exitcode=1:exitcode=2"), 0);
	assert_int_equal(parsed.exitcode, 2);
	assert_int_equal(parse("::: mode = production :\n exitcode=3 ::"), 0);
	assert_int_equal(parsed.mode, MODE_PRODUCTION);
	assert_int_equal(parsed.exitcode, 3);
}

static void booleans_have_eight_words(void **state)
{
	static const char *const words[] = { "0", "1", "off", "on", "no", "yes", "false", "true" };
	char text[64];

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		sprintf(text, "symbolize=%s", words[i]);
		assert_int_equal(parse(text), 0);
		assert_int_equal(parsed.symbolize, i & 1);
	}
	assert_int_equal(parse("symbolize=2"), 1);
	MENTIONS("symbolize=2");
	MENTIONS("on or off");
	assert_true(parsed.symbolize);
}

static void quotes_hold_colons(void **state)
{
	(void)state;
	assert_int_equal(parse("log_path='/a:b':mode=production"), 0);
	assert_string_equal(parsed.log_path, "/a:b");
	assert_int_equal(parsed.mode, MODE_PRODUCTION);
	assert_int_equal(parse("log_path=\"it's: a=b\" : exitcode=4"), 0);
	assert_string_equal(parsed.log_path, "it's: a=b");
	assert_int_equal(parsed.exitcode, 4);
	assert_int_equal(parse("log_path=a'b:log_path=''"), 0);
	assert_string_equal(parsed.log_path, "");
	assert_int_equal(parse("log_path=a'b"), 0);
	assert_string_equal(parsed.log_path, "a'b");
	assert_int_equal(parse("slab_debug=FZ,malloc-64;P:mode='production'"), 0);
	assert_string_equal(parsed.slab_debug, "FZ,malloc-64;P");
	assert_int_equal(parsed.mode, MODE_PRODUCTION);
}

/* The "::" of a C++ name needs no quotes, which users of big C++ programs would forget. */
static void texts_hold_cxx_names(void **state)
{
	(void)state;
	assert_int_equal(parse("fence=all:fence.only=app::Parser::parse:exitcode=3"), 0);
	assert_string_equal(parsed.fence_only, "app::Parser::parse");
	assert_int_equal(parsed.exitcode, 3);
	assert_int_equal(parse("fence.only=::parse(int, char*)"), 0);
	assert_string_equal(parsed.fence_only, "::parse(int, char*)");
	assert_int_equal(parse("fence.only=A::operator=="), 0);
	assert_string_equal(parsed.fence_only, "A::operator==");
	/* Before an option, or at the end, "::" is still an empty item. */
	assert_int_equal(parse("fence.only=parse::exitcode=3::fence.side=left"), 0);
	assert_string_equal(parsed.fence_only, "parse");
	assert_int_equal(parsed.exitcode, 3);
	assert_int_equal(parse("fence.only=parse::"), 0);
	assert_string_equal(parsed.fence_only, "parse");
	assert_int_equal(parse("exitcode=3::parse"), 1);
	assert_int_equal(parse("fence.only='parse'::x"), 1);
	assert_string_equal(parsed.fence_only, "parse");
}

static void alignments_are_powers_of_two(void **state)
{
	char text[32];

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		bool good = i && !(i & (i - 1)) && i <= 4096;

		sprintf(text, "fence.align=%u", i);
		assert_int_equal(parse(text), !good);
		assert_int_equal(parsed.fence_align, good ? i : 16);
		if (!good)
			MENTIONS("a power of two");
	}
	assert_int_equal(parse("fence.align=1k"), 0);
	assert_int_equal(parsed.fence_align, 1024);
}

static void quote_mistakes_cost_one_item(void **state)
{
	(void)state;
	assert_int_equal(parse("log_path='/tmp/x:exitcode=5"), 1);
	MENTIONS("quote not closed");
	MENTIONS("log_path='/tmp/x");
	assert_string_equal(parsed.log_path, "");
	assert_int_equal(parsed.exitcode, 5);
	assert_int_equal(parse("log_path='/a:b'c:exitcode=6"), 1);
	MENTIONS("closing quote");
	assert_int_equal(parsed.exitcode, 6);
}

static void unknown_names_get_the_nearest(void **state)
{
	static const struct {
		const char *item, *nearest;
	} cases[] = {
		{ "mod=check", "mode" },
		{ "MODE=check", "mode" },
		{ "quarantine-size=1", "quarantine.size" },
		{ "quarantine_size=1", "quarantine.size" },
		{ "depth=3", "stack.depth" },
		{ "exit_code=3", "exitcode" },
		{ "logpath=x", "log_path" },
		{ "max_report=x", "max_reports" },
		{ "slub_debug=F", "slab_debug" },
		{ "symbolise=on", "symbolize" },
		{ "timeout=3", "symbolizer.timeout" },
		{ "fualt=panic", "fault" },
		{ "stackdepth", "stack.depth" },
	};
	static const struct {
		const char *item, *says;
	} others[] = {
		{ "xyzzy=1", "unknown option xyzzy; memsan options lists all" },
		{ "handle_abort=1", "unknown option handle_abort; memsan options lists all" },
		{ "=1", "memsan options lists all" },
		{ "detect_leaks=1", "memsan's name for it is leak" },
		{ "halt_on_error=0", "memsan's name for it is fault (fault=panic)" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[200], hint[100];
		sprintf(text, "%s:exitcode=7", cases[i].item);
		sprintf(hint, "the nearest is %s", cases[i].nearest);
		assert_int_equal(parse(text), 1);
		MENTIONS("unknown option");
		MENTIONS(hint);
		assert_int_equal(parsed.exitcode, 7);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		assert_int_equal(parse(others[i].item), 1);
		MENTIONS(others[i].says);
	}
}

static void bad_values_say_what_is_accepted(void **state)
{
	static const struct {
		const char *item, *says;
	} cases[] = {
		{ "exitcode=256", "exit status, 0 to 255" },
		{ "exitcode=-1", "0 to 255" },
		{ "exitcode=", "0 to 255" },
		{ "exitcode=1k", "0 to 255" },
		{ "stack.depth=0", "frames, 1 to 1024" },
		{ "symbolizer.timeout=10s", "milliseconds, 1 to 600000" },
		{ "quarantine.size=64KB", "bytes, 0 to 1T" },
		{ "quarantine.size=2T", "bytes, 0 to 1T" },
		{ "quarantine.size=99999999999T", "suffixes k, M, G, T" },
		{ "quarantine.size=k", "bytes" },
		{ "quarantine.size=", "bytes" },
		{ "mode=chek", "check|production; the nearest is check" },
		{ "mode=prod", "the nearest is production" },
		{ "mode=xyz", "expected check|production" },
		{ "mode=", "check|production" },
		{ "mode=check|production", "check" },
		{ "fault=abrot", "report|panic|abort|stop; the nearest is abort" },
		{ "symbolize=", "on or off" },
		{ "mode", "no value" },
	};
	struct memsan_options fresh;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		options_set_defaults(&fresh);
		assert_int_equal(parse(cases[i].item), 1);
		MENTIONS(cases[i].says);
		assert_memory_equal(&parsed, &fresh, sizeof(fresh));
	}
}

static void long_strings_are_refused(void **state)
{
	char text[OPTION_STRING_MAX + 100] = "log_path=";
	size_t start = strlen(text);

	(void)state;
	memset(text + start, 'x', OPTION_STRING_MAX - 1);
	assert_int_equal(parse(text), 0);
	assert_int_equal(strlen(parsed.log_path), OPTION_STRING_MAX - 1);
	memset(text + start, 'x', OPTION_STRING_MAX);
	assert_int_equal(parse(text), 1);
	MENTIONS("at most 1023 bytes");
	assert_string_equal(parsed.log_path, "");
}

static void complaints_are_one_printable_line(void **state)
{
	(void)state;
	assert_int_equal(parse("mo\nde\033[2J\377=1"), 1);
	MENTIONS("mo?de?[2J?");
	assert_int_equal(parse("mode=\001\n\002x"), 1);
	MENTIONS("mode=???x");
}

/* Only twenty mistakes are told, but all correct items are applied. */
static void complaints_end_at_twenty(void **state)
{
	char text[1000] = "";

	(void)state;
	for (int i = 0; i < 50; i++)
		strcat(text, "nonsense=1:");
	strcat(text, "exitcode=8");
	assert_int_equal(parse(text), 50);
	assert_int_equal(said.lines, 21);
	MENTIONS("and 30 more");
	assert_int_equal(parsed.exitcode, 8);
}

static void set_one_takes_lengths(void **state)
{
	(void)state;
	parse("");
	assert_true(options_set_one(&parsed, "exitcodeXX", 8, "12345", 2, remember, &said));
	assert_int_equal(parsed.exitcode, 12);
	assert_true(options_set_one(&parsed, "log_path", 8, "'a:b'", 5, remember, &said));
	assert_string_equal(parsed.log_path, "'a:b'");
	assert_false(options_set_one(&parsed, "exitcode", 8, "x", 1, NULL, NULL));
	assert_int_equal(said.lines, 0);
}

/* Printed values can be parsed again to the same values. */
static void shown_values_parse_back(void **state)
{
	static const char *const strings[] = { "", "/tmp/x", "a:b", " lead", "trail ", "'q'", "\"q", "it's", "it's:x" };
	uint64_t seed = 21;
	char text[4 * OPTION_STRING_MAX];
	struct fmt_buf b;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		static struct memsan_options o;
		options_set_defaults(&o);
		o.quarantine_size = unit_below(&seed, 1ULL << 20) << unit_below(&seed, 20);
		o.mode = (unsigned)unit_below(&seed, 2);
		o.symbolize = unit_below(&seed, 2);
		strcpy(o.log_path, strings[unit_below(&seed, ARRAY_SIZE(strings))]);
		fmt_init(&b, text, sizeof(text));
		for (size_t k = 0; k < option_table_size; k++) {
			fmt_printf(&b, ":%s=", option_table[k].name);
			options_format_value(&o, &option_table[k], &b);
		}
		assert_int_equal(parse(text), 0);
		assert_memory_equal(&parsed, &o, sizeof(o));
	}
	options_set_defaults(&parsed);
	parsed.mode = 99;
	fmt_init(&b, text, sizeof(text));
	options_format_value(&parsed, desc("mode"), &b);
	assert_true(b.len > 0);
}

#define HOSTILE_MAX (128 << 10)

/* Random text, made of pieces that mean something to the parser: nothing crashes, no field leaves its range. */
static void hostile_text_is_survived(void **state)
{
	static const char *const pieces[] = {
		":",         "=",    "'",           "\"", "mode", "exitcode", "log_path", "quarantine.size",
		"check",     "1",    "99999999999", "k",  "T",    " ",        "\n",       "\t",
		"x",         "\377", "|",           "on", "0x",   ".",        ",",        "%s%n",
		"slab_debug"
	};
	static char text[HOSTILE_MAX + 32];
	uint64_t seed = 22;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		uint64_t start = seed;
		size_t len = 0, limit = unit_below(&seed, i % 300 ? 300 : HOSTILE_MAX);
		while (len < limit) {
			const char *piece = pieces[unit_below(&seed, ARRAY_SIZE(pieces))];
			memcpy(text + len, piece, strlen(piece));
			len += strlen(piece);
		}
		text[len] = '\0';
		parse(text);
		if (parsed.mode > 1 || parsed.exitcode > 255 || parsed.quarantine_size > 1ULL << 40 ||
		    !memchr(parsed.log_path, 0, OPTION_STRING_MAX) || !memchr(parsed.slab_debug, 0, OPTION_STRING_MAX))
			fail_msg("a field is out of range, seed %llu", (unsigned long long)start);
	}
}

/* A quadratic parser would be slowest on these texts. */
static void hostile_text_takes_no_time(void **state)
{
	static const char *const patterns[] = { "a:", "a=':", "a=\":b=':", "='':", "mode=x:", ":", "'", "=" };
	static char text[HOSTILE_MAX + 32];
	clock_t start = clock();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		size_t step = strlen(patterns[i]), len = 0;
		for (; len + step < HOSTILE_MAX; len += step)
			memcpy(text + len, patterns[i], step);
		text[len] = '\0';
		parse(text);
	}
	assert_true(clock() - start < 2 * CLOCKS_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_what_the_table_says),
		cmocka_unit_test(names_are_unique_and_sane),
		cmocka_unit_test(values_are_stored),
		cmocka_unit_test(booleans_have_eight_words),
		cmocka_unit_test(quotes_hold_colons),
		cmocka_unit_test(texts_hold_cxx_names),
		cmocka_unit_test(alignments_are_powers_of_two),
		cmocka_unit_test(quote_mistakes_cost_one_item),
		cmocka_unit_test(unknown_names_get_the_nearest),
		cmocka_unit_test(bad_values_say_what_is_accepted),
		cmocka_unit_test(long_strings_are_refused),
		cmocka_unit_test(complaints_are_one_printable_line),
		cmocka_unit_test(complaints_end_at_twenty),
		cmocka_unit_test(set_one_takes_lengths),
		cmocka_unit_test(shown_values_parse_back),
		cmocka_unit_test(hostile_text_is_survived),
		cmocka_unit_test(hostile_text_takes_no_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
