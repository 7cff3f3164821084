/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_functions.c - patterns for functions (fence.only, fail.stack): which functions a pattern means, and
 * where their code is.
 *
 * The test compiles a program. Labels in the program mark where each function's code must be found, inlined or not.
 */
#include "config.h"

#include <fcntl.h>
#include <gelf.h>
#include <string.h>

#include "reports/reports_internal.h"
#include "tests/unit/unit.h"

#ifndef TEST_CXX
#define TEST_CXX "c++"
#endif

/* ---- names ----------------------------------------------------------------------------------- */

static const struct {
	const char *function, *means, *others;
} names[] = {
	/* patterns that mean the function, and others that do not; two blanks stand between patterns */
	{ "parse", "parse  ::parse  pars?  p*  *", "Parse  pars  parser  a::parse  parse()  ?parse" },
	{ "parse(int)", "parse  parse(int)  parse( int )  parse(*)", "parse()  parse(long)  int" },
	{ "app::Parser::parse(int, char const*) const",
	  "parse  Parser::parse  app::Parser::parse  ::app::Parser::parse  Parser::*  app::*  *::parse  app::*::parse  "
	  "parse(int,char const*)  parse(int, char const*) const  "
	  "app::Parser::parse(int, char const *)  *Parser*",
	  "Parser  app  app::parse  arser::parse  ::parse  ::Parser::parse  parse(int)  app::Parser" },
	{ "char* app::io::Parser<int, std::less<int> >::parse<char>(std::vector<int, std::allocator<int> > const&)",
	  "parse  parse<char>  Parser::parse  Parser<int>::parse  Parser<int, std::less<int> >::parse  "
	  "Parser<int,std::less<int>>::parse<char>  app::io::*",
	  "char*  less::parse  Parser<long>::parse  parse<int>  vector  std::*" },
	{ "unsigned long app::make<unsigned long>(unsigned int)",
	  "make  app::make  make<unsigned long>  make(unsigned int)  app::make<unsigned long>(unsigned  int)",
	  "long  make<long>  unsigned  long app::make" },
	{ "app::(anonymous namespace)::hidden(int)",
	  "hidden  app::hidden  app::(anonymous namespace)::hidden  (anonymous namespace)::hidden",
	  "anonymous  namespace)::hidden" },
	{ "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::append(char const*)",
	  "append  basic_string::append  std::basic_string::append  std::basic_string<char>::append  "
	  "std::__cxx11::basic_string<char>::append",
	  "string::append" },
	{ "A::operator()(int) const", "operator()  A::operator()  operator()(int)  A::operator()(int) const",
	  "operator()()  operator" },
	{ "A::operator<(A const&)", "operator<  A::operator<  A::*  operator<(A const&)", "operator<<  operator" },
	{ "bool operator<< <char>(std::ostream&, char)", "operator<<", "operator" },
	{ "A::operator unsigned int() const", "operator unsigned int  A::operator unsigned int", "int  unsigned int" },
	{ "A::~A()", "~A  A::~A  ~A()", "A" },
	{ "main::{lambda(int)#1}::operator()(int) const", "operator()  main::*", "lambda" },
	{ "app::deep::hf492b59b28796613", "deep  app::deep  app::deep::hf492b59b28796613  app::*",
	  "hf492b59b2879661  app" },
	{ "operator new(unsigned long)", "operator new  operator new(unsigned long)", "new" },
};

/* Fails for each pattern of the list that means the function although it should not, or the reverse. */
static void each_pattern(const char *list, const char *function, bool wanted)
{
	char pattern[300];

	for (const char *end; *list; list = *end ? end + 2 : end) {
		end = strstr(list, "  ");
		/* Two blanks may be in a pattern's parameters. */
		while (end && memchr(list, '(', (size_t)(end - list)) && !memchr(list, ')', (size_t)(end - list)))
			end = strstr(end + 2, "  ");
		end = end ? end : list + strlen(list);
		snprintf(pattern, sizeof(pattern), "%.*s", (int)(end - list), list);
		if (function_matches(function, pattern) != wanted)
			fail_msg("%s %s %s", pattern, wanted ? "does not mean" : "means", function);
	}
}

static void patterns_mean_what_users_mean(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		each_pattern(names[i].means, names[i].function, true);
		each_pattern(names[i].others, names[i].function, false);
	}
}

static void hostile_names_are_survived(void **state)
{
	static const char letters[] = "ab:<>(){}[]*? ,~&operator";
	uint64_t seed = 7;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		char a[40], b[20];
		size_t na = unit_below(&seed, sizeof(a)), nb = unit_below(&seed, sizeof(b));
		const char *literal;

		for (size_t k = 0; k < na; k++)
			a[k] = letters[unit_below(&seed, sizeof(letters) - 1)];
		for (size_t k = 0; k < nb; k++)
			b[k] = letters[unit_below(&seed, sizeof(letters) - 1)];
		a[na] = b[nb] = 0;
		function_matches(a, b);
		assert_true(function_literal(b, &literal) <= nb);
	}
}

static void clones_are_their_function(void **state)
{
	static const struct {
		const char *symbol;
		size_t len;
	} symbols[] = {
		{ "parse.constprop.0.isra.0", 5 },
		{ "parse.cold", 5 },
		{ "parse.part.12", 5 },
		{ "parse.lto_priv.0.cold", 5 },
		{ "parse", 5 },
		{ "inner.0", 5 },
		{ "main.parse", 10 },
		{ "main.init.0", 9 },
		{ ".hidden", 7 },
		{ "parse.", 6 },
		{ "parse.llvm.1234", 5 },
		{ "", 0 },
		{ "a.b.constprop.0", 3 },
		{ "_ZN3app5parseEv.isra.0", 15 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++)
		assert_int_equal(name_without_clones(symbols[i].symbol), symbols[i].len);
}

static void literal_is_in_both_names(void **state)
{
	static const struct {
		const char *pattern, *literal;
	} patterns[] = {
		{ "parse", "parse" },
		{ "app::Parser::parse(int, char*)", "parse" },
		{ "make<double>", "make" },
		{ "Parser::*", "" },
		{ "*long_word*x", "long_word" },
		{ "std::string::string", "" },
		{ "A::operator==", "" },
		{ "A::~A", "A" },
		{ "f<std::string>", "f" },
		{ "_ZN3app5parseEv", "_ZN3app5parseEv" },
		{ "std::basic_string::basic_string", "" },
		{ "operator new", "" },
		{ "", "" },
	};
	const char *literal;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		size_t len = function_literal(patterns[i].pattern, &literal);

		if (len != strlen(patterns[i].literal) || (len && memcmp(literal, patterns[i].literal, len) != 0))
			fail_msg("%s: %zu bytes, expected \"%s\"", patterns[i].pattern, len, patterns[i].literal);
	}
}

/* ---- code ------------------------------------------------------------------------------------ */

static char dir[] = "/tmp/memsan-functions-XXXXXX";

static const char source[] =
	"#define PROBE(name) __asm__ volatile(\".globl probe_\" #name \"\\nprobe_\" #name \": nop\")\n"
	"#define ALONE __attribute__((noinline))\n"
	"#define INTO static inline __attribute__((always_inline))\n"
	"volatile int sink;\n"
	"namespace app {\n"
	"template <typename T> struct Parser {\n"
	"	ALONE T parse(int n, const char *s) { PROBE(parse); sink = n + s[0]; return T(n); }\n"
	"	inline __attribute__((always_inline)) T quick(int n) { PROBE(quick); sink = n; return T(n); }\n"
	"};\n"
	"namespace {\n"
	"INTO int unnamed(int n) { PROBE(unnamed); sink = n; return n; }\n"
	"}\n"
	"INTO int outer(int n) { PROBE(outer); return unnamed(n) + 1; }\n"
	"ALONE int other(int n) { PROBE(other); return outer(n) + 1; }\n"
	"}\n"
	"extern \"C\" ALONE int plain(int n) { PROBE(plain); sink = n; return n; }\n"
	"int main(int argc, char **argv) { app::Parser<int> p; PROBE(main); return p.parse(argc, argv[0]) + "
	"p.quick(argc) + app::other(argc) + plain(argc); }\n";

static int shell(const char *format, ...) __printf_like(1, 2);
static int shell(const char *format, ...)
{
	char command[2048];
	va_list args;
	int at = snprintf(command, sizeof(command), "cd %s && ", dir);

	va_start(args, format);
	vsnprintf(command + at, sizeof(command) - (size_t)at, format, args);
	va_end(args);
	return system(command);
}

static const char *in_dir(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static const char *const probes[] = { "parse", "quick", "unnamed", "outer", "other", "plain", "main" };
#define NR_PROBES ARRAY_SIZE(probes)

static void read_probes(uint64_t *address)
{
	char command[600], line[200], name[150];
	unsigned long long at;
	char type;
	FILE *f;

	snprintf(command, sizeof(command), "nm %s", in_dir("p"));
	f = popen(command, "r");
	memset(address, 0, NR_PROBES * sizeof(*address));
	while (fgets(line, sizeof(line), f))
		for (size_t i = 0; i < NR_PROBES; i++)
			if (sscanf(line, "%llx %c probe_%149s", &at, &type, name) == 3 && strcmp(name, probes[i]) == 0)
				address[i] = at;
	pclose(f);
	for (size_t i = 0; i < NR_PROBES; i++)
		assert_true(address[i] != 0);
}

/* The probes in the code of the functions that the pattern means, each as one letter. */
static const char *probes_found(const char *file, const uint64_t *address, const char *pattern)
{
	static char found[NR_PROBES + 1];
	struct symbolizer *s = symbolizer_create(0);
	struct code_range *r;
	size_t nr, n = 0;

	assert_true(symbolizer_functions(s, symbolizer_module(s, in_dir(file), NULL, 0), pattern, &r, &nr));
	for (size_t i = 0; i < NR_PROBES; i++)
		for (size_t k = 0; k < nr; k++) {
			assert_true(r[k].start < r[k].end && (!k || r[k - 1].end < r[k].start));
			if (address[i] - r[k].start < r[k].end - r[k].start)
				found[n++] = "pquoOPm"[i];
		}
	found[n] = 0;
	free(r);
	symbolizer_destroy(s);
	return found;
}

struct expected {
	const char *pattern, *probes;
};

static void expect_all(const char *file, const uint64_t *address, const struct expected *e, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *found = probes_found(file, address, e[i].pattern);

		if (strcmp(found, e[i].probes) != 0)
			fail_msg("%s: found \"%s\", expected \"%s\"", e[i].pattern, found, e[i].probes);
	}
}

static void code_is_found_inlined_or_not(void **state)
{
	static const char *const flags[] = {
		"-gdwarf-5",
		"-gdwarf-4",
		"-gdwarf-5 -gz=zlib",
		"-gdwarf-5 -gsplit-dwarf",
		"-gdwarf-5 -ffunction-sections",
		"-gdwarf-5 -no-pie -fno-pie",
		"-gdwarf-5 -flto",
	};
	static const struct expected full[] = {
		{ "parse", "p" },      { "Parser::parse", "p" }, { "app::Parser<int>::parse(int, char const*)", "p" },
		{ "::parse", "" },     { "quick", "q" },         { "Parser::quick", "q" },
		{ "Parser::*", "pq" }, { "unnamed", "u" },       { "app::unnamed", "u" },
		{ "outer", "uo" },     { "app::other", "uoO" },  { "plain", "P" },
		{ "::plain", "P" },    { "main", "qm" },         { "app::*", "pquoO" },
		{ "nosuch", "" },      { "quick(int)", "q" },    { "quick(long)", "" },
	};
	uint64_t address[NR_PROBES];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (shell("%s -O2 %s p.cc -o p 2>/dev/null", TEST_CXX, flags[i]) != 0)
			continue;
		print_message("%s\n", flags[i]);
		read_probes(address);
		expect_all("p", address, full, ARRAY_SIZE(full));
	}
}

static void without_dwarf_there_are_symbols(void **state)
{
	static const struct expected symbols[] = {
		{ "parse", "p" }, { "app::Parser<int>::parse(int, char const*)", "p" },
		{ "quick", "" },  { "other", "uoO" },
		{ "main", "qm" }, { "*", "pquoOPm" },
	};
	uint64_t address[NR_PROBES];

	(void)state;
	if (shell("%s -O2 p.cc -o p", TEST_CXX) != 0)
		skip();
	read_probes(address);
	expect_all("p", address, symbols, ARRAY_SIZE(symbols));
	assert_int_equal(shell("strip -s p -o bare"), 0);
	assert_string_equal(probes_found("bare", address, "main"), "");
}

/* ---- the program ----------------------------------------------------------------------------- */

static int make_directory(void **state)
{
	FILE *f;

	(void)state;
	elf_version(EV_CURRENT);
	if (!mkdtemp(dir) || !(f = fopen(in_dir("p.cc"), "w")))
		return -1;
	fputs(source, f);
	return fclose(f);
}

static int remove_directory(void **state)
{
	(void)state;
	return shell("rm -rf %s", dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_mean_what_users_mean), cmocka_unit_test(hostile_names_are_survived),
		cmocka_unit_test(clones_are_their_function),     cmocka_unit_test(literal_is_in_both_names),
		cmocka_unit_test(code_is_found_inlined_or_not),  cmocka_unit_test(without_dwarf_there_are_symbols),
	};

	unsetenv("DEBUGINFOD_URLS");
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
