/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_decode.c - the log reader on pieces of any size and on damaged logs; prefixes; merging against a
 * simple model. */
#include "unit.h"

#include <stdlib.h>

#include "decode/decode_internal.h"

/* ---- logs ------------------------------------------------------------------------------------ */

struct text {
	char *data;
	size_t len;
};

static struct text read_log(const char *name)
{
	const char *top = getenv("srcdir");
	struct text t = { NULL, 0 };
	char path[4096];
	FILE *in;
	size_t room = 1u << 20;

	snprintf(path, sizeof(path), "%s/tests/logs/%s", top ? top : ".", name);
	in = fopen(path, "r");
	assert_non_null(in);
	t.data = malloc(room);
	t.len = fread(t.data, 1, room, in);
	assert_in_range(t.len, 100, room - 1);
	fclose(in);
	return t;
}

/* Writes all records of a log as JSON into one string, and counts them. */
struct collected {
	FILE *out;
	size_t nr;
};

static void collect(void *ctx, struct decode_record *r)
{
	struct collected *c = ctx;

	decode_json_write(c->out, r);
	c->nr++;
	decode_record_free(r);
}

static char *decode(const char *data, size_t len, unsigned seed, size_t *nr)
{
	char *text = NULL;
	size_t text_len = 0;
	struct collected c = { open_memstream(&text, &text_len), 0 };
	struct decode_reader *reader = decode_reader_create(collect, &c);

	decode_reader_begin(reader, "log");
	for (size_t at = 0, piece; at < len; at += piece) {
		piece = seed ? MIN(len - at, (size_t)(rand_r(&seed) % 200 + 1)) : len;
		decode_reader_feed(reader, data + at, piece);
	}
	decode_reader_end(reader);
	decode_reader_destroy(reader);
	fclose(c.out);
	if (nr)
		*nr = c.nr;
	return text;
}

static const char *const logs[] = { "kasan-callers.log", "kfence.log",  "slub-dmesg-r.log",
	                            "others.log",        "unknown.log", "asan.log",
	                            "valgrind.log",      "tools.log",   "kernel-forms.log" };

static void test_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
		struct text t = read_log(logs[i]);
		size_t nr;
		char *whole = decode(t.data, t.len, 0, &nr);

		assert_true(nr > 0);
		for (unsigned seed = 1; seed < 6; seed++) {
			char *pieces = decode(t.data, t.len, seed, NULL);

			assert_string_equal(pieces, whole);
			free(pieces);
		}
		free(whole);
		free(t.data);
	}
}

/* The first of some words in a text, compared with a search that is simple. */
static const char *first_word(const char *start, const char *end)
{
	static const char *const words[] = { "==",
		                             "BUG: ",
		                             "BUG ",
		                             "unreferenced object 0x",
		                             "Unable to handle kernel ",
		                             "list_add ",
		                             "list_del ",
		                             "refcount_t",
		                             "UBSAN: ",
		                             "usercopy: ",
		                             "Bad or missing usercopy whitelist",
		                             "Unhandled ",
		                             "Internal error: ",
		                             "Insufficient stack space to handle",
		                             "UNADDRESSABLE ACCESS",
		                             "ElectricFence ",
		                             "segfault ",
		                             "general protection fault",
		                             "stack segment: ",
		                             "Kernel Fault: Code=",
		                             "Bad Address (null pointer deref?): Code=",
		                             " mm/page_alloc.c:",
		                             "Kernel panic - not syncing: ",
		                             "kasan: GPF could be caused by ",
		                             "detected buffer overflow",
		                             "detected field-spanning",
		                             "corrupted unsorted chunks",
		                             "stack corruption detected (-f",
		                             "break adjusted to free",
		                             "invalid fastbin entry (free)",
		                             "Fatal glibc error: malloc",
		                             "FORTIFY: ",
		                             "DUMA ",
		                             " (SIG",
		                             "fdsan: ",
		                             "mimalloc: error: ",
		                             "fatal allocator error: ",
		                             "<jemalloc>: ",
		                             "src/tcmalloc",
		                             "<error>",
		                             "<fatal_signal>",
		                             "Error #",
		                             "error: Undefined Behavior: ",
		                             "HEAP CORRUPTION DETECTED: ",
		                             "Detected memory leaks!",
		                             "Run-Time Check Failure #",
		                             "[Dangling",
		                             "Received signal ",
		                             "fatal error: ",
		                             "unexpected fault address 0x",
		                             "WARNING: DATA RACE",
		                             "SIGSEGV: segmentation violation",
		                             "SIGBUS: bus error",
		                             " panicked at ",
		                             "has overflowed its stack",
		                             "Fatal Python error: ",
		                             "Debug memory block at address p=",
		                             "A fatal error has been detected by ",
		                             "FATAL ERROR: ",
		                             "----- Native stack trace",
		                             "Fatal error. ",
		                             " dumped core.",
		                             "double free or corruption",
		                             "corrupted double-linked list",
		                             "corrupted size vs. prev_size",
		                             "memsan-growth/",
		                             "WARNING: ThreadSanitizer: ",
		                             "runtime error: ",
		                             "*** ",
		                             "(): ",
		                             "Scudo ERROR: ",
		                             "memsan-report/",
		                             "Oops - ",
		                             "\\u0042",
		                             "\\x42",
		                             "\\102",
		                             "&#66;",
		                             "&nbsp;",
		                             "%3A%20",
		                             "%3D%3D" };

	for (const char *p = start; p < end; p++)
		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			if ((size_t)(end - p) >= strlen(words[i]) && memcmp(p, words[i], strlen(words[i])) == 0)
				return p;
	return NULL;
}

/* Words stand anywhere in blocks of any length and at any address; nothing is read behind the end. */
static void test_marks(void **state)
{
	static const char pieces[][36] = { "==",
		                           "BUG: ",
		                           "BUG kmalloc",
		                           "unreferenced object 0x12",
		                           "Unable to handle kernel p",
		                           "list_add d",
		                           "refcount_t: u",
		                           "UBSAN: ",
		                           "usercopy: Kernel m",
		                           "Oops - ",
		                           "\\u0042",
		                           "\\x42",
		                           "\\102",
		                           "&#66;",
		                           "&nbsp;",
		                           "%3A%20",
		                           "%3D%3D",
		                           "WARNING: ThreadSanitizer: ",
		                           "a.c:1: runtime error: ",
		                           "*** ",
		                           "free(): ",
		                           "Scudo ERROR: ",
		                           "memsan-report/1",
		                           "Internal error: Oops",
		                           "UNADDRESSABLE ACCESS: r",
		                           "double free or corruption",
		                           "corrupted double-linked list",
		                           "corrupted size vs. prev_size",
		                           "ElectricFence Aborting: ",
		                           "general protection fault: 0",
		                           "Kernel panic - not syncing: x",
		                           "kasan: GPF could be caused by ",
		                           "detected buffer overflow in m",
		                           "mimalloc: error: double free",
		                           "Fatal Python error: Segm",
		                           "thread 'main' panicked at a.rs",
		                           "A fatal error has been detected by ",
		                           "has overflowed its stack",
		                           "signal 6 (SIGABRT), code",
		                           "<error>",
		                           "<fatal_signal>",
		                           "(12) dumped core.",
		                           "FORTIFY: memcpy: p",
		                           "=B*(GnrURtpu:-_y" };
	unsigned seed = 3;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t len = (size_t)rand_r(&seed) % 150, n;
		char *block = malloc(len + 1); /* so that a sanitizer sees reads behind it */
		const char *piece = pieces[(size_t)rand_r(&seed) % ARRAY_SIZE(pieces)], *plain, *quick, *model;

		for (size_t i = 0; i < len; i++)
			block[i] = "nrUBt_py=G: Ru*()-abcKo"[rand_r(&seed) % 23];
		n = MIN(strlen(piece), len);
		if (len && round % 3)
			memcpy(block + (size_t)rand_r(&seed) % (len - n + 1), piece, n);
		model = first_word(block, block + len);
		plain = decode_mark_find_plain(block, block + len);
		quick = decode_mark_find(block, block + len);
		/* a block of places is searched letter by letter, so a later mark may be found first */
		assert_int_equal(model != NULL, plain != NULL);
		assert_int_equal(model != NULL, quick != NULL);
		if (quick)
			assert_ptr_equal(first_word(quick, block + len), quick);
		if (plain)
			assert_ptr_equal(first_word(plain, block + len), plain);
		free(block);
	}
}

/* A prefix that no known logger writes may contain a NUL byte; the reader must remember all of it. */
static void test_prefix_with_nul(void **state)
{
	struct text t = read_log("unknown.log");
	char *text, *with_nul;
	size_t nr, nr_with_nul;

	(void)state;
	text = decode(t.data, t.len, 0, &nr);
	for (size_t i = 0; i < t.len; i++)
		if (!i || t.data[i - 1] == '\n')
			t.data[i] = '\0';
	with_nul = decode(t.data, t.len, 0, &nr_with_nul);
	assert_int_equal(nr_with_nul, nr);
	assert_string_equal(with_nul, text);
	free(with_nul);
	free(text);
	free(t.data);
}

/* Bytes of the log are lost and changed. Every record that comes out can be read back. */
static void test_damage(void **state)
{
	unsigned seed = 7;

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct text t = read_log(logs[(size_t)round % ARRAY_SIZE(logs)]);
		char *json, *line, *next;

		for (int i = 0; i < 20; i++) {
			size_t at = (size_t)rand_r(&seed) % t.len;

			if (rand_r(&seed) % 2) {
				t.data[at] = (char)rand_r(&seed);
			} else {
				size_t gone = (size_t)rand_r(&seed) % 100, room = t.len - at - 1;

				gone = MIN(gone, room);
				memmove(t.data + at, t.data + at + gone, t.len - at - gone);
				t.len -= gone;
			}
		}
		json = decode(t.data, t.len, 0, NULL);
		for (line = json; *line; line = next) {
			const char *why;
			struct decode_record *r;

			next = strchr(line, '\n') + 1;
			r = decode_json_read(line, (size_t)(next - line), &why);
			assert_non_null(r);
			assert_non_null(r->title);
			decode_record_free(r);
		}
		free(json);
		free(t.data);
	}
}

/* ---- prefixes -------------------------------------------------------------------------------- */

static void test_prefixes(void **state)
{
	static const struct {
		const char *line, *text;
		uint64_t caller;
	} cases[] = {
		{ "plain text", "plain text", 0 },
		{ "[   12.345678] text", "text", 0 },
		{ "[   12.345678]  func+0x1/0x2", " func+0x1/0x2", 0 },
		{ "[   12.345678][  T123] text", "text", (uint64_t)'T' << 48 | 123 },
		{ "<4>[   12.345678][    C1] text", "text", (uint64_t)'C' << 48 | 1 },
		{ "[Sat Nov 21 03:02:16 2026] text", "text", 0 },
		{ "kern  :warn  : [    1.000000] text", "text", 0 },
		{ "6,339,5140900,-,caller=T1;text", "text", (uint64_t)'T' << 48 | 1 },
		{ "Nov 21 03:02:16 host kernel: [    1.000000] text", "text", 0 },
		{ "Nov  1 03:02:16 host prog[77]: text", "text", (uint64_t)'P' << 48 | 77 },
		{ "2026-11-21T03:02:16.123456+00:00 host kernel: text", "text", 0 },
		{ "[    1.000000] host kernel: text", "text", 0 },
		{ "[1,3]<stderr>:text", "text", (uint64_t)'N' << 48 | 0x10003 },
		{ "[1,3]<stderr>: 00 00", " 00 00", (uint64_t)'N' << 48 | 0x10003 },
		{ "web-1  | text", "text", (uint64_t)'N' << 48 | 0x6bc4bf8 },
		{ "2026-11-21T03:02:16.123456789Z stderr F  text", " text", (uint64_t)'K' << 48 | 'e' },
		{ "2026-11-21T03:02:16.123456Z 01O text", "text", (uint64_t)'K' << 48 | 'o' },
		{ "2026-11-21T03:02:16.123456Z 01E+ text", " text", (uint64_t)'K' << 48 | 'e' },
		{ "<11>1 2026-11-21T03:02:16.123Z host app 77 - [a@1 x=\"]\\\"\\]y\"][meta n=\"1\"] text", "text",
		  (uint64_t)'P' << 48 | 77 },
		{ "1 2026-11-21T03:02:16.123Z host app - - - text", "text", 0 },
		{ "==123== text", "text", (uint64_t)'V' << 48 | 123 },
		{ "==00:00:00:01.234 123== text", "text", (uint64_t)'V' << 48 | 123 },
		/* lines that only seem to have a prefix */
		{ " [<ffffffff81234567>] func+0x1/0x2", " [<ffffffff81234567>] func+0x1/0x2", 0 },
		{ " [32, 42) 'array'", " [32, 42) 'array'", 0 },
		{ "==123==ERROR: AddressSanitizer: x", "==123==ERROR: AddressSanitizer: x", 0 },
		{ "==================================================================",
		  "==================================================================", 0 },
		{ "12, 13", "12, 13", 0 },
		{ "", "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct decode_prefix p;

		decode_prefix_parse(cases[i].line, strlen(cases[i].line), &p);
		assert_string_equal(cases[i].line + p.len, cases[i].text);
		assert_int_equal(p.caller, cases[i].caller);
	}
}

/* Times count in microseconds, however many decimals a log has. */
static void test_times(void **state)
{
	static const struct {
		const char *line;
		uint64_t us; /* 0: no such time */
	} cases[] = {
		{ "[   12.345678] text", 12345678 },      { "[   12.345] text", 12345000 },
		{ "[   12.5] text", 12500000 },           { "[    0.000001] text", 1 },
		{ "[ 9999.000000] text", 9999000000 },    { "[   12.045] text", 12045000 },
		{ "[Sat Nov 21 03:02:16 2026] text", 0 }, { "text", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct decode_prefix p;

		decode_prefix_parse(cases[i].line, strlen(cases[i].line), &p);
		assert_int_equal(p.have_stamp, cases[i].us != 0);
		assert_int_equal(p.have_stamp ? p.stamp_us : 0, cases[i].us);
	}
}

/* ---- functions that are never to blame ------------------------------------------------------- */

static void test_plumbing(void **state)
{
	static const char *const kernel[] = { "kasan_report",
		                              "__asan_store1",
		                              "kfree",
		                              "kmalloc_trace",
		                              "memcpy",
		                              "dump_stack_lvl",
		                              "check_object.cold",
		                              "__list_del_entry_valid_or_report",
		                              "__lock_acquire",
		                              "_raw_spin_lock_irqsave",
		                              "__x86_indirect_thunk_rax",
		                              "__stack_chk_fail",
		                              "rb_erase",
		                              "kobject_put",
		                              "kref_get",
		                              "kmemleak_alloc",
		                              "string_nocheck",
		                              "free_to_partial_list.cold" };
	static const char *const not_kernel[] = { "freeze_processes", "drv_release", "stringify", "diesel",
		                                  "vfs_write",        "list_length", "shutdown",  "malloc_count" };
	static const char *const program[] = { "malloc", "operator new(unsigned long)", "__strlen_avx2",
		                               "abort",  "__interceptor_free",          "memcpy@plt" };
	static const char *const not_program[] = { "main",        "mallocate", "list_add", "kobject_put",
		                                   "string_copy", "down",      "freeze" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kernel); i++)
		assert_true(decode_function_is_plumbing("kasan", kernel[i]));
	for (size_t i = 0; i < ARRAY_SIZE(not_kernel); i++)
		assert_false(decode_function_is_plumbing("kasan", not_kernel[i]));
	for (size_t i = 0; i < ARRAY_SIZE(program); i++)
		assert_true(decode_function_is_plumbing("asan", program[i]));
	for (size_t i = 0; i < ARRAY_SIZE(not_program); i++)
		assert_false(decode_function_is_plumbing("asan", not_program[i]));
}

/* ---- merging --------------------------------------------------------------------------------- */

#define BUGS 300000u

/* Adds more bugs than the table holds, so that sorted runs are written and merged. A formula gives each bug's count. */
static void test_merge(void **state)
{
	struct decode_merge *m = decode_merge_create();
	struct decode_record *r = decode_record_new();
	struct decode_bug bug;
	uint64_t before = 0, nr = 0, total = 0;

	(void)state;
	assert_non_null(m);
	r->detector = "kasan";
	r->kind = "x";
	r->title = "x";
	for (int pass = 0; pass < 2; pass++)
		for (uint64_t i = 0; i < BUGS; i++) {
			r->signature = i * 0x9e3779b97f4a7c15u + 1;
			r->count = 1 + i % 3;
			r->pid = (uint32_t)(i + (uint64_t)pass * BUGS);
			r->have_pid = true;
			r->corrupted = pass == 0 && i % 2 ? "cut" : NULL;
			decode_merge_add(m, r);
		}
	assert_true(decode_merge_finish(m));
	while (decode_merge_next(m, &bug)) {
		uint64_t i = (bug.signature - 1) * 0xf1de83e19937733du; /* the factor's inverse modulo 2^64 */

		assert_true(!nr || bug.signature > before);
		assert_true(i < BUGS);
		assert_int_equal(bug.count, 2 * (1 + i % 3));
		assert_int_equal(bug.example & 1, 0); /* of two examples the whole one */
		if (nr % 10007 == 0) {
			struct decode_record *example = decode_merge_example(m, &bug);

			assert_non_null(example);
			assert_int_equal(example->pid, i + i % 2 * BUGS);
			assert_null(example->corrupted);
			assert_int_equal(example->count, bug.count);
			decode_record_free(example);
		}
		before = bug.signature;
		nr++;
		total += bug.count;
	}
	assert_int_equal(nr, BUGS);
	assert_int_equal(total, 2 * (BUGS / 3 * 6));
	decode_record_free(r);
	decode_merge_destroy(m);
}

/* The example is the first whole record, or else the first. */
static void test_merge_examples(void **state)
{
	static const struct {
		const char *corrupted[4];
		uint32_t example;
	} cases[] = {
		{ { "cut", NULL, NULL, "cut" }, 2 },
		{ { NULL, "cut", NULL, NULL }, 1 },
		{ { "cut", "cut", "cut", NULL }, 4 },
		{ { "cut", "cut", "cut", "cut" }, 1 },
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(cases); k++) {
		struct decode_merge *m = decode_merge_create();
		struct decode_record *r = decode_record_new(), *example;
		struct decode_bug bug;

		r->detector = "kasan";
		r->kind = r->title = "x";
		r->signature = 7;
		r->have_pid = true;
		for (uint32_t i = 0; i < 4; i++) {
			r->count = i + 1;
			r->pid = i + 1;
			r->corrupted = cases[k].corrupted[i];
			decode_merge_add(m, r);
		}
		assert_true(decode_merge_finish(m) && decode_merge_next(m, &bug));
		assert_int_equal(bug.count, 10);
		example = decode_merge_example(m, &bug);
		assert_int_equal(example->pid, cases[k].example);
		assert_int_equal(example->corrupted != NULL, cases[k].corrupted[cases[k].example - 1] != NULL);
		assert_false(decode_merge_next(m, &bug));
		decode_record_free(example);
		decode_record_free(r);
		decode_merge_destroy(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),          cmocka_unit_test(test_marks),
		cmocka_unit_test(test_prefix_with_nul), cmocka_unit_test(test_damage),
		cmocka_unit_test(test_prefixes),        cmocka_unit_test(test_times),
		cmocka_unit_test(test_plumbing),        cmocka_unit_test(test_merge),
		cmocka_unit_test(test_merge_examples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
