/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_report_render.c - the layout of reports made of invented records: the text is compared with golden
 * text, a strict reader checks the JSON. */
#include "config.h"

#include <string.h>

#include "reports/reports.h"
#include "tests/unit/unit.h"

static struct report_record record;
static char text[REPORT_TEXT_MAX];

/* ---- a strict reader of JSON ----------------------------------------------------------------- */

static const char *json_value(const char *p);

static const char *skip_json_string(const char *p)
{
	if (*p++ != '"')
		return NULL;
	while (*p != '"') {
		if ((unsigned char)*p < 0x20)
			return NULL;
		if (*p++ != '\\')
			continue;
		if (*p == 'u') {
			for (int i = 1; i <= 4; i++)
				if (!p[i] || !strchr("0123456789abcdefABCDEF", p[i]))
					return NULL;
			p += 5;
		} else if (*p && strchr("\"\\/bfnrt", *p)) {
			p++;
		} else {
			return NULL;
		}
	}
	return p + 1;
}

static const char *json_list(const char *p, char close, bool keys)
{
	if (*++p == close)
		return p + 1;
	for (;;) {
		if (keys && (!(p = skip_json_string(p)) || *p++ != ':'))
			return NULL;
		if (!(p = json_value(p)))
			return NULL;
		if (*p == close)
			return p + 1;
		if (*p++ != ',')
			return NULL;
	}
}

static const char *json_value(const char *p)
{
	static const char *const words[] = { "null", "true", "false" };

	if (*p == '{')
		return json_list(p, '}', true);
	if (*p == '[')
		return json_list(p, ']', false);
	if (*p == '"')
		return skip_json_string(p);
	for (size_t i = 0; i < 3; i++)
		if (strncmp(p, words[i], strlen(words[i])) == 0)
			return p + strlen(words[i]);
	if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
		return NULL;
	while (*p >= '0' && *p <= '9')
		p++;
	return p;
}

/* Is s valid UTF-8?  Written after the definition, to check the runtime's own code. */
static bool utf8_valid(const unsigned char *s)
{
	while (*s) {
		int n = *s < 0x80 ? 0 : *s >> 5 == 6 ? 1 : *s >> 4 == 14 ? 2 : *s >> 3 == 30 ? 3 : -1;
		unsigned long code = n <= 0 ? *s : *s & (0x3fu >> n);
		if (n < 0)
			return false;
		for (s++; n > 0; n--, s++) {
			if (*s >> 6 != 2)
				return false;
			code = code << 6 | (*s & 0x3f);
			if (n == 1 && (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)))
				return false;
		}
	}
	return true;
}

static void assert_json_line(const char *line, size_t len)
{
	const char *end = json_value(line);

	assert_int_equal(len, strlen(line));
	assert_non_null(end);
	assert_string_equal(end, "\n");
	assert_true(utf8_valid((const unsigned char *)line));
}

/* ---- an invented record ---------------------------------------------------------------------- */

static uint32_t add_string(struct report_record *r, const char *s)
{
	uint32_t at = r->strings_len;

	strcpy(r->strings + at, s);
	r->strings_len += (uint32_t)strlen(s) + 1;
	return at;
}

static struct report_stack *add_stack(struct report_record *r, enum report_role role, const char *thread, uint32_t tid)
{
	struct report_stack *s = &r->stacks[r->nr_stacks++];

	s->role = role;
	s->tid = tid;
	strcpy(s->thread_name, thread);
	return s;
}

static void add_frame(struct report_stack *s, uint64_t pc, uint16_t module)
{
	s->frames[s->nr_frames++] = (struct report_frame){ .pc = pc, .module = module };
}

static void fill_record(void)
{
	struct report_record *r = &record;
	struct report_stack *s;

	memset(r, 0, sizeof(*r));
	r->magic = REPORT_MAGIC;
	r->version = REPORT_VERSION;
	r->size = sizeof(*r);
	r->strings_len = 1;
	r->sequence = 1;
	r->kind = REPORT_DOUBLE_FREE;
	r->component = add_string(r, "slab");
	r->entry = add_string(r, "free");
	r->pid = 4242;
	r->tid = 4244;
	r->comm = add_string(r, "worker");
	r->exe = add_string(r, "/usr/bin/prog");
	r->time_ms = 1500;
	r->addr = 0x7f0000001000;
	r->access = ACCESS_FREE;
	r->have_object = 1;
	r->obj_addr = 0x7f0000001000;
	r->obj_size = 60;
	r->obj_cache = add_string(r, "malloc-64");
	r->obj_cache_size = 64;
	r->obj_state = 1;
	r->obj_api = add_string(r, "malloc");
	r->slot_addr = 0x7f0000000fc0;
	r->slot_size = 192;
	r->nr_modules = 2;
	r->modules[0] = (struct report_module){ .start = 0x555500000000,
		                                .end = 0x555500010000,
		                                .bias = 0x555500000000,
		                                .path = add_string(r, "/usr/bin/prog"),
		                                .build_id_len = 3,
		                                .build_id = { 0x01, 0xab, 0xff } };
	r->modules[1] = (struct report_module){ .start = 0x7e0000000000,
		                                .end = 0x7e0000010000,
		                                .bias = 0x7e0000000000,
		                                .path = add_string(r, "/opt/plugin.so"),
		                                .unloaded = 1 };
	s = add_stack(r, STACK_ACCESS, "worker", 4244);
	add_frame(s, 0x55550000102e, 0);
	add_frame(s, 0x7e0000000129, 1);
	s = add_stack(r, STACK_ALLOC, "main", 4242);
	s->age_ms = 1234;
	add_frame(s, 0x555500001100, 0);
	s = add_stack(r, STACK_FREE, "", 0);
	s->age_ms = REPORT_AGE_UNKNOWN;
	add_frame(s, 0x11223344, REPORT_NO_MODULE);
	r->memory_addr = 0x7f0000000ff0;
	r->memory_mark = 0x7f0000001002;
	r->memory_len = 32;
	for (int i = 0; i < 32; i++)
		r->memory[i] = i < 16 ? 0xcc : i == 18 ? 'A' : 0x6b;
	memset(r->memory_valid, 0xff, 4);
	r->memory_valid[3] = 0x7f;
}

static const struct report_symbol *no_symbols(void *ctx, const struct report_record *r, const struct report_frame *f,
                                              size_t *nr)
{
	(void)ctx, (void)r, (void)f;
	*nr = 0;
	return NULL;
}

static const struct report_symbol *two_symbols(void *ctx, const struct report_record *r, const struct report_frame *f,
                                               size_t *nr)
{
	static const struct report_symbol inner_outer[] = {
		{ .function = "list_drop", .file = "/src/list.h", .line = 12, .column = 3, .inlined = true },
		{ .function = "cleanup", .offset = 0x2e, .size = 0x60, .file = "/src/prog.c", .line = 41 },
	};

	(void)ctx, (void)r;
	*nr = f->module == 0 ? 2 : 0;
	return inner_outer;
}

static const char *one_note(void *ctx, const struct report_record *r, unsigned module)
{
	(void)ctx, (void)r;
	return module == 1 ? "the file cannot be opened" : NULL;
}

static const struct report_symbols plain = { .frame = no_symbols };
static const struct report_symbols symbolized = { .frame = two_symbols, .note = one_note };

/* ---- golden text ----------------------------------------------------------------------------- */

static void text_symbolized(void **state)
{
	static const char golden[] =
		"==================================================================\n"
		"BUG: MEMSAN: double-free in list_drop [prog] at list.h:12\n"
		"Free of addr 0x7f0000001000 by thread worker/4244\n"
		"Meaning: memory that was already freed is freed again\n"
		"\n"
		"PID: 4242 TID: 4244 Comm: worker memsan " PACKAGE_VERSION " Exe: /usr/bin/prog In: free\n"
		"Call Trace:\n"
		" list_drop at /src/list.h:12:3 (inlined)\n"
		" cleanup+0x2e/0x60 [prog] at /src/prog.c:41\n"
		" plugin.so+0x129 (unloaded)\n"
		"\n"
		"Allocated by thread main/4242 (1.23 s ago):\n"
		" list_drop at /src/list.h:12:3 (inlined)\n"
		" cleanup+0x2e/0x60 [prog] at /src/prog.c:41\n"
		"\n"
		"Freed by an unknown thread:\n"
		" 0x11223344\n"
		"\n"
		"The buggy address belongs to the object at 0x7f0000001000\n"
		" which belongs to the cache malloc-64 of size 64\n"
		" and was allocated by malloc\n"
		"The buggy address is located 0 bytes inside of\n"
		" freed 60-byte region [0x7f0000001000, 0x7f000000103c)\n"
		"\n"
		"Memory around the buggy address (bytes):\n"
		" 0x7f0000000ff0: cc cc cc cc cc cc cc cc cc cc cc cc cc cc cc cc  ................\n"
		">0x7f0000001000: 6b 6b 41 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b 6b ??  kkAkkkkkkkkkkkk.\n"
		"                       ^\n"
		"\n"
		"Modules linked in:\n"
		" plugin.so 0x7e0000000000-0x7e0000010000 /opt/plugin.so (the file cannot be opened)\n"
		"\n"
		"SUMMARY: MEMSAN: double-free /src/list.h:12:3 in list_drop\n"
		"==================================================================\n";
	size_t len;

	(void)state;
	fill_record();
	len = report_render_text(&record, &symbolized, text, sizeof(text));
	assert_string_equal(text, golden);
	assert_int_equal(len, strlen(golden));
}

static void text_plain_has_what_decode_needs(void **state)
{
	(void)state;
	fill_record();
	report_render_text(&record, &plain, text, sizeof(text));
	assert_non_null(strstr(text, "BUG: MEMSAN: double-free in prog+0x102e\n"));
	assert_non_null(strstr(text, "\nSUMMARY: MEMSAN: double-free (prog+0x102e)\n====="));
	assert_non_null(strstr(text, "\n prog+0x102e (BuildId 01abff)\n plugin.so+0x129 (unloaded)\n"));
	assert_non_null(strstr(text, "\n prog 0x555500000000-0x555500010000 /usr/bin/prog (BuildId 01abff)\n"));
}

static void text_found_afterwards(void **state)
{
	(void)state;
	fill_record();
	record.kind = REPORT_RIGHT_REDZONE;
	record.found_at = add_string(&record, "on free");
	record.access = ACCESS_WRITE;
	record.access_size = 2;
	record.addr = record.obj_addr + 60;
	record.expected = 0xcc;
	record.found = 0x41;
	record.obj_state = 0;
	record.stacks[0].role = STACK_NOTICED;
	report_render_text(&record, &symbolized, text, sizeof(text));
	assert_non_null(strstr(text, "\nWrite of size 2 at addr 0x7f000000103c found on free by thread worker/4244\n"));
	assert_non_null(strstr(text, "\nFirst byte 0x41 instead of 0xcc\n"));
	assert_non_null(strstr(text, "located 0 bytes to the right of\n allocated 60-byte region ["));
}

/* What was found afterwards ends with the next step. */
static void text_next_step(void **state)
{
	(void)state;
	fill_record();
	record.found_at = add_string(&record, "at exit");
	record.next = add_string(&record, "look closer");
	record.next_ways = add_string(&record, "run it\nmake it\n");
	record.next_commands = add_string(&record, "memsan run -- a\nmake \177[2J\n");
	record.legend = add_string(&record, "cc: red zone");
	report_render_text(&record, &symbolized, text, sizeof(text));
	assert_non_null(strstr(text, "\nThe call trace shows where the damage was found; it was done earlier.\n"));
	assert_non_null(strstr(text, "(bytes; cc: red zone):\n"));
	assert_non_null(strstr(
		text, "\n\nNext: look closer, run it, or make it:\n memsan run -- a\n make \\x7f[2J\n\nSUMMARY: "));
	assert_non_null(strstr(text, "in list_drop\n====="));
	report_render_json(&record, &symbolized, text, sizeof(text));
	assert_non_null(strstr(text, "\"next\":{\"text\":\"look closer, run it, or make it\","
	                             "\"commands\":[\"memsan run -- a\",\"make "));
	assert_non_null(strstr(text, "\"legend\":\"cc: red zone\""));
	record.stacks[0].role = STACK_FRAME;
	record.memory_scale = 8;
	report_render_text(&record, &symbolized, text, sizeof(text));
	assert_null(strstr(text, "The call trace shows"));
	assert_non_null(strstr(text, "\nThe damage was done earlier, at a place that is not known.\n"));
	assert_non_null(strstr(text, "\nShadow bytes: cc: red zone\n"));
}

static void short_names(void **state)
{
	static const char *const names[][2] = {
		{ "main", "main" },
		{ "foo(int, char const*)", "foo(int, char const*)" },
		{ "std::vector<int, std::allocator<int> >::operator[](unsigned long)",
		  "std::vector<int>::operator[](unsigned long)" },
		{ "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::append(char "
		  "const*)",
		  "std::string::append(char const*)" },
		{ "std::map<std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >, "
		  "std::vector<int, std::allocator<int> >, std::less<std::__cxx11::basic_string<char, "
		  "std::char_traits<char>, std::allocator<char> > >, std::allocator<std::pair<int, long> > >::clear()",
		  "std::map<std::string, std::vector<int> >::clear()" },
		{ "(anonymous namespace)::f(int)", "(anonymous namespace)::f(int)" },
		{ "a::operator<<(std::basic_ostream<char, std::char_traits<char> >&, a::b<c> const&)",
		  "a::operator<<(std::ostream&, a::b<c> const&)" },
		{ "void a_function_with_a_long_name<a_type_with_a_long_name<inner_type_of_it> >::"
		  "operator()(a_type_with_a_long_name<inner_type_of_it>) const",
		  "void a_function_with_a_long_name<...>::operator()(a_type_with_a_long_name<...>) const" },
		{ "void a_function_with_a_long_name<a_type>(b<int>, a_type_with_a_name_that_is_so_long_that_no_line_"
		  "could_hold_it_with_all_the_rest_of_the_words)",
		  "a_function_with_a_long_name<...>(...)" },
		{ "<alloc::vec::Vec<T> as core::ops::drop::Drop>::drop",
		  "<alloc::vec::Vec<T> as core::ops::drop::Drop>::drop" },
		{ "std::unique_ptr<A, std::default_delete<A> >::~unique_ptr()", "std::unique_ptr<A>::~unique_ptr()" },
		{ "f<(x)>(y<", "f<(x)>(y<" },
		{ ", std::allocator<", "" },
	};
	char again[200];
	struct fmt_buf b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		fmt_init(&b, text, sizeof(text));
		report_put_short_name(&b, names[i][0]);
		assert_string_equal(text, names[i][1]);
		fmt_init(&b, again, sizeof(again));
		report_put_short_name(&b, text);
		assert_string_equal(again, text);
	}
}

static void text_left_of_the_object(void **state)
{
	(void)state;
	fill_record();
	record.addr = record.obj_addr - 5;
	report_render_text(&record, &plain, text, sizeof(text));
	assert_non_null(strstr(text, "located 5 bytes to the left of\n freed 60-byte region ["));
	record.have_object = 0;
	report_render_text(&record, &plain, text, sizeof(text));
	assert_non_null(strstr(text, "\nThe buggy address belongs to no object that memsan knows\n"));
}

static void text_cannot_be_steered(void **state)
{
	(void)state;
	fill_record();
	record.comm = add_string(&record, "a\033[2J\nBUG: x");
	strcpy(record.stacks[1].thread_name, "b\r\n\t");
	report_render_text(&record, &plain, text, sizeof(text));
	assert_non_null(strstr(text, "by thread a\\x1b[2J\\x0aBUG: x/4244\n"));
	assert_non_null(strstr(text, "by thread b\\x0d\\x0a\\x09/4242 "));
	assert_null(strchr(text, '\033'));
	record.comm = add_string(&record,
	                         "\302\233m \342\200\256 \342\201\246 \342\200\250 \330\234 \233 \177 F\303\244den");
	report_render_text(&record, &plain, text, sizeof(text));
	assert_non_null(strstr(
		text, "by thread \\u{9b}m \\u{202e} \\u{2066} \\u{2028} \\u{61c} \\x9b \\x7f F\303\244den/4244\n"));
	report_render_json(&record, &plain, text, sizeof(text));
	assert_non_null(strstr(text, "\"\\u009bm \\u202e \\u2066 \\u2028 \\u061c \\ufffd \\u007f F\303\244den\""));
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_says_it_all(void **state)
{
	static const char *const parts[] = {
		"{\"schema\":\"memsan-report/1\",\"sequence\":1,\"kind\":\"double-free\",\"class\":\"double-free\","
		"\"detector\":\"memsan\",\"component\":\"slab\",\"title\":\"double-free in list_drop [prog] at "
		"list.h:12\"",
		"\"process\":{\"pid\":4242,\"tid\":4244,\"comm\":\"worker\",\"exe\":"
		"\"/usr/bin/prog\"},\"time_ms\":1500",
		"\"access\":{\"type\":\"free\",\"addr\":\"0x7f0000001000\",\"size\":0,\"bad\":null,\"found_at\":null,"
		"\"entry\":\"free\"",
		"\"stacks\":[{\"role\":\"access\",\"thread\":\"worker\",\"tid\":4244,\"age_ms\":0,\"frames\":["
		"{\"pc\":\"0x55550000102e\",\"module\":\"/usr/bin/"
		"prog\",\"offset\":\"0x102e\",\"build_id\":\"01abff\",\"unloaded\":false,"
		"\"function\":\"list_drop\",\"function_offset\":null,\"function_size\":null,\"file\":"
		"\"/src/list.h\",\"line\":12,\"column\":3,\"inlined\":true,\"exact\":false},{",
		"\"function\":\"cleanup\",\"function_offset\":46,\"function_size\":96,\"file\":"
		"\"/src/prog.c\",\"line\":41,\"column\":null,\"inlined\":false",
		"{\"role\":\"free\",\"thread\":null,\"tid\":null,\"age_ms\":null,\"frames\":[{\"pc\":\"0x11223344\","
		"\"module\":null,\"offset\":null,\"build_id\":null",
		"\"object\":{\"addr\":\"0x7f0000001000\",\"size\":60,\"cache\":\"malloc-64\",\"cache_size\":64,"
		"\"state\":\"freed\"",
		"\"relation\":\"inside of\",\"distance\":0}",
		"\"mark\":\"0x7f0000001002\",\"scale\":1,\"bytes\":"
		"\"cccccccccccccccccccccccccccccccc6b6b416b6b6b6b6b6b6b6b6b6b6b6b??\",\"legend\":null}",
		"\"next\":null,",
		"\"notes\":[{\"module\":\"/opt/plugin.so\",\"note\":\"the file cannot be opened\"}]}\n",
	};
	size_t len;

	(void)state;
	fill_record();
	len = report_render_json(&record, &symbolized, text, sizeof(text));
	assert_json_line(text, len);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (!strstr(text, parts[i]))
			fail_msg("not in the JSON: %s\nthe JSON: %s", parts[i], text);
}

static void json_strings(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "plain", "\"plain\"" },
		{ "a\"b\\c/", "\"a\\\"b\\\\c/\"" },
		{ "\x01\n\x7f", "\"\\u0001\\u000a\\u007f\"" },
		{ "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"" },
		{ "\xff", "\"\\ufffd\"" },
		{ "a\xff\xc3\xa9\n\xc3", "\"a\\ufffd\xc3\xa9\\u000a\\ufffd\"" },
		{ "\xc0\xaf", "\"\\ufffd\\ufffd\"" },                       /* overlong */
		{ "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" },            /* surrogate */
		{ "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" }, /* past U+10FFFF */
		{ "\xe2\x82", "\"\\ufffd\\ufffd\"" },                       /* cut */
	};
	char buf[256];
	struct fmt_buf b;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fmt_init(&b, buf, sizeof(buf));
		fmt_json_string(&b, cases[i].in, 100);
		assert_string_equal(buf, cases[i].out);
	}
	fmt_init(&b, buf, sizeof(buf));
	fmt_json_string(&b, "abcdef", 3);
	assert_string_equal(buf, "\"abc\"");
}

/* ---- too long and hostile -------------------------------------------------------------------- */

static char long_name[3000];

static const struct report_symbol *long_symbols(void *ctx, const struct report_record *r, const struct report_frame *f,
                                                size_t *nr)
{
	static struct report_symbol s[64];

	(void)ctx, (void)r, (void)f;
	memset(long_name, '\x02', sizeof(long_name) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(s); i++)
		s[i] = (struct report_symbol){
			.function = long_name, .file = long_name, .line = 1, .inlined = i + 1 < ARRAY_SIZE(s)
		};
	*nr = ARRAY_SIZE(s);
	return s;
}

static void fill_deep(void)
{
	fill_record();
	for (uint32_t i = 0; i < record.nr_stacks; i++) {
		struct report_stack *s = &record.stacks[i];
		while (s->nr_frames < REPORT_FRAMES)
			add_frame(s, 0x555500000000 + s->nr_frames, 0);
	}
}

static void deep_stacks_give_way_to_the_rest(void **state)
{
	static const struct report_symbols endless = { .frame = long_symbols };
	const struct report_symbols *providers[] = { &plain, &symbolized, &endless };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(providers); i++) {
		size_t len;
		fill_deep();
		len = report_render_text(&record, providers[i], text, sizeof(text));
		assert_true(len < sizeof(text));
		assert_int_equal(len, strlen(text));
		assert_non_null(strstr(text, "The buggy address is located"));
		assert_non_null(strstr(text, "\nFreed by "));
		assert_string_equal(text + len - 4, "===\n");
		assert_true(i < 2 || strstr(text, "more frames left out: the report would be too long"));
		len = report_render_json(&record, providers[i], text, sizeof(text));
		assert_json_line(text, len);
		assert_non_null(strstr(text, "\"role\":\"free\""));
		assert_non_null(strstr(text, "\"memory\":{"));
	}
}

static uint64_t rng_state;

static uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state;
}

static size_t count_lines(const char *from, const char *to, const char *what)
{
	size_t n = 0;

	for (; (from = strstr(from, what)) != NULL && from < to; from++)
		n++;
	return n;
}

/* Each letter is a frame.  The text must count the cycles of every stack, and lose no other frame. */
static void cycles_of_calls_are_counted(void **state)
{
	static const struct {
		const char *frames;
		size_t lines;
		const char *says, *never;
	} stacks[] = {
		{ "abcdef", 6, NULL, "more)" },
		{ "aab", 3, NULL, "more)" },
		{ "aaab", 2, " (the same 2 times more)", "frames 2" },
		{ "xababab", 3, " (the same 2 frames 2 times more)", NULL },
		{ "xabababy", 4, " (the same 2 frames 2 times more)", NULL },
		{ "xabababay", 5, " (the same 2 frames 2 times more)", NULL },
		{ "abcabcabcabcz", 4, " (the same 3 frames 3 times more)", NULL },
		{ "abcabcabccccc", 4, " (the same 3 frames 2 times more)", NULL },
		{ "abab", 4, NULL, "more)" },
		{ "xaaaabababc", 8, " (the same 3 times more)", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++) {
		const char *from, *to;

		fill_record();
		record.stacks[0].nr_frames = 0;
		for (const char *f = stacks[i].frames; *f; f++)
			add_frame(&record.stacks[0], 0x555500000000 + (uint64_t)(*f - 'a') * 16, 0);
		report_render_text(&record, &plain, text, sizeof(text));
		from = strstr(text, "Call Trace:\n");
		assert_non_null(from);
		to = strstr(from, "\n\n");
		assert_non_null(to);
		if (stacks[i].says && (!strstr(from, stacks[i].says) || strstr(from, stacks[i].says) > to))
			fail_msg("%s: not \"%s\" in %s", stacks[i].frames, stacks[i].says, from);
		if (stacks[i].never && strstr(from, stacks[i].never) && strstr(from, stacks[i].never) < to)
			fail_msg("%s: \"%s\" in %s", stacks[i].frames, stacks[i].never, from);
		if (count_lines(from, to, "+0x") != stacks[i].lines)
			fail_msg("%s: %zu frames in %s", stacks[i].frames, count_lines(from, to, "+0x"), from);
	}
}

/* Whatever bytes a record has: report_record_valid refuses it, or it can be rendered. */
static void hostile_records(void **state)
{
	uint64_t accepted = 0;

	(void)state;
	rng_state = 0x5eed;
	print_message("seed 0x%llx\n", (unsigned long long)rng_state);
	for (int round = 0; round < 60; round++) {
		unsigned char *bytes = (unsigned char *)&record;
		size_t len;
		fill_deep();
		for (int i = 0; i < 400; i++)
			bytes[rng() % sizeof(record)] = (unsigned char)rng();
		if (round % 3) { /* repair the fields that would be refused, so that the others are tried */
			record.magic = REPORT_MAGIC, record.version = REPORT_VERSION, record.size = sizeof(record);
			record.nr_stacks %= REPORT_STACKS + 1, record.nr_modules %= REPORT_MODULES + 1;
			record.memory_len %= REPORT_MEMORY + 1, record.strings_len %= REPORT_STRINGS + 1;
			record.strings[0] = record.strings[REPORT_STRINGS - 1] = 0;
			for (int i = 0; i < REPORT_STACKS; i++) {
				record.stacks[i].nr_frames %= REPORT_FRAMES + 1;
				record.stacks[i].thread_name[THREAD_NAME_MAX - 1] = 0;
			}
			for (int i = 0; i < REPORT_MODULES; i++)
				record.modules[i].build_id_len %= BUILD_ID_MAX + 1;
		}
		if (!report_record_valid(&record, sizeof(record)))
			continue;
		accepted++;
		len = report_render_text(&record, round % 2 ? &plain : &symbolized, text, sizeof(text));
		assert_true(len < sizeof(text) && text[len] == 0);
		assert_string_equal(text + len - 4, record.leak_class ? text + len - 4 : "===\n");
		assert_int_equal(text[len - 1], '\n');
		len = report_render_json(&record, round % 2 ? &plain : &symbolized, text, sizeof(text));
		assert_json_line(text, len);
	}
	assert_true(accepted >= 40);
}

static void records_that_are_refused(void **state)
{
	(void)state;
	fill_record();
	assert_true(report_record_valid(&record, sizeof(record)));
	assert_false(report_record_valid(&record, sizeof(record) - 1));
#define REFUSED(change)                                                     \
	do {                                                                \
		fill_record();                                              \
		change;                                                     \
		assert_false(report_record_valid(&record, sizeof(record))); \
	} while (0)
	REFUSED(record.magic++);
	REFUSED(record.version++);
	REFUSED(record.nr_stacks = REPORT_STACKS + 1);
	REFUSED(record.nr_modules = REPORT_MODULES + 1);
	REFUSED(record.memory_len = REPORT_MEMORY + 1);
	REFUSED(record.stacks[0].nr_frames = REPORT_FRAMES + 1);
	REFUSED(record.strings[REPORT_STRINGS - 1] = 'x');
	REFUSED(record.modules[1].build_id_len = BUILD_ID_MAX + 1);
#undef REFUSED
}

static void kinds_have_names(void **state)
{
	(void)state;
	for (unsigned k = 0; k < REPORT_KIND_NR; k++) {
		assert_true(report_kind_name(k)[0] && report_kind_class(k)[0] && report_kind_text(k)[0]);
		for (unsigned j = 0; j < k; j++)
			assert_string_not_equal(report_kind_name(k), report_kind_name(j));
	}
	assert_string_equal(report_kind_name(REPORT_KIND_NR), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_symbolized),
		cmocka_unit_test(text_plain_has_what_decode_needs),
		cmocka_unit_test(text_found_afterwards),
		cmocka_unit_test(text_next_step),
		cmocka_unit_test(short_names),
		cmocka_unit_test(text_left_of_the_object),
		cmocka_unit_test(text_cannot_be_steered),
		cmocka_unit_test(json_says_it_all),
		cmocka_unit_test(json_strings),
		cmocka_unit_test(deep_stacks_give_way_to_the_rest),
		cmocka_unit_test(cycles_of_calls_are_counted),
		cmocka_unit_test(hostile_records),
		cmocka_unit_test(records_that_are_refused),
		cmocka_unit_test(kinds_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
