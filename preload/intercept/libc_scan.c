/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_scan.c - interceptors of the string functions that only read: lengths, comparisons, searches,
 * tokens.
 *
 * Each is checked exactly as far as it reads: strchr to its character, strspn to the first character outside the set,
 * strcmp to the first difference. A scan for the terminator first would be simpler, but a program that walks through a
 * large text with strchr would then take quadratic time. So these functions walk chunk by chunk, as libc_scan_byte
 * does, and mostly have the result when the walk is done. A walk with two stops (the character, the terminator) looks
 * for both in one chunk, so it may read behind the first stop. Such a chunk never leaves its page, because the next
 * page may be unreadable. */
#include "preload/intercept/intercept.h"

#include <ctype.h>

/* The first chunk of a walk, in which most strings end, and the largest. */
#define WALK_FIRST 64
#define WALK_LARGEST 4096

/* ---- lengths --------------------------------------------------------------------------------- */

INTERCEPT(size_t, strlen, (const char *s), (s), libc_foreign(s))
{
	size_t len;
	return check_string(s, SIZE_MAX, &len, ENTRY) ? len : REAL(strlen)(s);
}

INTERCEPT(size_t, strnlen, (const char *s, size_t n), (s, n), libc_foreign(s))
{
	size_t len;
	return check_string(s, n, &len, ENTRY) ? len : REAL(strnlen)(s, n);
}

/* ---- comparisons ----------------------------------------------------------------------------- */

typedef int compare_fn(const char *a, const char *b, size_t n);

/* Compares from `done` on, chunk by chunk, only as far as both strings are readable. *verdict is the result. False
 * after a report: the result depends on a bad byte. */
static bool compare_strings(const char *a, const char *b, size_t done, size_t max, compare_fn *compare, int *verdict,
                            const char *entry)
{
	check_whole(a, max, entry);
	check_whole(b, max, entry);
	*verdict = 0;
	for (size_t chunk = WALK_FIRST; done < max; chunk = MIN(chunk * 2, (size_t)WALK_LARGEST)) {
		size_t want = MIN(chunk, max - done);
		struct libc_scan in_a = libc_extent(a + done, want), in_b = libc_extent(b + done, want);
		const struct libc_scan *end;
		size_t good = MIN(in_a.len, in_b.len);
		const char *known;

		*verdict = compare(a + done, b + done, good);
		/* The strings are equal so far, so a terminator in one is a terminator in both. */
		known = libc_covers(a) ? a : b;
		if (*verdict || REAL(memchr)(known + done, 0, good))
			return true;
		done += good;
		end = in_a.len == good && in_a.bad ? &in_a : &in_b;
		if (unlikely(end->len == good && end->bad)) {
			libc_report_range(end == &in_a ? a : b, done + 1, end->bad, ACCESS_READ, entry);
			return false;
		}
	}
	return true;
}

/* Compares eight bytes of each string. False: they are equal and contain no terminator. */
__inline_hot bool compare_eight(const char *a, const char *b, int *verdict)
{
	const uint64_t ones = ~(uint64_t)0 / 255;
	uint64_t x, y, stop;
	unsigned shift;

	__builtin_memcpy(&x, a, 8);
	__builtin_memcpy(&y, b, 8);
	/* The lowest set bit is right; a borrow can only spoil the bits above it. */
	stop = (x ^ y) | ((x - ones) & ~x & ones << 7);
	if (!stop)
		return false;
	shift = (unsigned)__builtin_ctzll(stop) & ~7u;
	*verdict = (int)(x >> shift & 0xff) - (int)(y >> shift & 0xff);
	return true;
}

/* The beginning of strcmp, which decides most calls. Compares eight bytes at a time, as far as one load of shadow for
 * each string shows good bytes (for a foreign string: to the end of its page). Returns the number of equal bytes
 * without a terminator; *decided tells that *verdict is the result. */
static inline size_t compare_beginning(const char *a, const char *b, size_t max, int *verdict, bool *decided)
{
	size_t in_a = MIN(libc_rest_of_page(a), libc_covers(a) ? libc_good_ahead(a) : PAGE_SIZE);
	size_t in_b = MIN(libc_rest_of_page(b), libc_covers(b) ? libc_good_ahead(b) : PAGE_SIZE);
	size_t good = MIN(max, MIN(in_a, in_b)), done = 0;

	*decided = true;
	for (; done + 8 <= good; done += 8)
		if (compare_eight(a + done, b + done, verdict))
			return done;
	for (; done < good; done++) {
		*verdict = (int)(unsigned char)a[done] - (int)(unsigned char)b[done];
		if (*verdict || !a[done])
			return done;
	}
	*decided = done == max;
	*verdict = 0;
	return done;
}

/* The first eight bytes decide most calls. */
__inline_hot bool compare_quickly(const char *a, const char *b, int *verdict)
{
	return libc_eight_good(a) && libc_eight_good(b) && compare_eight(a, b, verdict);
}

/* strcmp and strncmp. */
static bool compare_bytes(const char *a, const char *b, size_t max, int *verdict, const char *entry)
{
	bool decided;
	size_t done = compare_beginning(a, b, max, verdict, &decided);

	return (decided && likely(!options.strict_strings)) ||
	       compare_strings(a, b, done, max, REAL(strncmp), verdict, entry);
}

static __attribute__((noinline)) int strcmp_further(const char *a, const char *b, const char *entry)
{
	int verdict;

	if (!(libc_covers(a) || libc_covers(b)))
		return REAL(strcmp)(a, b);
	return compare_bytes(a, b, SIZE_MAX, &verdict, entry) ? verdict : REAL(strcmp)(a, b);
}

static __attribute__((noinline)) int strncmp_further(const char *a, const char *b, size_t n, const char *entry)
{
	int verdict;

	if (!(libc_covers(a) || libc_covers(b)))
		return REAL(strncmp)(a, b, n);
	return compare_bytes(a, b, n, &verdict, entry) ? verdict : REAL(strncmp)(a, b, n);
}

#define COMPARE(name, with)                                                                                          \
	INTERCEPT(int, name, (const char *a, const char *b), (a, b), libc_foreign(a) && libc_foreign(b))             \
	{                                                                                                            \
		int verdict;                                                                                         \
		if (!(libc_covers(a) || libc_covers(b)))                                                             \
			return REAL(name)(a, b);                                                                     \
		return compare_strings(a, b, 0, SIZE_MAX, REAL(with), &verdict, ENTRY) ? verdict : REAL(name)(a, b); \
	}
INTERCEPT(int, strcmp, (const char *a, const char *b), (a, b), libc_foreign(a) && libc_foreign(b))
{
	int verdict;
	return likely(compare_quickly(a, b, &verdict)) ? verdict : strcmp_further(a, b, ENTRY);
}

INTERCEPT(int, strncmp, (const char *a, const char *b, size_t n), (a, b, n), libc_foreign(a) && libc_foreign(b))
{
	int verdict;
	return likely(n >= 8) && likely(compare_quickly(a, b, &verdict)) ? verdict : strncmp_further(a, b, n, ENTRY);
}

COMPARE(strcasecmp, strncasecmp)
COMPARE(__strcasecmp, strncasecmp)

INTERCEPT(int, strncasecmp, (const char *a, const char *b, size_t n), (a, b, n), libc_foreign(a) && libc_foreign(b))
{
	int verdict;
	if (!(libc_covers(a) || libc_covers(b)))
		return REAL(strncasecmp)(a, b, n);
	return compare_strings(a, b, 0, n, REAL(strncasecmp), &verdict, ENTRY) ? verdict : REAL(strncasecmp)(a, b, n);
}

/* Collation may read both strings to the end. */
INTERCEPT(int, strcoll, (const char *a, const char *b), (a, b), libc_foreign(a) && libc_foreign(b))
{
	size_t len;
	if (check_string(a, SIZE_MAX, &len, ENTRY))
		check_string(b, SIZE_MAX, &len, ENTRY);
	return REAL(strcoll)(a, b);
}

/* ---- one character --------------------------------------------------------------------------- */

/* Index of the first c or terminator.  False after a report. */
static bool find_character(const char *s, int c, size_t *index, const char *entry)
{
	size_t done = 0;

	check_whole(s, SIZE_MAX, entry);
	for (size_t chunk = WALK_FIRST;; chunk = MIN(chunk * 2, (size_t)WALK_LARGEST)) {
		struct libc_scan in = libc_extent(s + done, MIN(chunk, libc_rest_of_page(s + done)));
		const char *end = REAL(memchr)(s + done, 0, in.len);
		const char *hit = REAL(memchr)(s + done, c, end ? (size_t)(end - (s + done)) : in.len);
		if (hit || end) {
			*index = (size_t)((hit ? hit : end) - s);
			return true;
		}
		done += in.len;
		if (unlikely(in.bad)) {
			libc_report_range(s, done + 1, in.bad, ACCESS_READ, entry);
			return false;
		}
	}
}

#define FIND_CHARACTER(name, none)                                               \
	INTERCEPT(char *, name, (const char *s, int c), (s, c), libc_foreign(s)) \
	{                                                                        \
		size_t i;                                                        \
		if (!libc_covers(s) || !find_character(s, c, &i, ENTRY))         \
			return REAL(name)(s, c);                                 \
		return s[i] == (char)c ? (char *)s + i : none;                   \
	}
FIND_CHARACTER(strchr, NULL)
FIND_CHARACTER(index, NULL)
FIND_CHARACTER(strchrnul, (char *)s + i)

/* Only the terminator tells which one is the last. */
#define FIND_LAST(name)                                                          \
	INTERCEPT(char *, name, (const char *s, int c), (s, c), libc_foreign(s)) \
	{                                                                        \
		size_t len;                                                      \
		check_string(s, SIZE_MAX, &len, ENTRY);                          \
		return REAL(name)(s, c);                                         \
	}
FIND_LAST(strrchr)
FIND_LAST(rindex)

/* ---- a string in a string -------------------------------------------------------------------- */

/* Finds `what` in s; NULL: it is not there. A match may begin in one chunk and end in the next. *ok is false after a
 * report. */
static char *find_string(const char *s, const char *what, size_t what_len, bool *ok, const char *entry)
{
	size_t done = 0;

	check_whole(s, SIZE_MAX, entry);
	for (size_t chunk = WALK_FIRST;; chunk = MIN(chunk * 2, (size_t)WALK_LARGEST)) {
		struct libc_scan in = libc_extent(s + done, MIN(chunk, libc_rest_of_page(s + done)));
		const char *end = REAL(memchr)(s + done, 0, in.len);
		size_t from = done >= what_len ? done - what_len + 1 : 0;
		size_t to = end ? (size_t)(end - s) : done + in.len;
		char *hit = REAL(memmem)(s + from, to - from, what, what_len);
		if (hit || end)
			return hit;
		done = to;
		if (unlikely(in.bad)) {
			*ok = false;
			libc_report_range(s, done + 1, in.bad, ACCESS_READ, entry);
			return NULL;
		}
	}
}

INTERCEPT(char *, strstr, (const char *s, const char *what), (s, what), libc_foreign(s) && libc_foreign(what))
{
	size_t len;
	bool ok = check_string(what, SIZE_MAX, &len, ENTRY);
	char *hit;

	if (!ok || !len || !libc_covers(s))
		return REAL(strstr)(s, what);
	hit = find_string(s, what, len, &ok, ENTRY);
	return ok ? hit : REAL(strstr)(s, what);
}

/* The first letters decide most calls, without a call of libc's function. */
static bool letters_match(const char *s, const char *what, size_t what_len)
{
	return tolower((unsigned char)*s) == tolower((unsigned char)*what) && REAL(strncasecmp)(s, what, what_len) == 0;
}

static bool find_letters(const char *s, const char *what, size_t what_len, char **hit, const char *entry)
{
	size_t good = 0;
	uintptr_t bad = 0;

	check_whole(s, SIZE_MAX, entry);
	*hit = NULL;
	for (size_t i = 0;; i++) {
		while (i + what_len > good && !bad) {
			struct libc_scan in = libc_extent(s + good, MAX((size_t)WALK_FIRST, what_len));
			good += in.len;
			bad = in.bad;
		}
		if (unlikely(i == good)) {
			libc_report_range(s, good + 1, bad, ACCESS_READ, entry);
			return false;
		}
		if (i + what_len <= good && letters_match(s + i, what, what_len))
			*hit = (char *)s + i;
		if (*hit || !s[i])
			return true;
	}
}

#define FIND_LETTERS(name)                                                                                           \
	INTERCEPT(char *, name, (const char *s, const char *what), (s, what), libc_foreign(s) && libc_foreign(what)) \
	{                                                                                                            \
		size_t len;                                                                                          \
		char *hit;                                                                                           \
		if (!check_string(what, SIZE_MAX, &len, ENTRY) || !len || !libc_covers(s))                           \
			return REAL(name)(s, what);                                                                  \
		return find_letters(s, what, len, &hit, ENTRY) ? hit : REAL(name)(s, what);                          \
	}
FIND_LETTERS(strcasestr)
FIND_LETTERS(__strcasestr)

/* ---- sets of characters ---------------------------------------------------------------------- */

struct character_set {
	uint64_t bits[4];
};

static bool set_holds(const struct character_set *set, char c)
{
	return set->bits[(unsigned char)c >> 6] >> ((unsigned char)c & 63) & 1;
}

/* Reads a set argument and computes `stop`, the characters that end a walk: those outside of the set, or those in it,
 * and in both cases the terminator. */
static bool set_read(struct character_set *stop, const char *text, bool stop_inside, const char *entry)
{
	size_t len;
	*stop = (struct character_set){ { 0 } };
	if (!check_string(text, SIZE_MAX, &len, entry))
		return false;
	for (size_t i = 0; i < len; i++)
		stop->bits[(unsigned char)text[i] >> 6] |= (uint64_t)1 << ((unsigned char)text[i] & 63);
	for (unsigned i = 0; !stop_inside && i < ARRAY_SIZE(stop->bits); i++)
		stop->bits[i] = ~stop->bits[i];
	stop->bits[0] |= 1;
	return true;
}

/* Index of the first character in `stop`, counted from s, from index `start` on.  False after a report. */
static bool walk_to(const char *s, size_t start, const struct character_set *stop, size_t *index, const char *entry)
{
	size_t i = start;

	check_whole(s, SIZE_MAX, entry);
	for (size_t chunk = WALK_FIRST;; chunk = MIN(chunk * 2, (size_t)WALK_LARGEST)) {
		struct libc_scan in = libc_extent(s + i, chunk);
		for (size_t end = i + in.len; i < end; i++) {
			if (!set_holds(stop, s[i]))
				continue;
			*index = i;
			return true;
		}
		if (unlikely(in.bad)) {
			libc_report_range(s, i + 1, in.bad, ACCESS_READ, entry);
			return false;
		}
	}
}

/* A foreign s needs no walk, and libc's own function is faster. */
#define FIND_SET(type, name, stop_inside, result)                                                                     \
	INTERCEPT(type, name, (const char *s, const char *set), (s, set), libc_foreign(s) && libc_foreign(set))       \
	{                                                                                                             \
		struct character_set stop;                                                                            \
		size_t i;                                                                                             \
		if (!set_read(&stop, set, stop_inside, ENTRY) || !libc_covers(s) || !walk_to(s, 0, &stop, &i, ENTRY)) \
			return REAL(name)(s, set);                                                                    \
		return result;                                                                                        \
	}
FIND_SET(size_t, strspn, false, i)
FIND_SET(size_t, strcspn, true, i)
FIND_SET(char *, strpbrk, true, s[i] ? (char *)s + i : NULL)

/* ---- tokens: delimiters are skipped, then a token is walked over and cut off by a zero ------- */

static void check_token(const char *s, const char *delimiters, bool skip_first, const char *entry)
{
	struct character_set stop;
	size_t i = 0;
	if (!s || !libc_covers(s))
		return;
	if (skip_first && (!set_read(&stop, delimiters, false, entry) || !walk_to(s, 0, &stop, &i, entry)))
		return;
	if (set_read(&stop, delimiters, true, entry))
		walk_to(s, i, &stop, &i, entry);
}

/* libc remembers strtok's place privately. So a call with NULL, which goes on from that place, is checked afterwards:
 * libc has read the token. */
INTERCEPT(char *, strtok, (char *s, const char *delimiters), (s, delimiters),
          s && libc_foreign(s) && libc_foreign(delimiters))
{
	size_t len;
	char *token;

	check_token(s, delimiters, true, ENTRY);
	token = REAL(strtok)(s, delimiters);
	if (!s && token)
		check_string(token, SIZE_MAX, &len, ENTRY);
	return token;
}

/* The place is in the caller's *save. After the first call the string is there too. */
#define STRTOK_R(name)                                                                                        \
	INTERCEPT(char *, name, (char *s, const char *delimiters, char **save), (s, delimiters, save), false) \
	{                                                                                                     \
		if (check_write(save, sizeof(*save), ENTRY))                                                  \
			check_token(s ? s : *save, delimiters, true, ENTRY);                                  \
		return REAL(name)(s, delimiters, save);                                                       \
	}
STRTOK_R(strtok_r)
STRTOK_R(__strtok_r)

INTERCEPT(char *, strsep, (char **s, const char *delimiters), (s, delimiters), false)
{
	if (check_write(s, sizeof(*s), ENTRY))
		check_token(*s, delimiters, false, ENTRY);
	return REAL(strsep)(s, delimiters);
}
