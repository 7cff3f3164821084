/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/choose.c - which modules does the option watch name?
 *
 *     on               the program, and libraries outside of the system's folders
 *     all              every module but those below
 *     main, NAME, …    these modules; patterns of * and ?; NAME also stands for NAME.1.2
 *     !NAME            not this one
 *     explain          says at exit what was watched; alone, or with !NAME only, it means "on, explain"
 *
 * Never watched: memsan itself, and the C library with its loader. Their string functions are written by hand and read
 * whole words, past the end of an object on purpose; memsan checks the arguments of these functions instead. */
#include "watch/watch_internal.h"

static bool item_is(const char *item, size_t len, const char *word)
{
	return str_length(word) == len && mem_compare(item, word, len) == 0;
}

static bool names_module(const char *item, size_t len, const char *path, bool program)
{
	const char *base = path_base(path);
	char name[256];

	if (program && item_is(item, len, "main"))
		return true;
	if (len >= sizeof(name))
		return false;
	mem_copy(name, item, len);
	name[len] = '\0';
	if (str_equal(base, name) || str_equal(path, name))
		return true;
	if (name_is_glob(name))
		return name_glob(name, str_char(name, '/') ? path : base);
	return str_starts(base, name) && base[len] == '.';
}

static bool is_excluded(const char *path)
{
	static const char *const never[] = { "libmemsan",  "ld-linux",   "libc.so.", "libc-",
		                             "linux-vdso", "libasan.so", "libm.so.", "libmvec.so." };

	return str_starts_any(path_base(path), never, ARRAY_SIZE(never));
}

static bool is_system(const char *path)
{
	static const char *const folders[] = { "/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "/usr/libexec/" };

	return str_starts_any(path, folders, ARRAY_SIZE(folders));
}

/* The next item of the list, without blanks; false: there is none. */
static bool next_item(const char **list, const char **item, size_t *len)
{
	const char *p = *list;

	while (*p == ',' || *p == ' ')
		p++;
	*item = p;
	while (*p && *p != ',')
		p++;
	*list = p;
	while (p > *item && p[-1] == ' ')
		p--;
	*len = (size_t)(p - *item);
	return *len != 0;
}

bool choose_any(const char *list)
{
	const char *item;
	size_t len;
	bool any = false;

	while (next_item(&list, &item, &len)) {
		if (item_is(item, len, "off"))
			return false;
		any = true;
	}
	return any;
}

bool choose_explain(const char *list)
{
	const char *item;
	size_t len;

	while (next_item(&list, &item, &len))
		if (item_is(item, len, "explain"))
			return true;
	return false;
}

/* Is the user told of a module that cannot be watched? Of the program and its own libraries, and of those that the list
 * names; of the system's, which "all" takes along, only with explain: nobody can do anything about them. */
bool choose_tells(const char *list, const char *path, bool program)
{
	const char *item;
	size_t len;

	if (program || !is_system(path) || choose_explain(list))
		return true;
	while (next_item(&list, &item, &len))
		if (item[0] != '!' && !item_is(item, len, "all") && names_module(item, len, path, program))
			return true;
	return false;
}

enum choice choose_module(const char *list, const char *path, bool program)
{
	bool own = program || !is_system(path), named = false, named_any = false;
	const char *item;
	size_t len;

	if (is_excluded(path))
		return CHOICE_EXCLUDED;
	while (next_item(&list, &item, &len)) {
		if (item[0] == '!') {
			if (names_module(item + 1, len - 1, path, program))
				return CHOICE_NO;
		} else if (!item_is(item, len, "explain")) {
			named_any = true;
			named = named || item_is(item, len, "all") || (own && item_is(item, len, "on")) ||
			        names_module(item, len, path, program);
		}
	}
	return (named_any ? named : own) ? CHOICE_YES : CHOICE_NO;
}
