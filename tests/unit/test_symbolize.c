/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_symbolize.c - the symbolizer on small programs that are compiled here, in every form that debug
 * information comes in.
 *
 * The tests build the victim and change it with objcopy and strip.  They ask for the addresses of labels in its symbol
 * table, which they look up before the victim is stripped.  Comments mark the expected lines in the sources below, so
 * the sources may change.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <sys/stat.h>

#include "reports/reports.h"
#include "tests/unit/unit.h"

#ifndef TEST_CC
#define TEST_CC "cc"
#endif
#ifndef TEST_CXX
#define TEST_CXX "c++"
#endif

static char dir[] = "/tmp/memsan-symbolize-XXXXXX";
static bool have_cc, have_cxx, have_clang, have_objcopy;

static const char c_source[] =
	"extern void sink(int);\n"
	"static inline __attribute__((always_inline)) void innermost(int x)\n"
	"{\n"
	"	sink(x);\n"
	"	__asm__ volatile(\".globl probe_inlined\\nprobe_inlined: nop\"); /* LINE innermost */\n"
	"}\n"
	"static inline __attribute__((always_inline)) void middle(int x)\n"
	"{\n"
	"	innermost(x + 1); /* LINE middle */\n"
	"}\n"
	"__attribute__((noinline)) void outer(int x)\n"
	"{\n"
	"	middle(x * 3); /* LINE outer */\n"
	"	sink(x);\n"
	"}\n"
	"static __attribute__((noinline)) void hidden(int x)\n"
	"{\n"
	"	sink(x);\n"
	"	__asm__ volatile(\".globl probe_static\\nprobe_static: nop\"); /* LINE hidden */\n"
	"	sink(x);\n"
	"}\n"
	"void sink(int x) { static volatile int last; last = x; }\n"
	"int main(int argc, char **argv) { (void)argv; outer(argc); hidden(argc); return 0; }\n";

static const char cxx_source[] =
	"extern \"C\" void sink(int);\n"
	"namespace shop {\n"
	"template <typename T> struct Basket {\n"
	"	T value;\n"
	"	__attribute__((noinline)) void drop(const char *why, int n)\n"
	"	{\n"
	"		sink(n);\n"
	"		__asm__ volatile(\".globl probe_method\\nprobe_method: nop\"); /* LINE drop */\n"
	"		sink(value + why[0]);\n"
	"	}\n"
	"};\n"
	"__attribute__((noinline)) void close_all(int n)\n"
	"{\n"
	"	sink(n);\n"
	"	__asm__ volatile(\".globl probe_namespace\\nprobe_namespace: nop\"); /* LINE close_all */\n"
	"	sink(n);\n"
	"}\n"
	"}\n"
	"extern \"C\" void sink(int x) { static volatile int last; last = x; }\n"
	"int main(int argc, char **argv) { shop::Basket<int> b{argc}; b.drop(argv[0], 2); shop::close_all(argc); "
	"return 0; }\n";

/* ---- building -------------------------------------------------------------------------------- */

static const char *in_dir(const char *name)
{
	static char path[8][512];
	static unsigned turn;

	turn = (turn + 1) % 8;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(in_dir(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int shell(const char *format, ...) __printf_like(1, 2);
static int shell(const char *format, ...)
{
	char command[4096];
	va_list args;
	int at = snprintf(command, sizeof(command), "cd %s && ", dir);

	va_start(args, format);
	vsnprintf(command + at, sizeof(command) - (size_t)at, format, args);
	va_end(args);
	return system(command);
}

static uint32_t line_of(const char *source, const char *mark)
{
	char full[100];
	uint32_t line = 1;
	const char *at;

	snprintf(full, sizeof(full), "/* LINE %s */", mark);
	at = strstr(source, full);
	assert_non_null(at);
	for (const char *p = source; p < at; p++)
		line += *p == '\n';
	return line;
}

struct file_facts {
	uint8_t build_id[BUILD_ID_MAX];
	size_t build_id_len;
};

/* Returns the address of a symbol, straight from the symbol table. */
static uint64_t address_of(const char *name, const char *symbol)
{
	int fd = open(in_dir(name), O_RDONLY);
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	uint64_t address = 0;

	for (Elf_Scn *scn = elf_nextscn(elf, NULL); scn; scn = elf_nextscn(elf, scn)) {
		GElf_Shdr header;
		Elf_Data *data;
		gelf_getshdr(scn, &header);
		if (header.sh_type != SHT_SYMTAB)
			continue;
		data = elf_getdata(scn, NULL);
		for (size_t i = 0; i < header.sh_size / header.sh_entsize; i++) {
			GElf_Sym sym;
			gelf_getsym(data, (int)i, &sym);
			if (strcmp(elf_strptr(elf, header.sh_link, sym.st_name), symbol) == 0)
				address = sym.st_value;
		}
	}
	elf_end(elf);
	close(fd);
	assert_true(address != 0);
	return address;
}

static struct file_facts facts_of(const char *name)
{
	int fd = open(in_dir(name), O_RDONLY);
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	struct file_facts facts = { .build_id_len = 0 };

	for (Elf_Scn *scn = elf_nextscn(elf, NULL); scn; scn = elf_nextscn(elf, scn)) {
		GElf_Shdr header;
		Elf_Data *data;
		gelf_getshdr(scn, &header);
		data = header.sh_type == SHT_NOTE ? elf_getdata(scn, NULL) : NULL;
		if (data && data->d_size == 16 + 20 && ((uint32_t *)data->d_buf)[2] == NT_GNU_BUILD_ID) {
			memcpy(facts.build_id, (char *)data->d_buf + 16, 20);
			facts.build_id_len = 20;
		}
	}
	elf_end(elf);
	close(fd);
	assert_int_equal(facts.build_id_len, 20);
	return facts;
}

/* ---- asking ---------------------------------------------------------------------------------- */

struct asked {
	struct symbolizer *s;
	const struct report_symbol *found;
	size_t nr;
	const char *note;
};

static struct asked ask(const char *name, const struct file_facts *facts, uint64_t address)
{
	struct asked a = { .s = symbolizer_create(0) };
	int module;

	symbolizer_debug_path(a.s, in_dir("debug"));
	module = symbolizer_module(a.s, in_dir(name), facts ? facts->build_id : (const uint8_t *)"",
	                           facts ? facts->build_id_len : 0);
	symbolizer_want(a.s, module, address);
	a.found = symbolizer_lookup(a.s, module, address, &a.nr);
	a.note = symbolizer_note(a.s, module);
	return a;
}

static void expect_symbol(const struct report_symbol *s, const char *function, const char *file, uint32_t line)
{
	assert_non_null(s->function);
	assert_string_equal(s->function, function);
	if (!file) {
		assert_null(s->file);
		return;
	}
	assert_non_null(s->file);
	assert_string_equal(s->file, in_dir(file));
	assert_int_equal(s->line, line);
}

/* Expects the chain of inlined functions, and the function around them with its offset and size. */
static void expect_inlined(const char *name, const struct file_facts *facts, uint64_t address, uint64_t outer)
{
	struct asked a = ask(name, facts, address);

	if (a.nr != 3)
		fail_msg("%s: %zu symbols, note: %s", name, a.nr, a.note ? a.note : "none");
	expect_symbol(&a.found[0], "innermost", "v.c", line_of(c_source, "innermost"));
	expect_symbol(&a.found[1], "middle", "v.c", line_of(c_source, "middle"));
	expect_symbol(&a.found[2], "outer", "v.c", line_of(c_source, "outer"));
	assert_true(a.found[0].inlined && a.found[1].inlined && !a.found[2].inlined);
	assert_int_equal(a.found[2].offset, address - outer);
	assert_true(a.found[2].size > a.found[2].offset);
	assert_null(a.note);
	symbolizer_destroy(a.s);
}

/* ---- the forms ------------------------------------------------------------------------------- */

/* Returns false if this compiler does not make the form. */
static bool expect_form(const char *cc, const char *flags)
{
	struct file_facts facts;
	uint64_t inlined, hidden;
	struct asked a;

	print_message("%s %s\n", cc, flags);
	if (shell("%s -O2 -g %s -Wl,--build-id=sha1 v.c -o v", cc, flags) != 0)
		return false;
	facts = facts_of("v");
	inlined = address_of("v", "probe_inlined");
	hidden = address_of("v", "probe_static");
	expect_inlined("v", &facts, inlined, address_of("v", "outer"));
	a = ask("v", &facts, hidden);
	assert_int_equal(a.nr, 1);
	expect_symbol(&a.found[0], "hidden", "v.c", line_of(c_source, "hidden"));
	symbolizer_destroy(a.s);
	return true;
}

static void forms_of_dwarf(void **state)
{
	static const char *const flags[] = {
		"-gdwarf-5",
		"-gdwarf-4",
		"-gdwarf-5 -gz=zlib",
		"-gdwarf-4 -gz=zlib",
		"-no-pie -fno-pie",
		"-gsplit-dwarf -gdwarf-5",
		"-gsplit-dwarf -gdwarf-4",
		"-ffunction-sections -fdata-sections",
		"-flto",
		"-gno-column-info",
		"-static",
	};

	bool all = have_clang;

	(void)state;
	if (!have_cc)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		all &= expect_form(TEST_CC, flags[i]);
	for (size_t i = 0; have_clang && i < 8; i++)
		all &= expect_form("clang", flags[i]);
	if (!all)
		skip();
}

static void relative_source_is_joined(void **state)
{
	struct asked a;

	(void)state;
	if (!have_cc || shell("mkdir -p sub && cp v.c sub/rel.c && %s -O2 -g ./sub/rel.c -o rel", TEST_CC) != 0)
		skip();
	a = ask("rel", NULL, address_of("rel", "probe_static"));
	assert_int_equal(a.nr, 1);
	expect_symbol(&a.found[0], "hidden", "sub/rel.c", line_of(c_source, "hidden"));
	symbolizer_destroy(a.s);
}

static void expect_cxx(const char *cxx)
{
	struct asked a;

	assert_int_equal(shell("%s -O2 -g w.cc -o w", cxx), 0);
	a = ask("w", NULL, address_of("w", "probe_method"));
	assert_int_equal(a.nr, 1);
	expect_symbol(&a.found[0], "shop::Basket<int>::drop(char const*, int)", "w.cc", line_of(cxx_source, "drop"));
	symbolizer_destroy(a.s);
	a = ask("w", NULL, address_of("w", "probe_namespace"));
	assert_int_equal(a.nr, 1);
	expect_symbol(&a.found[0], "shop::close_all(int)", "w.cc", line_of(cxx_source, "close_all"));
	symbolizer_destroy(a.s);
}

static void names_of_cxx(void **state)
{
	(void)state;
	if (!have_cxx)
		skip();
	expect_cxx(TEST_CXX);
	if (!have_clang || shell("clang++ --version >/dev/null 2>&1") != 0)
		skip();
	expect_cxx("clang++");
}

/* ---- stripped, separate, missing ------------------------------------------------------------- */

/* Builds v, puts its debug information into debug/.build-id, and makes v.bare, which is stripped of everything. */
static struct file_facts build_separate(uint64_t *inlined, uint64_t *outer)
{
	struct file_facts facts;
	char hex[2 * BUILD_ID_MAX + 1];

	assert_int_equal(shell("%s -O2 -g -Wl,--build-id=sha1 v.c -o v", TEST_CC), 0);
	facts = facts_of("v");
	*inlined = address_of("v", "probe_inlined");
	*outer = address_of("v", "outer");
	for (size_t i = 0; i < facts.build_id_len; i++)
		sprintf(hex + 2 * i, "%02x", facts.build_id[i]);
	assert_int_equal(shell("rm -rf debug && mkdir -p debug/.build-id/%.2s && "
	                       "objcopy --only-keep-debug v debug/.build-id/%.2s/%s.debug && strip -s v -o v.bare",
	                       hex, hex, hex + 2),
	                 0);
	return facts;
}

static void separate_debug_file_by_build_id(void **state)
{
	struct file_facts facts;
	uint64_t inlined, outer;

	(void)state;
	if (!have_cc || !have_objcopy)
		skip();
	facts = build_separate(&inlined, &outer);
	expect_inlined("v.bare", &facts, inlined, outer);
	/* The module is gone or was replaced by another file, but its debug file is still there. */
	expect_inlined("v.gone", &facts, inlined, outer);
	assert_int_equal(shell("cp /bin/true v.replaced"), 0);
	expect_inlined("v.replaced", &facts, inlined, outer);
}

static void separate_debug_file_by_link(void **state)
{
	struct file_facts facts;
	uint64_t inlined, outer;

	(void)state;
	if (!have_cc || !have_objcopy)
		skip();
	facts = build_separate(&inlined, &outer);
	assert_int_equal(shell("objcopy --only-keep-debug v v.link.debug && strip -s v -o v.link && "
	                       "objcopy --add-gnu-debuglink=v.link.debug v.link && rm -rf debug"),
	                 0);
	{
		struct asked a = { .s = symbolizer_create(0) };
		int module = symbolizer_module(a.s, in_dir("v.link"), facts.build_id, facts.build_id_len);
		a.found = symbolizer_lookup(a.s, module, inlined, &a.nr);
		assert_int_equal(a.nr, 3);
		expect_symbol(&a.found[2], "outer", "v.c", line_of(c_source, "outer"));
		symbolizer_destroy(a.s);
	}
}

static void symbol_table_alone(void **state)
{
	struct asked a;
	uint64_t inlined, outer;

	(void)state;
	if (!have_cc || !have_objcopy)
		skip();
	build_separate(&inlined, &outer);
	assert_int_equal(shell("rm -rf debug; strip -g v -o v.symtab"), 0);
	a = ask("v.symtab", NULL, outer + 1);
	assert_int_equal(a.nr, 1);
	expect_symbol(&a.found[0], "outer", NULL, 0);
	assert_int_equal(a.found[0].offset, 1);
	symbolizer_destroy(a.s);
	/* A label without a size inside a function does not hide the function. */
	a = ask("v.symtab", NULL, inlined);
	assert_int_equal(a.nr, 1);
	expect_symbol(&a.found[0], "outer", NULL, 0);
	symbolizer_destroy(a.s);
}

/* no_size extends to the next symbol.  Behind with_size is code without a symbol, like a static function of a stripped
 * library: it is not taken for a part of with_size. */
static void function_without_size(void **state)
{
	struct asked a;
	uint64_t no_size, with_size;

	(void)state;
	if (!have_cc)
		skip();
	write_file("n.s", ".text\n.globl no_size\n.type no_size,@function\nno_size: nop\nnop\nnop\n"
	                  ".globl with_size\n.type with_size,@function\nwith_size: nop\nnop\n"
	                  ".size with_size, 2\n.fill 16, 1, 0x90\n"
	                  ".section .note.GNU-stack,\"\",@progbits\n");
	assert_int_equal(shell("%s -shared -nostdlib n.s -o n.so", TEST_CC), 0);
	no_size = address_of("n.so", "no_size");
	with_size = address_of("n.so", "with_size");
	a = ask("n.so", NULL, no_size + 2);
	assert_int_equal(a.nr, 1);
	expect_symbol(&a.found[0], "no_size", NULL, 0);
	symbolizer_destroy(a.s);
	a = ask("n.so", NULL, with_size + 8);
	assert_int_equal(a.nr, 0);
	symbolizer_destroy(a.s);
}

/* The kernel counts from a function to the next, and behind the last of a section to the end of the page. */
static void function_of_a_size(void **state)
{
	static const struct {
		const char *name;
		uint64_t size;
		bool fits;
	} asked[] = { { "first", 16, true },     { "first", 10, true },    { "first", 12, true }, { "first", 9, false },
		      { "first", 17, false },    { "last", 0x1000, true }, { "last", 3, true },   { "last", 2, false },
		      { "last", 0x2000, false }, { "none", 3, false } };
	struct symbolizer *s;
	uint64_t start;
	int module;

	(void)state;
	if (!have_cc)
		skip();
	write_file("s.s", ".section .init.text,\"ax\"\n.globl first\n.type first,@function\nfirst: .fill 10, 1, 0x90\n"
	                  ".size first, 10\n.balign 16, 0x90\n.globl last\n.type last,@function\n"
	                  "last: .fill 3, 1, 0x90\n.size last, 3\n.text\nnop\n"
	                  ".section .note.GNU-stack,\"\",@progbits\n");
	assert_int_equal(shell("%s -c s.s -o s.ko", TEST_CC), 0);
	s = symbolizer_create(2000);
	module = symbolizer_module(s, in_dir("s.ko"), (const uint8_t *)"", 0);
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++)
		assert_int_equal(symbolizer_function(s, module, asked[i].name, asked[i].size, &start), asked[i].fits);
	symbolizer_destroy(s);
}

static void nothing_at_all(void **state)
{
	struct asked a;
	uint64_t inlined, outer;

	(void)state;
	if (!have_cc || !have_objcopy)
		skip();
	build_separate(&inlined, &outer);
	assert_int_equal(shell("rm -rf debug"), 0);
	a = ask("v.bare", NULL, inlined);
	assert_true(a.nr == 0 && a.note == NULL);
	symbolizer_destroy(a.s);
	a = ask("no-such-file", NULL, inlined);
	assert_true(a.nr == 0 && a.note != NULL);
	symbolizer_destroy(a.s);
	assert_int_equal(shell("rm -f fifo; mkfifo fifo"), 0);
	a = ask("fifo", NULL, inlined);
	assert_true(a.nr == 0 && a.note != NULL);
	symbolizer_destroy(a.s);
}

static void other_build_id(void **state)
{
	struct file_facts facts;
	struct asked a;
	uint64_t inlined, outer;

	(void)state;
	if (!have_cc || !have_objcopy)
		skip();
	facts = build_separate(&inlined, &outer);
	assert_int_equal(shell("rm -rf debug"), 0);
	facts.build_id[19] ^= 1;
	a = ask("v", &facts, inlined);
	assert_int_equal(a.nr, 0);
	assert_string_equal(a.note, "the file has another build id than what was loaded");
	symbolizer_destroy(a.s);
}

/* ---- hostile files --------------------------------------------------------------------------- */

struct hostile {
	const char *name;
	const uint64_t *addresses;
	size_t nr;
};

static void case_hostile(void *arg)
{
	const struct hostile *h = arg;
	struct symbolizer *s = symbolizer_create(2000);
	int module = symbolizer_module(s, in_dir(h->name), (const uint8_t *)"", 0);
	size_t n;

	alarm(5);
	for (size_t i = 0; i < h->nr; i++)
		symbolizer_want(s, module, h->addresses[i]);
	for (size_t i = 0; i < h->nr; i++) {
		const struct report_symbol *found = symbolizer_lookup(s, module, h->addresses[i], &n);
		for (size_t k = 0; k < n; k++)
			if (found[k].function && strlen(found[k].function) > 100000000)
				abort();
	}
	symbolizer_destroy(s);
}

/* Files cut short at many places, and files with random bytes changed: our own code does not crash.  libelf and libdw
 * may: then the helper ends and the report is plain, so the test prints the number of crashes and accepts a few. */
static void cut_and_changed_files(void **state)
{
	static char image[1 << 20];
	char err[4096];
	uint64_t seed = 0x5eed, addresses[4];
	unsigned crashed = 0;
	size_t size;
	FILE *f;

	(void)state;
	if (!have_cc)
		skip();
	assert_int_equal(shell("%s -O2 -g v.c -o v", TEST_CC), 0);
	addresses[0] = address_of("v", "probe_inlined");
	addresses[1] = address_of("v", "probe_static");
	addresses[2] = 0;
	addresses[3] = UINT64_MAX;
	f = fopen(in_dir("v"), "r");
	size = fread(image, 1, sizeof(image), f);
	fclose(f);
	print_message("seed 0x%llx\n", (unsigned long long)seed);
	for (int round = 0; round < 120; round++) {
		struct hostile h = { "hostile", addresses, ARRAY_SIZE(addresses) };
		size_t len = round < 40 ? size * (size_t)round / 40 : size;
		f = fopen(in_dir("hostile"), "w");
		fwrite(image, 1, len, f);
		for (int i = 0; round >= 40 && i < 1 + round; i++) {
			fseek(f, (long)unit_below(&seed, round % 2 ? 4096 : size), SEEK_SET);
			fputc((int)unit_below(&seed, 256), f);
		}
		fclose(f);
		crashed += unit_child(case_hostile, &h, err, sizeof(err)) != 0;
	}
	print_message("%u of 120 ended the process\n", crashed);
	assert_true(crashed <= 6);
}

/* ---- a record -------------------------------------------------------------------------------- */

static struct report_record record;
static char text[REPORT_TEXT_MAX];

static void record_is_rendered(void **state)
{
	struct report_symbols symbols;
	struct symbolizer *s;
	struct file_facts facts;
	char expected[200];
	uint64_t probe, hidden;

	(void)state;
	if (!have_cc)
		skip();
	assert_int_equal(shell("%s -O2 -g -Wl,--build-id=sha1 v.c -o v", TEST_CC), 0);
	facts = facts_of("v");
	probe = address_of("v", "probe_static");
	hidden = address_of("v", "hidden");
	record.magic = REPORT_MAGIC;
	record.version = REPORT_VERSION;
	record.size = sizeof(record);
	record.strings_len = 1 + (uint32_t)strlen(strcpy(record.strings + 1, in_dir("v"))) + 1;
	record.nr_modules = 1;
	record.modules[0] = (struct report_module){
		.start = 0x7000000, .end = 0x8000000, .bias = 0x7000000, .path = 1, .build_id_len = 20
	};
	memcpy(record.modules[0].build_id, facts.build_id, 20);
	record.nr_stacks = 1;
	record.stacks[0].role = STACK_ACCESS;
	record.stacks[0].nr_frames = 3;
	record.stacks[0].frames[0] = (struct report_frame){ .pc = 0x7000000 + probe, .exact = 1 };
	record.stacks[0].frames[1] = (struct report_frame){ .pc = 0x7000000 + probe + 1 };
	record.stacks[0].frames[2] = (struct report_frame){ .pc = 0x123, .module = REPORT_NO_MODULE };
	assert_true(report_record_valid(&record, sizeof(record)));
	s = symbolizer_create(0);
	assert_true(symbolizer_attach(s, &record, &symbols));
	report_render_text(&record, &symbols, text, sizeof(text));
	snprintf(expected, sizeof(expected), " in hidden+0x%llx/0x", (unsigned long long)(probe - hidden));
	assert_non_null(strstr(text, expected));
	/* A return address is printed as it is, but looked up one byte before. */
	snprintf(expected, sizeof(expected), "\n hidden+0x%llx/0x", (unsigned long long)(probe - hidden + 1));
	assert_non_null(strstr(text, expected));
	snprintf(expected, sizeof(expected), "v.c:%u", line_of(c_source, "hidden"));
	assert_non_null(strstr(strstr(text, expected) + 1, expected));
	assert_non_null(strstr(text, "\n 0x123\n"));
	symbolizer_destroy(s);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int make_directory(void **state)
{
	(void)state;
	elf_version(EV_CURRENT);
	if (!mkdtemp(dir))
		return -1;
	write_file("v.c", c_source);
	write_file("w.cc", cxx_source);
	have_cc = shell("%s -O2 -g v.c -o v >/dev/null 2>&1", TEST_CC) == 0;
	have_cxx = shell("%s -O2 -g w.cc -o w >/dev/null 2>&1", TEST_CXX) == 0;
	have_clang = shell("clang -O2 -g v.c -o v.clang >/dev/null 2>&1") == 0;
	have_objcopy = shell("objcopy --version >/dev/null 2>&1") == 0;
	return 0;
}

static int remove_directory(void **state)
{
	char command[256];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_of_dwarf),
		cmocka_unit_test(relative_source_is_joined),
		cmocka_unit_test(names_of_cxx),
		cmocka_unit_test(separate_debug_file_by_build_id),
		cmocka_unit_test(separate_debug_file_by_link),
		cmocka_unit_test(symbol_table_alone),
		cmocka_unit_test(function_without_size),
		cmocka_unit_test(function_of_a_size),
		cmocka_unit_test(nothing_at_all),
		cmocka_unit_test(other_build_id),
		cmocka_unit_test(cut_and_changed_files),
		cmocka_unit_test(record_is_rendered),
	};

	unsetenv("DEBUGINFOD_URLS");
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
