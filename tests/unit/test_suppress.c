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

/* A report with one stack. */
static bool frames_match(struct suppressions *s, const char *class, uint64_t objects, uint64_t bytes,
                         const struct suppress_frame *frames, size_t n)
{
	const struct suppress_report r = { .kind = class ? "unreferenced-object" : "double-free",
		                           .class = class ? "leak" : "double-free",
		                           .leak = class,
		                           .objects = objects,
		                           .bytes = bytes,
		                           .frames = frames,
		                           .nr_stacks = 1,
		                           .ends = { n } };

	return suppressions_match_report(s, &r);
}

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
	record.kind = REPORT_UNREFERENCED;
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

/* Code that lies in no module, or no longer. */
static void test_unknown_module(void **state)
{
	static const struct suppress_frame jit = { "", "", "", 0, false }, gone = { "make", "", "/lib/x.so", 0, true },
					   kernel = { "vmalloc", "", "", 0, false },
					   loaded = { "", "", "/lib/x.so", 0, false };
	struct suppressions *s = suppressions_create();

	(void)state;
	suppressions_add(s, "leak:^<unknown module>$", tell, NULL);
	assert_true(frames_match(s, "direct", 1, 1, &jit, 1));
	assert_true(frames_match(s, "direct", 1, 1, &gone, 1));
	assert_false(frames_match(s, "direct", 1, 1, &kernel, 1));
	assert_false(frames_match(s, "direct", 1, 1, &loaded, 1));
	suppressions_destroy(s);
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
		{ "{\nn\nMemcheck:Leak\nfun:lib_make\n}", false },
		{ "{\nn\nMemcheck:Leak\nfun:lib_make\nfun:main\n}", false },
		{ "{\nn\nMemcheck:Leak\nmatch-leak-kinds: possible\nfun:inner\n}", false },
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

static bool matches_report(const char *text, const char *class)
{
	static const struct suppress_frame frames[] = { { "inner", "/src/a.c", "", 3, false },
		                                        { "main", "/src/a.c", "", 9, false } };
	struct suppressions *s = suppressions_create();
	bool found;

	told[0] = 0;
	suppressions_add(s, text, tell, NULL);
	found = frames_match(s, class, 1, 8, frames, 2);
	suppressions_destroy(s);
	return found;
}

/* Rules for leaks are for leaks alone, and rules for reports are for all. */
static void test_reports_that_are_no_leaks(void **state)
{
	(void)state;
	assert_true(matches_report("leak:inner", "direct") && !matches_report("leak:inner", NULL));
	assert_true(matches_report("report:inner", "direct") && matches_report("report:inner", NULL));
	assert_false(matches_report("report:other", NULL));
	assert_true(matches_report("only:other", "direct") && !matches_report("only:other", NULL));
	assert_false(matches_report("only:inner", NULL) || matches_report("{\nn\nMemcheck:Leak\nfun:inner\n}", NULL));
	assert_true(matches_report("only:other\nreport:inner", NULL));
}

/* Kinds, classes, Valgrind's kinds, called functions, and how deep a pattern is looked for. */
static void test_kinds(void **state)
{
	static const struct suppress_frame frames[] = { { "drop", "/src/a.c", "/bin/prog", 3, false },
		                                        { "main", "/src/a.c", "/bin/prog", 9, false },
		                                        { "make", "/src/b.c", "/lib/x.so", 4, false },
		                                        { "main", "/src/a.c", "/bin/prog", 8, false } };
	static const struct {
		const char *kind, *class, *entry, *text;
		bool found;
	} cases[] = {
		{ "double-free", "double-free", "free", "double-free:drop", true },
		{ "double-free", "double-free", "free", "double_free:make", true },
		{ "double-free", "double-free", "free", "double-free@1:make", true },
		{ "double-free", "double-free", "free", "double-free@1:main", false },
		{ "double-free", "double-free", "free", "double-free@2:main", true },
		{ "double-free", "double-free", "free", "double-free@0:drop", false },
		{ "double-free", "double-free", "free", "double-free@:drop", false },
		{ "double-free", "double-free", "free", "double-free@1x:drop", false },
		{ "double-free", "double-free", "free", "invalid-free:drop", false },
		{ "double-free", "double-free", "free", "interceptor_name:free", false },
		{ "double-free", "double-free", "free", "{\nn\nMemcheck:Free\nfun:free\nfun:drop\n}", true },
		{ "double-free", "double-free", "free", "{\nn\nMemcheck:Free\nfun:malloc\nfun:drop\n}", false },
		{ "double-free", "double-free", "free", "{\nn\nMemcheck:Free\nfun:drop\nfun:make\n}", false },
		{ "double-free", "double-free", "free", "{\nn\nMemcheck:Free\nfun:make\nfun:main\n}", true },
		{ "double-free", "double-free", "free", "{\nn\nMemcheck:Addr4\nfun:drop\n}", false },
		{ "double-free", "double-free", "free", "{\nn\nMemsan:double-free\nfun:drop\n}", true },
		{ "double-free", "double-free", "free", "{\nn\nMemsan:double-fre\nfun:drop\n}", false },
		{ "double-free", "double-free", "free", "{\nn\nMemcheck:Leak\nfun:drop\n}", false },
		{ "slab-out-of-bounds", "out-of-bounds", "strcpy", "interceptor_name:^strcpy$", true },
		{ "slab-out-of-bounds", "out-of-bounds", "strcpy", "interceptor_name:drop", false },
		{ "slab-out-of-bounds", "out-of-bounds", "strcpy", "interceptor_via_lib:drop", false },
		{ "slab-out-of-bounds", "out-of-bounds", "strcpy", "interceptor_via_lib:x.so", true },
		{ "slab-out-of-bounds", "out-of-bounds", NULL, "interceptor_via_fun:drop", false },
		{ "slab-out-of-bounds", "out-of-bounds", "strcpy", "{\nn\nMemcheck:Addr1\nfun:str*\nfun:drop\n}",
		  true },
		{ "slab-out-of-bounds", "out-of-bounds", NULL, "out-of-bounds:drop", true },
		{ "slab-out-of-bounds", "out-of-bounds", NULL, "out-of-boundz:drop", false },
		{ "param-overlap", "bad-parameter", "memcpy", "{\nn\nMemcheck:Overlap\nfun:memcpy*\nfun:drop\n}",
		  true },
		{ "bad-jump", "bad-jump", NULL, "{\nn\nMemcheck:Jump\nfun:drop\n}", true },
		{ "objects-remaining", "leak", "memsan_cache_destroy", "leak:make", true },
		{ "objects-remaining", "leak", "memsan_cache_destroy", "only:nobody", false },
		{ "invalid-read", NULL, NULL, "report:drop", true },
		{ "invalid-read", NULL, NULL, "invalid-read:drop", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct suppressions *s = suppressions_create();
		const struct suppress_report r = { .kind = cases[i].kind,
			                           .class = cases[i].class,
			                           .entry = cases[i].entry,
			                           .frames = frames,
			                           .nr_stacks = 2,
			                           .ends = { 2, 4 } };

		suppressions_add(s, cases[i].text, tell, NULL);
		if (suppressions_match_report(s, &r) != cases[i].found)
			fail_msg("%s, %s: expected %d", cases[i].kind, cases[i].text, cases[i].found);
		suppressions_destroy(s);
	}
}

/* Rules for the reports of any tool. */
static void test_any_kind(void **state)
{
	static const struct suppress_frame frame = { "drop", "/src/a.c", "/bin/prog", 3, false };
	const struct suppress_report r = { .kind = "invalid-read", .frames = &frame, .nr_stacks = 1, .ends = { 1 } },
				     bare = { .kind = "invalid-read" };
	struct suppressions *s = suppressions_create();

	(void)state;
	suppressions_any_kind(s);
	suppressions_add(s, "invalid_read:drop", tell, NULL);
	assert_true(suppressions_match_report(s, &r));
	assert_false(suppressions_match_report(s, &bare));
	suppressions_add(s, "invalid-read:*", tell, NULL);
	assert_true(suppressions_match_report(s, &bare));
	suppressions_destroy(s);
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
	s = suppressions_create();
	suppressions_add(s, "leak:inner", tell, NULL);
	record.leak_count = 1;
	assert_true(suppressions_match(s, &record, &symbols));
	suppressions_summary(s, tell, NULL);
	assert_non_null(strstr(told, "leak:inner: 1 place, 1 object of"));
	suppressions_destroy(s);
}

/* ---- any text, against a simple model -------------------------------------------------------- */

/* The model tries every way; frames and rules are few. */
static bool model_glob(const char *pattern, const char *text)
{
	if (!*pattern)
		return !*text;
	if (*pattern == '*')
		return model_glob(pattern + 1, text) || (*text && model_glob(pattern, text + 1));
	return *text && (*pattern == '?' || *pattern == *text) && model_glob(pattern + 1, text + 1);
}

static bool model_begins(const char *pattern, const char *text)
{
	if (!*pattern)
		return true;
	if (*pattern == '*')
		return model_begins(pattern + 1, text) || (*text && model_begins(pattern, text + 1));
	if (strcmp(pattern, "$") == 0)
		return !*text;
	return *pattern == *text && model_begins(pattern + 1, text + 1);
}

static bool model_holds(const char *pattern, const char *text)
{
	if (*pattern == '^')
		return model_begins(pattern + 1, text);
	for (; *text; text++)
		if (model_begins(pattern, text))
			return true;
	return model_begins(pattern, text);
}

static const char *const frame_files[] = { "/src/main.c", "/src/lib/make.c", "/src/main.c" };
static const char *const frame_modules[] = { "", "/usr/lib/libmake.so.1", "" };

static bool model_plain(const char *pattern)
{
	for (int i = 0; i < 3; i++)
		if (model_holds(pattern, names[i]) || model_holds(pattern, frame_files[i]) ||
		    model_holds(pattern, frame_modules[i]))
			return true;
	return false;
}

static bool model_line(const char *line, int frame_number)
{
	const char *file = strrchr(frame_files[frame_number], '/') + 1;
	char place[100];

	snprintf(place, sizeof(place), "%s:%d", file, 10 + frame_number);
	if (strncmp(line, "fun:", 4) == 0)
		return model_glob(line + 4, names[frame_number]);
	if (strncmp(line, "obj:", 4) == 0)
		return model_glob(line + 4, frame_modules[frame_number]);
	return model_glob(line + 4, strchr(line + 4, ':') ? place : file);
}

static bool model_lines(char **lines, int nr, int frame_number)
{
	if (nr == 0)
		return true;
	if (strcmp(*lines, "...") == 0)
		return model_lines(lines + 1, nr - 1, frame_number) ||
		       (frame_number < 3 && model_lines(lines, nr, frame_number + 1));
	return frame_number < 3 && model_line(*lines, frame_number) && model_lines(lines + 1, nr - 1, frame_number + 1);
}

/* Valgrind's stacks begin with the allocation function, memsan's with its caller. */
static bool model_block(char **lines, int nr)
{
	static const char *const functions[] = { "malloc",        "calloc", "realloc", "memalign", "posix_memalign",
		                                 "aligned_alloc", "valloc", "_Znwm",   "_Znam" };
	bool allocator = false;

	for (size_t i = 0; nr && i < sizeof(functions) / sizeof(functions[0]); i++)
		allocator |= strncmp(lines[0], "fun:", 4) == 0 && model_glob(lines[0] + 4, functions[i]);
	return nr && (model_lines(lines, nr, 0) || (allocator && nr > 1 && model_lines(lines + 1, nr - 1, 0)));
}

/* Without blanks around it; at the end of the text NULL. */
static char *model_next(char **text)
{
	char *line = *text, *end;

	if (!*line)
		return NULL;
	end = strchr(line, '\n');
	*text = end ? end + 1 : line + strlen(line);
	if (end)
		*end = 0;
	line += strspn(line, " \t\r");
	for (end = line + strlen(line); end > line && strchr(" \t\r", end[-1]); end--)
		end[-1] = 0;
	return line;
}

static bool model_matches(const char *original)
{
	char copy[600], *text = copy, *line, *kind, *lines[200];
	bool suppressed = false, only = false, wanted = false;

	strcpy(copy, original);
	while ((line = model_next(&text)) != NULL) {
		int nr = 0;

		if (strncmp(line, "leak:", 5) == 0 && line[5])
			suppressed |= model_plain(line + 5);
		if (strncmp(line, "only:", 5) == 0 && line[5]) {
			only = true;
			wanted |= model_plain(line + 5);
		}
		if (strcmp(line, "{") != 0)
			continue;
		line = model_next(&text);
		kind = line && strcmp(line, "}") != 0 ? model_next(&text) : NULL;
		if (!kind || strcmp(kind, "}") == 0)
			continue;
		while ((line = model_next(&text)) != NULL && strcmp(line, "}") != 0)
			if (strncmp(line, "fun:", 4) == 0 || strncmp(line, "obj:", 4) == 0 ||
			    strncmp(line, "src:", 4) == 0 || strcmp(line, "...") == 0)
				lines[nr++] = line;
		if (strcmp(kind, "Memcheck:Leak") == 0)
			suppressed |= model_block(lines, nr);
	}
	return suppressed || (only && !wanted);
}

/* Whatever the text is, the answer is the model's: for parts in any order, and for blocks that are nearly whole. */
static void test_hostile(void **state)
{
	static const char *const parts[] = { "{",    "}",      "\n",    "leak:",         "only:", "fun:",   "...",
		                             "*",    "$",      "^",     "Memcheck:Leak", "x",     "\r",     "obj:",
		                             "src:", "#",      "inner", "lib_make",      "main",  "make.c", "*make*",
		                             "\n",   "\nfun:", " ",     "malloc",        "?",     ":11",    "\n...\n" };
	uint64_t seed = 5;
	unsigned found = 0;
	char text[600];

	(void)state;
	for (int round = 0; round < 60000; round++) {
		bool block = unit_below(&seed, 3) == 0, matched;

		strcpy(text, block ? "{\nname\nMemcheck:Leak\nfun:" : unit_below(&seed, 2) ? "leak:" : "");
		for (uint64_t n = unit_below(&seed, 12); n; n--)
			strcat(text, parts[unit_below(&seed, sizeof(parts) / sizeof(parts[0]))]);
		matched = matches(text, "direct");
		if (matched != model_matches(text))
			fail_msg("%s: expected %d", text, !matched);
		found += matched;
	}
	assert_true(found > 2000 && found < 40000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),  cmocka_unit_test(test_unknown_module),
		cmocka_unit_test(test_blocks), cmocka_unit_test(test_reports_that_are_no_leaks),
		cmocka_unit_test(test_kinds),  cmocka_unit_test(test_any_kind),
		cmocka_unit_test(test_counts), cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
