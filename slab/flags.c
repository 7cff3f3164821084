/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/flags.c - which checks a cache gets: the slab_debug option, written as the kernel's slab_debug boot
 * parameter. */
#include "slab/flags.h"
#include "slab/slab.h"
#include "slab/unwritten.h"

/*     slab_debug = block { ';' block }
 *     block      = letters [ ',' pattern { ',' pattern } ]
 *     letters    = { F Z P U T } or '-'          no letter means FZPU, as in the kernel
 *     pattern    = a cache's name, in which '*' stands for any characters
 *
 * A block without patterns is for all caches. A block with patterns beats it, whichever comes first (mm/slub.c,
 * kmem_cache_flags). */

#define FLAGS_ALL (SLAB_F_SANITY | SLAB_F_REDZONE | SLAB_F_POISON | SLAB_F_TRACK)

/* Parses the letters at `s` up to ',', ';' or the end. Returns the first character that is no letter, or NULL. */
static const char *parse_letters(const char *s, const char **end, unsigned *flags)
{
	const char *start = s;

	*flags = 0;
	for (; *s && *s != ',' && *s != ';'; s++) {
		switch (*s | 0x20) {
		case 'f':
			*flags |= SLAB_F_SANITY;
			break;
		case 'z':
			*flags |= SLAB_F_REDZONE;
			break;
		case 'p':
			*flags |= SLAB_F_POISON;
			break;
		case 'u':
			*flags |= SLAB_F_TRACK;
			break;
		case 't':
			*flags |= SLAB_F_TRACE | SLAB_F_TRACK;
			break;
		default:
			if (*s != '-' || s != start || (s[1] && s[1] != ',' && s[1] != ';'))
				return s;
		}
	}
	if (s == start)
		*flags = FLAGS_ALL;
	*end = s;
	return NULL;
}

static bool pattern_matches(const char *p, const char *end, const char *name)
{
	for (; p < end; p++, name++) {
		if (*p == '*') {
			while (*name && !pattern_matches(p + 1, end, name))
				name++;
			return *name || p + 1 == end;
		}
		if (*p != *name)
			return false;
	}
	return *name == 0;
}

/* Does one of ",pattern,pattern" match? *end: behind the last pattern. */
static bool patterns_match(const char *s, const char **end, const char *name)
{
	bool match = false;

	while (*s == ',') {
		const char *start = ++s;

		while (*s && *s != ',' && *s != ';')
			s++;
		match |= pattern_matches(start, s, name);
	}
	*end = s;
	return match;
}

bool flags_name_in_list(const char *list, const char *name)
{
	const char *end;

	for (; *list; list = end + (*end == ',')) {
		for (end = list; *end && *end != ','; end++)
			;
		if (pattern_matches(list, end, name))
			return true;
	}
	return false;
}

const char *slab_debug_check(const char *text)
{
	const char *s = text, *bad;
	unsigned flags;

	if (!*s)
		return NULL;
	for (;; s++) {
		bad = parse_letters(s, &s, &flags);
		if (bad)
			return bad;
		patterns_match(s, &s, "");
		if (!*s)
			return NULL;
	}
}

static unsigned letters_for_cache(const char *name)
{
	const char *s = options.slab_debug;
	unsigned all = options.mode == MODE_CHECK ? FLAGS_ALL : 0, flags;
	bool global;

	if (!*s || slab_debug_check(s))
		return all;
	for (;; s++) {
		parse_letters(s, &s, &flags);
		global = *s != ',';
		if (patterns_match(s, &s, name))
			return flags;
		if (global)
			all = flags;
		if (!*s)
			return all;
	}
}

unsigned flags_for_cache(const char *name)
{
	unsigned flags = letters_for_cache(name);

	return options.unwritten && flags & SLAB_F_POISON ? flags | SLAB_F_UNWRITTEN : flags;
}
