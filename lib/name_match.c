/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/name_match.c - matches names of functions and files: shell patterns, and the suffixes that compilers give to
 * clones. */
#include "lib/lib.h"

bool name_is_glob(const char *s)
{
	return str_char(s, '*') || str_char(s, '?');
}

bool name_glob(const char *pattern, const char *text)
{
	const char *star = NULL, *again = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			again = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++again;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static bool tail_is(const char *tail, size_t len, const char *word)
{
	return str_length(word) == len && mem_compare(tail, word, len) == 0;
}

/* Is this one of the suffixes, such as "constprop" and "0", that gcc and clang append to the name of a function's copy
 * or part? */
static bool tail_is_clone(const char *tail, size_t len)
{
	static const char *const words[] = {
		"constprop", "isra",       "part",  "cold", "hot",      "unlikely", "startup",     "exit",
		"lto_priv",  "localalias", "clone", "llvm", "resolver", "ifunc",    "specialized",
	};
	size_t digits = 0;

	while (digits < len && tail[digits] >= '0' && tail[digits] <= '9')
		digits++;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (tail_is(tail, len, words[i]))
			return true;
	return len && digits == len;
}

size_t name_without_clones(const char *name)
{
	size_t len = str_length(name), dot = len;

	while (dot > 1) {
		dot--;
		if (name[dot] != '.')
			continue;
		if (!tail_is_clone(name + dot + 1, len - dot - 1))
			break;
		len = dot;
	}
	return len;
}
