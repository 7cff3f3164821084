/* SPDX-License-Identifier: BSD-2-Clause */
/* decode/mark.c - where does a headline stand inside of a line, or inside of a block of lines?
 *
 * Whatever logger wrote a line, the headline itself is known.  So a line begins where its headline begins, and all that
 * stands in front of the headline is a prefix.  Each headline that is searched in this way has a mark, some of its
 * letters.  A block of a log is searched for two neighbouring letters of each mark, sixteen places at once, since most
 * lines of most logs hold no mark.  A place that has two such letters is then compared with the whole mark.
 */
#include "config.h"

#include <stdlib.h>

#include "decode/decode_internal.h"

#define LANES 16
typedef uint8_t vector __attribute__((vector_size(LANES)));

/* The text, and which two of its letters are searched for: rare ones. */
/* clang-format would break the braces. */
/* clang-format off */
#define MARK(text, at) { text, sizeof(text) - 1, at }
static const struct mark {
	const char *text;
	uint8_t len, at;
} marks[] = {
	/* "==123==ERROR: AddressSanitizer", "==123== Invalid read" */
	MARK("==", 0),
	/* KASAN, KFENCE, memsan; "BUG kmalloc-64 (Tainted"; "kernel BUG at" */
	MARK("BUG: ", 0),
	MARK("BUG ", 0),
	MARK("unreferenced object 0x", 1),
	MARK("Unable to handle kernel ", 0),
	MARK("list_add ", 3),
	MARK("list_del ", 3),
	MARK("refcount_t: ", 7),
	MARK("UBSAN: ", 0),
	MARK("usercopy: Kernel ", 6),
	/* other tools' reports */
	MARK("WARNING: ThreadSanitizer: ", 6),
	MARK("runtime error: ", 0),
	MARK("*** ", 0),
	MARK("(): ", 0),
	MARK("Scudo ERROR: ", 10),
	MARK("memsan-report/", 5),
};
/* clang-format on */
#undef MARK

/* The mark around p, which has the mark's two letters; NULL: there is none. */
static const char *mark_at(const char *p, const char *start, const char *end)
{
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		const struct mark *m = &marks[i];
		if (p[0] == m->text[m->at] && p[1] == m->text[m->at + 1] && p - start >= m->at &&
		    (size_t)(end - p) >= (size_t)(m->len - m->at) && memcmp(p - m->at, m->text, m->len) == 0)
			return p - m->at;
	}
	return NULL;
}

#define EVERY(letter) ((vector){ 0 } + (uint8_t)(letter))
#define PAIR(a, b) ((here == EVERY(a)) & (next == EVERY(b)))

/* Which of sixteen places have two letters of a mark? */
static inline vector pairs(vector here, vector next)
{
	return (vector)(PAIR('=', '=') | PAIR('B', 'U') | PAIR('n', 'r') | PAIR('U', 'n') | PAIR('t', '_') |
	                PAIR('U', 'B') | PAIR('p', 'y') | PAIR('G', ':') | PAIR('r', 'u') | PAIR('*', '*') |
	                PAIR('(', ')') | PAIR('R', ':') | PAIR('n', '-'));
}

const char *decode_mark_find(const char *start, const char *end)
{
	const char *p = start, *mark;

	for (; end - p > LANES; p += LANES) {
		uint64_t halves[2];
		vector here, next, found;
		memcpy(&here, p, LANES);
		memcpy(&next, p + 1, LANES);
		found = pairs(here, next);
		memcpy(halves, &found, sizeof(halves));
		if (!(halves[0] | halves[1]))
			continue;
		for (size_t half = 0; half < 2; half++)
			for (uint64_t bits = halves[half], byte; bits; bits &= ~(0xffull << byte * 8)) {
				byte = (uint64_t)__builtin_ctzll(bits) / 8;
				mark = mark_at(p + half * 8 + byte, start, end);
				if (mark)
					return mark;
			}
	}
	for (; p + 1 < end; p++)
		if ((mark = mark_at(p, start, end)) != NULL)
			return mark;
	return NULL;
}

/* ---- inside of a line ------------------------------------------------------------------------ */

/* Does a report begin with these words? */
static bool is_headline(const char *p, const char *end, uint64_t caller)
{
	char *text = strndup(p, MIN((size_t)(end - p), (size_t)DECODE_LINE_MAX));
	struct decode_open probe = { .caller = caller, .record = text ? decode_record_new() : NULL };
	bool known = probe.record && decode_headline(text, &probe) != FORM_NONE;

	/* LeakSanitizer's heading has no report of its own; the leaks behind it have its prefix */
	known |= text && starts(text, "==") && strstr(text, "==ERROR: LeakSanitizer: ");
	if (probe.record)
		decode_record_free(probe.record);
	free(text);
	return known;
}

/* "==123==ERROR: …", "==123== Invalid read …" */
static bool headline_with_pid(const char *line, const char *p, const char *end, struct decode_found *found)
{
	size_t token = decode_prefix_valgrind(p, (size_t)(end - p), &found->caller);
	const char *behind;

	found->at = found->text = (size_t)(p - line);
	if (token && is_headline(p + token, end, found->caller)) {
		found->text += token;
		return true;
	}
	found->caller = 0;
	for (behind = p + 2; behind < end && *behind >= '0' && *behind <= '9'; behind++)
		;
	return behind > p + 2 && end - behind > 10 && behind[0] == '=' && behind[1] == '=' && is_headline(p, end, 0);
}

/* Does a word go on at p?  "\n", "|n" and "%0A" are new lines in strings. */
static bool inside_word(const char *line, const char *p)
{
	char before = p > line ? p[-1] : ' ';
	bool letter = (before >= 'a' && before <= 'z') || (before >= 'A' && before <= 'Z') || before == '_';

	if (p - line >= 2 && before == 'n' && (p[-2] == '\\' || p[-2] == '|'))
		return false;
	if (p - line >= 3 && memcmp(p - 3, "%0A", 3) == 0)
		return false;
	return letter;
}

/* A report of memsan as JSON, also inside of a string: {"schema":"memsan-report/1" */
static bool headline_json(const char *line, const char *p, const char *end, struct decode_found *found)
{
	const char *brace = memrchr(line, '{', (size_t)(p - line));

	found->caller = 0;
	found->at = found->text = brace ? (size_t)(brace - line) : 0;
	return brace && p - brace < 40 && memmem(brace, (size_t)(end - brace), "schema", 6);
}

/* Where does the headline begin whose mark stands at p?  In front of the mark there may be words of the headline. */
static bool headline_around(const char *line, const char *p, const char *end, struct decode_found *found)
{
	static const char *const fronts[] = { "kmemleak: ", "", "kernel " };
	const char *place = p;

	found->caller = 0;
	for (size_t i = 0; i <= ARRAY_SIZE(fronts); i++) {
		size_t len = i < ARRAY_SIZE(fronts) ? strlen(fronts[i]) : 0;
		const char *start = p - len;
		if ((size_t)(p - line) < len || (len && memcmp(start, fronts[i], len) != 0))
			continue;
		if (i == ARRAY_SIZE(fronts)) { /* "a.c:3:5: runtime error: …" */
			for (place -= place > line; place > line && place[-1] > ' '; place--)
				;
			start = place;
		}
		if (inside_word(line, start) || !is_headline(start, end, 0))
			continue;
		found->at = found->text = (size_t)(start - line);
		return true;
	}
	return false;
}

/* A tombstone quotes the report of another tool, and has its stack. */
static bool quoted_by_tombstone(const char *line, const char *p)
{
	return memmem(line, (size_t)(p - line), "Abort message: \'", 16) != NULL;
}

bool decode_mark_headline(const char *line, size_t len, struct decode_found *found)
{
	const char *end = line + len, *p = line;

	for (; (p = decode_mark_find(p, end)) != NULL; p++)
		if (quoted_by_tombstone(line, p))
			return false;
		else if (*p == '='   ? headline_with_pid(line, p, end, found)
		         : *p == 'm' ? headline_json(line, p, end, found)
		                     : headline_around(line, p, end, found))
			return true;
	return false;
}
