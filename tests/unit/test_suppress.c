/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_suppress.c - suppressions: both forms on invented stacks; hostile text. */
#include "tests/unit/unit.h"

#include <string.h>

#include "reports/reports.h"

static struct report_record record;
static const char *const names[] = { "inner", "lib_make", "main" };
static char told[4096];

static const struct report_symbol *frame(void *ctx, const struct report_record *r, const struct report_frame *f,
                                         size_t *nr)
{
	static struct report_symbol s;

	(void)ctx, (void)r;
	s = (struct report_symbol){ .function = names[f->pc],
		                    .file = f->pc == 1 ? "/src/lib/make.c" : "/src/main.c",
		                    .line = 10 + (uint32_t)f->pc };
	*nr = 1;
	return &s;
}

static const struct report_symbols symbols = { .frame = frame };

static void tell(void *ctx, const char *line)
{
	(void)ctx;
	strncat(told, line, sizeof(told) - strlen(told) - 2);
	strcat(told, "\n");
}

static void make_record(const char *class)
{
	memset(&record, 0, sizeof(record));
	strcpy(record.strings + 1, class);
	strcpy(record.strings + 20, "/usr/lib/libmake.so.1");
	record.leak_class = 1;
	record.leak_count = 3;
	record.leak_bytes = 96;
	record.strings_len = 100;
	record.nr_modules = 1;
	record.modules[0].path = 20;
	record.nr_stacks = 1;
	record.stacks[0].role = STACK_ALLOC;
	record.stacks[0].nr_frames = 3;
	for (uint32_t i = 0; i < 3; i++)
		record.stacks[0].frames[i] = (struct report_frame){ .pc = i, .module = i == 1 ? 0 : REPORT_NO_MODULE };
}

static bool matches(const char *text, const char *class)
{
	struct suppressions *s = suppressions_create();
	bool found;

	make_record(class);
	told[0] = 0;
	suppressions_add(s, text, tell, NULL);
	found = suppressions_match(s, &record, &symbols);
	suppressions_summary(s, tell, NULL);
	suppressions_destroy(s);
	return found;
}

static void test_plain(void **state)
{
	static const struct {
		const char *text;
		bool found;
	} cases[] = {
		{ "leak:inner", true },
		{ "leak:lib_", true },
		{ "leak:libmake.so", true },
		{ "leak:lib/make.c", true },
		{ "leak:^inner$", true },
		{ "leak:^nner", false },
		{ "leak:inne$", false },
		{ "leak:in*er", true },
		{ "leak:i*x", false },
		{ "leak:*", true },
		{ "leak:nothing", false },
		{ "# leak:inner", false },
		{ "", false },
		{ "  leak:main  \n", true },
		{ "leak:^lib*make$", true },
		{ "leak:^lib*mak$", false },
		{ "leak:m*n$", true },
		{ "only:main", false },
		{ "only:elsewhere", true },
		{ "only:elsewhere\nonly:inner", false },
		{ "only:main\nleak:inner", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (matches(cases[i].text, "direct") != cases[i].found)
			fail_msg("%s: expected %d", cases[i].text, cases[i].found);
}

static void test_blocks(void **state)
{
	static const struct {
		const char *text;
		bool found;
	} cases[] = {
		{ "{\nn\nMemcheck:Leak\nfun:inner\nfun:lib_make\n}", true },
		{ "{\nn\nMemcheck:Leak\nfun:malloc\nfun:inner\n}", true },
		{ "{\nn\nMemcheck:Leak\nfun:inner\nfun:main\n}", false },
		{ "{\nn\nMemcheck:Leak\nfun:inner\n...\nfun:main\n}", true },
		{ "{\nn\nMemcheck:Leak\n...\nfun:main\n}", true },
		{ "{\nn\nMemcheck:Leak\n...\nfun:main\nfun:more\n}", false },
		{ "{\nn\nMemcheck:Leak\nfun:inn?r\nobj:*libmake*\n}", true },
		{ "{\nn\nMemcheck:Leak\nfun:inner\nsrc:make.c:11\n}", true },
		{ "{\nn\nMemcheck:Leak\nfun:inner\nsrc:make.c:12\n}", false },
		{ "{\nn\nMemcheck:Leak\nfun:inner\nsrc:make.c\n}", true },
		{ "{\nn\nMemcheck:Leak\nmatch-leak-kinds: definite,possible\nfun:inner\n}", true },
		{ "{\nn\nMemcheck:Leak\nmatch-leak-kinds: reachable\nfun:inner\n}", false },
		{ "{\nn\nMemcheck:Addr8\nfun:inner\n}", false },
		{ "{\nn\nMemcheck:Addr8\nfun:x\n}\nleak:inner", true },
		{ "{\nn\nMemcheck:Leak\n}", false },
		{ "{\nn\nMemcheck:Leak\nfun:malloc\n}", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (matches(cases[i].text, "direct") != cases[i].found)
			fail_msg("%s: expected %d", cases[i].text, cases[i].found);
}

static void test_counts(void **state)
{
	struct suppressions *s = suppressions_create();

	(void)state;
	told[0] = 0;
	suppressions_add(s, "leak:inner\nleak:unused\nnonsense\n{\nname\nMemcheck:Leak\nbad line\nfun:x\n", tell, NULL);
	make_record("direct");
	assert_true(suppressions_match(s, &record, &symbols));
	assert_true(suppressions_match(s, &record, &symbols));
	suppressions_summary(s, tell, NULL);
	assert_non_null(strstr(told, "line 3: 'nonsense'"));
	assert_non_null(strstr(told, "line 7: 'bad line'"));
	assert_non_null(strstr(told, "line 4: the block does not end"));
	assert_non_null(strstr(told, "leak:inner: 2 places, 6 objects of 192 bytes"));
	assert_non_null(strstr(told, "leak:unused: not used"));
	suppressions_destroy(s);
}

/* Whatever the text is, nothing crashes. */
static void test_hostile(void **state)
{
	static const char *const parts[] = { "{",   "}",    "\n",   "leak:", "only:",         "fun:",
		                             "...", "*",    "$",    "^",     "Memcheck:Leak", "x",
		                             "\r",  "obj:", "src:", "#" };
	uint64_t seed = 5;
	char text[400];

	(void)state;
	for (int round = 0; round < 20000; round++) {
		text[0] = 0;
		for (uint64_t n = unit_below(&seed, 20); n; n--)
			strcat(text, parts[unit_below(&seed, sizeof(parts) / sizeof(parts[0]))]);
		matches(text, "direct");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
