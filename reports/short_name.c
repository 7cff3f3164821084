/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/short_name.c - the name of a C++ or Rust function as people say it.
 *
 * What everybody leaves out goes first: the inline namespaces of the C++ libraries, and the default arguments of their
 * templates. Then a name that is still too long loses more, step by step, until it is short enough:
 *
 *     std::vector<std::string, std::allocator<std::string> >::push_back(std::string const&)
 *     std::vector<std::string>::push_back(std::string const&)        WITHOUT_DEFAULTS
 *     Outer<Inner<...>, int>::run(Inner<...> const&)                 WITHOUT_INNER: templates inside of templates
 *     Outer<...>::run(Inner<...> const&)                             WITHOUT_ARGUMENTS
 *     Outer<...>::run(...)                                           WITHOUT_PARAMETERS: nor the type returned
 *
 * A name that was shortened stays as it is when it is shortened again: logs hold short names, JSON the full ones, and
 * both must lead to the same signature. */
#include "config.h"

#include "reports/reports_internal.h"

#define LONG_NAME 100u      /* a longer name loses more */
#define SHORTENED_MAX 1000u /* bytes of what is left are kept */

enum shortening { WITHOUT_DEFAULTS, WITHOUT_INNER, WITHOUT_ARGUMENTS, WITHOUT_PARAMETERS, SHORTENINGS };

/* Written for the text itself. The first that fits counts. */
static const struct {
	const char *text, *shorter;
} words[] = {
	{ "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string" },
	{ "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char>>", "std::string" },
	{ "std::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string" },
	{ "std::basic_string<char, std::char_traits<char>, std::allocator<char>>", "std::string" },
	{ "std::__1::basic_string<char, std::__1::char_traits<char>, std::__1::allocator<char> >", "std::string" },
	{ "std::__1::basic_string<char, std::__1::char_traits<char>, std::__1::allocator<char>>", "std::string" },
	{ "std::basic_string_view<char, std::char_traits<char> >", "std::string_view" },
	{ "std::basic_ostream<char, std::char_traits<char> >", "std::ostream" },
	{ "std::basic_istream<char, std::char_traits<char> >", "std::istream" },
	{ "std::__cxx11::", "std::" },
	{ "std::__1::", "std::" },
	{ "[abi:cxx11]", "" },
};

/* Template arguments that follow others and have a default. */
static const char *const defaults[] = {
	"std::allocator<",      "std::__1::allocator<",      "std::char_traits<", "std::__1::char_traits<",
	"std::default_delete<", "std::__1::default_delete<", "std::less<",        "std::__1::less<",
	"std::hash<",           "std::__1::hash<",           "std::equal_to<",    "std::__1::equal_to<",
};

static void name_rewind(struct fmt_buf *b, size_t len)
{
	b->len = MIN(b->len, len);
	b->data[b->len] = 0;
	b->truncated = false;
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
}

/* The length of "operator<<" and its kin at p: their brackets open nothing. 0: something else. */
static size_t operator_length(const char *start, const char *p)
{
	static const char *const signs[] = { "<=>", "->*", "<<=", ">>=", "<<", ">>", "<=", ">=", "->", "()", "<", ">" };

	if (!str_starts(p, "operator") || (p > start && is_word(p[-1])))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(signs); i++)
		if (str_starts(p + 8, signs[i]))
			return 8 + str_length(signs[i]);
	return 0;
}

/* Behind the bracket that closes the one at p; the end of the text if none does. */
static const char *behind_bracket(const char *start, const char *p)
{
	unsigned depth = 0;
	size_t skip;

	for (; *p; p += skip) {
		skip = operator_length(start, p);
		if (skip)
			continue;
		skip = 1;
		if (*p == '<' || *p == '(' || *p == '{' || *p == '[')
			depth++;
		else if ((*p == '>' && p > start && p[-1] != '-' && p[-1] != '=') || *p == ')' || *p == '}' ||
		         *p == ']')
			depth--;
		if (!depth)
			return p + 1;
	}
	return p;
}

/* A '<' behind a word, or behind Rust's "::", opens arguments; elsewhere it opens a type ("<T as Trait>::f"). */
static bool opens_arguments(const char *start, const char *p)
{
	return *p == '<' && p > start && (is_word(p[-1]) || p[-1] == ']' || (p[-1] == ':' && p > start + 1));
}

static const char *skip_default(const char *start, const char *p)
{
	if (!str_starts(p, ", "))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		if (str_starts(p + 2, defaults[i]))
			return behind_bracket(start, p + 1 + str_length(defaults[i]));
	return NULL;
}

static bool is_scope(const char *p)
{
	return str_starts(p, "(anonymous namespace)") || str_starts(p, "(anonymous class)");
}

/* Where the name begins, behind the type that the function returns: templates are written with it. */
static const char *behind_return_type(const char *name)
{
	const char *p, *begin = name;
	size_t skip;

	if (*name == '<')
		return name;
	for (p = name; *p; p += skip) {
		skip = operator_length(name, p);
		if (skip)
			continue;
		if (str_starts(p, "operator ")) /* a conversion, new, delete */
			return begin;
		if (is_scope(p) || *p == '<' || *p == '{' || *p == '[') {
			skip = (size_t)(behind_bracket(name, p) - p);
			continue;
		}
		if (*p == '(')
			return str_starts(begin, "(") ? name : begin;
		skip = 1;
		if (*p == ' ' && p[1] && p[1] != '(' && p[1] != '[')
			begin = p + 1;
	}
	return name;
}

static size_t put_literally(struct fmt_buf *b, const char *p, size_t n)
{
	fmt_printf(b, "%.*s", (int)n, p);
	return n;
}

/* Text that is replaced or left out at p; 0: none. */
static size_t put_word(struct fmt_buf *b, const char *name, const char *p)
{
	const char *behind = skip_default(name, p);

	if (behind)
		return (size_t)(behind - p);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (*p == *words[i].text && str_starts(p, words[i].text)) {
			fmt_printf(b, "%s", words[i].shorter);
			return str_length(words[i].text);
		}
	return 0;
}

static void put_shortened(struct fmt_buf *b, const char *name, enum shortening how)
{
	const char *p = how == WITHOUT_PARAMETERS ? behind_return_type(name) : name;
	unsigned depth = 0;
	size_t skip;

	for (; *p && !b->truncated; p += skip) {
		if ((skip = operator_length(name, p)) != 0 ||
		    (skip = is_scope(p) ? str_char(p, ')') - p + 1 : 0) != 0) {
			put_literally(b, p, skip);
		} else if ((skip = put_word(b, name, p)) != 0) {
			continue;
		} else if (opens_arguments(name, p) && depth + 1 > (how == WITHOUT_INNER ? 1u : 0u) &&
		           how >= WITHOUT_INNER) {
			fmt_printf(b, "<...>");
			skip = (size_t)(behind_bracket(name, p) - p);
		} else if (*p == '(' && how == WITHOUT_PARAMETERS) {
			fmt_printf(b, p[1] == ')' ? "()" : "(...)");
			skip = (size_t)(behind_bracket(name, p) - p);
		} else if (*p == ' ' && p[1] == '>' && b->len && b->data[b->len - 1] != '>') {
			skip = 1; /* a default stood here */
		} else {
			depth += opens_arguments(name, p);
			depth -= *p == '>' && depth && p > name && p[-1] != '-' && p[-1] != '=';
			skip = put_literally(b, p, 1);
		}
	}
}

void report_put_short_name(struct fmt_buf *b, const char *name)
{
	size_t start = b->len;
	enum shortening how;

	for (how = WITHOUT_DEFAULTS; how < SHORTENINGS; how++) {
		name_rewind(b, start);
		put_shortened(b, name, how);
		if (b->len - start <= LONG_NAME && !b->truncated)
			return;
	}
	if (b->len - start > SHORTENED_MAX)
		name_rewind(b, start + SHORTENED_MAX);
}

/* ---- the libraries of C++ and Rust, which the compiler puts into the program's own code ------ */

bool report_name_contains(const char *text, const char *part)
{
	for (; *text; text++)
		if (str_starts(text, part))
			return true;
	return false;
}

bool report_library_source(const char *file)
{
	static const char *const folders[] = { "/include/c++/", "/rustc/", "library/core/src/", "library/std/src/",
		                               "library/alloc/src/" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (report_name_contains(file, folders[i]))
			return true;
	return false;
}

/* In a demangled name, skips the return type, which templates have: "int* std::copy<…>(…)". */
static const char *name_without_type(const char *name)
{
	const char *start = name;
	int depth = 0;

	for (const char *s = name; *s; s++) {
		bool begins = s == start || (s - name >= 2 && s[-1] == ':' && s[-2] == ':');

		if (!depth && (str_starts(s, "operator") || (*s == '(' && !begins) || str_starts(s, " [")))
			break; /* its own name has begun, or it has ended */
		if (*s == '<' || *s == '(' || *s == '{')
			depth++;
		else if (*s == '>' || *s == ')' || *s == '}')
			depth--;
		else if (*s == ' ' && !depth)
			start = s + 1;
	}
	return start;
}

bool report_library_name(const char *function)
{
	const char *name = name_without_type(function);

	return str_starts(name, "std::") || str_starts(name, "__gnu_cxx::");
}

bool report_library_symbol(const struct report_symbol *s)
{
	return s->file ? report_library_source(s->file) : s->function && report_library_name(s->function);
}
