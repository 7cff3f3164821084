/* SPDX-License-Identifier: BSD-2-Clause */
/* reports/function_match.c - the functions that a user means by a name: parse, Parser::parse, app::*::parse,
 * parse(int, char*).
 *
 *     demangled    int* app::Parser<int>::parse<char>(char const*) const
 *                       └────────── name ──────────┘└─── args ───┘
 *     pattern      any end of the name that begins behind a "::"; with or without template arguments, unnamed
 *                  namespaces and the library's version (__cxx11)
 *
 * So "parse" means every function of that name, in any scope, and each further part narrows it.  '*' and '?' are those
 * of a shell.  Arguments count only when the pattern has some.  Blanks between words and "const" behind the arguments
 * do not count.  A name that the linker knows ("_ZN3app6Parser5parseEv", "parse.constprop.0") means that symbol.
 */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "reports/reports_internal.h"

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$';
}

/* Copies, and keeps blanks only between words. */
static void squeeze(char *to, const char *from, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		size_t next = i;

		while (next < len && from[next] == ' ')
			next++;
		if (next == i)
			to[n++] = from[i];
		else if (n && next < len && is_word(to[n - 1]) && is_word(from[next]))
			to[n++] = ' ';
		i = next == i ? i : next - 1;
	}
	to[n] = 0;
}

/* In "operator<" and "operator()", what follows "operator" is not a bracket. */
static bool operator_at(const char *s, size_t at, size_t len)
{
	return len - at >= 8 && memcmp(s + at, "operator", 8) == 0 && (at == 0 || !is_word(s[at - 1])) &&
	       (len - at == 8 || !is_word(s[at + 8]));
}

/* +1 for what opens a bracket, -1 for what closes one. */
static int bracket(char c)
{
	return c == '(' || c == '<' || c == '[' || c == '{' ? 1 : c == ')' || c == '>' || c == ']' || c == '}' ? -1 : 0;
}

/* Offset of the bracket that opens the parameters; len: there are none. */
static size_t parameters_at(const char *s, size_t len)
{
	size_t close = len, open;
	int depth = 0;

	while (close && (islower((unsigned char)s[close - 1]) || s[close - 1] == '&' || s[close - 1] == ' '))
		close--;
	if (!close || s[close - 1] != ')')
		return len;
	for (open = close; open; open--) {
		depth += s[open - 1] == ')' ? 1 : s[open - 1] == '(' ? -1 : 0;
		if (depth == 0)
			break;
	}
	if (open <= 1)
		return len;
	open--;
	/* "operator()" without its own parameters, and "(anonymous namespace)", have brackets that are part of the
	 * name. */
	if (open >= 8 && operator_at(s, open - 8, open) && close == open + 2)
		return len;
	return memcmp(s + open, "(anonymous", MIN(close - open, (size_t)10)) == 0 ? len : open;
}

/* Offset of the name in s[0, len), behind the return type, which the linker's names of templates have. */
static size_t name_at(const char *s, size_t len)
{
	size_t start = 0;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (depth == 0 && operator_at(s, i, len))
			break;
		depth += bracket(s[i]);
		if (depth == 0 && s[i] == ' ')
			start = i + 1;
	}
	return start;
}

static void remove_all(char *s, const char *what)
{
	size_t len = strlen(what);

	while ((s = strstr(s, what)) != NULL)
		memmove(s, s + len, strlen(s + len) + 1);
}

/* Makes "Parser::parse" of "Parser<int>::parse<char>", in place. */
static void strip_templates(char *s)
{
	size_t len = strlen(s), n = 0;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		if (depth == 0 && operator_at(s, i, len)) {
			memmove(s + n, s + i, len - i);
			n += len - i;
			break;
		}
		depth += s[i] == '<';
		if (depth == 0)
			s[n++] = s[i];
		depth -= s[i] == '>' && depth > 0;
	}
	s[n] = 0;
}

/* Takes off what Rust adds to a function's name: "::h" and sixteen digits. */
static void strip_hash(char *s)
{
	size_t len = strlen(s);

	if (len > 19 && memcmp(s + len - 19, "::h", 3) == 0 && strspn(s + len - 16, "0123456789abcdef") == 16)
		s[len - 19] = 0;
}

/* Takes off scopes that the source does not name. */
static void strip_scopes(char *s)
{
	strip_hash(s);
	remove_all(s, "(anonymous namespace)::");
	remove_all(s, "__cxx11::");
	remove_all(s, "__1::");
}

/* Skips to behind the bracket that closes the one at `text`, or the one that `text` lies in. */
static const char *skip_arguments(const char *text)
{
	int depth = 0;

	for (; *text && (depth || *text != '>'); text++)
		depth += bracket(*text);
	return text;
}

/* Are they equal, where the text's lists of template arguments may be longer or left out? vector<int>::push_back
 * fits vector<int,std::allocator<int>>::push_back. */
static bool equal_but_arguments(const char *pattern, const char *text)
{
	size_t len = strlen(text), at = 0;

	while (at < len && !operator_at(text, at, len))
		at++;
	for (const char *operator_start = text + at; *pattern || *text; pattern++, text++) {
		if (text < operator_start && *pattern == '>' && *text == ',')
			text = skip_arguments(text);
		while (text < operator_start && *pattern != '<' && *text == '<')
			text = *skip_arguments(text + 1) ? skip_arguments(text + 1) + 1 : operator_start;
		if (*pattern != *text)
			return false;
		if (!*pattern)
			break;
	}
	return true;
}

static bool text_matches(const char *pattern, const char *text)
{
	return equal_but_arguments(pattern, text) || (name_is_glob(pattern) && name_glob(pattern, text));
}

/* Does the pattern match an end of the name that begins behind a "::"?  "::parse" is the whole name. */
static bool name_end_matches(const char *pattern, const char *name)
{
	size_t len = strlen(name);
	int depth = 0;

	if (strncmp(pattern, "::", 2) == 0)
		return text_matches(pattern + 2, name);
	for (size_t i = 0; i < len; i++) {
		if ((i == 0 || (depth == 0 && i >= 2 && name[i - 1] == ':' && name[i - 2] == ':')) &&
		    text_matches(pattern, name + i))
			return true;
		if (depth == 0 && operator_at(name, i, len))
			break;
		depth += bracket(name[i]);
	}
	return false;
}

/* End of the name s[start, end) without the template arguments of an operator: "operator<< <char>",
 * "operator()<int>". */
static size_t operator_end(const char *s, size_t start, size_t end)
{
	size_t at = start;

	while (at < end && !operator_at(s, at, end))
		at++;
	if (at == end || s[end - 1] != '>')
		return end;
	if (end - at > 11 && memcmp(s + at, "operator()<", 11) == 0)
		return at + 10;
	for (size_t i = at + 8; i + 1 < end; i++)
		if (s[i] == ' ' && s[i + 1] == '<')
			return i;
	return end;
}

/* args: NULL when there are none; without "const" and the like */
struct parts {
	char *name, *args;
};

/* One block for all parts; NULL: out of memory. */
static char *parts_split(const char *text, bool returns, struct parts *p)
{
	size_t len = strlen(text), open = parameters_at(text, len), start = returns ? name_at(text, open) : 0,
	       end = len;
	char *block = malloc(len + 2);

	if (!block)
		return NULL;
	p->name = block;
	squeeze(p->name, text + start, operator_end(text, start, open) - start);
	p->args = NULL;
	if (open == len)
		return block;
	while (text[end - 1] != ')')
		end--;
	p->args = p->name + strlen(p->name) + 1;
	squeeze(p->args, text + open, end - open);
	return block;
}

bool function_matches(const char *function, const char *pattern)
{
	struct parts have, want;
	char *a = parts_split(function, true, &have), *b = parts_split(pattern, false, &want);
	bool matches = false;

	if (a && b && (!want.args || (have.args && text_matches(want.args, have.args)))) {
		matches = name_end_matches(want.name, have.name);
		strip_scopes(have.name);
		matches = matches || name_end_matches(want.name, have.name);
		strip_templates(have.name);
		matches = matches || name_end_matches(want.name, have.name);
	}
	free(a);
	free(b);
	return matches;
}

bool function_symbol_matches(const char *symbol, const char *pattern)
{
	return text_matches(pattern, symbol);
}

/* Words that the linker's names abbreviate, and the names of operators. */
static bool is_abbreviated(const char *word, size_t len)
{
	static const char *const words[] = { "std",     "string",   "allocator", "istream",
		                             "ostream", "iostream", "anonymous", "namespace" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i]) == len && memcmp(words[i], word, len) == 0)
			return true;
	return (len >= 6 && memcmp(word, "basic_", 6) == 0) || (len >= 8 && memcmp(word, "operator", 8) == 0);
}

size_t function_literal(const char *pattern, const char **literal)
{
	struct parts p;
	char *block = parts_split(pattern, false, &p);
	const char *last = block ? p.name : "", *best = NULL;
	size_t len = 0;

	if (block)
		strip_templates(p.name);
	for (const char *next; (next = strstr(last, "::")) != NULL;)
		last = next + 2;
	for (const char *at = last; !strstr(last, "operator") && *at;) {
		size_t n = 0;

		while (is_word(at[n]))
			n++;
		if (n > len && !is_abbreviated(at, n)) {
			best = at;
			len = n;
		}
		at += n ? n : 1;
	}
	/* find the word in the caller's text, where the same letters stand */
	*literal = NULL;
	for (const char *at = pattern; len && *at && !*literal; at++)
		if (strncmp(at, best, len) == 0)
			*literal = at;
	free(block);
	return *literal ? len : 0;
}
