/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_wcs.c - interceptors of the wide character functions and of the conversions between both kinds
 * of strings. */
#include "preload/intercept/intercept.h"

#define WIDE sizeof(wchar_t)
#define FOREIGN_MOVE (libc_foreign(dst) && libc_foreign(src))
#define FOREIGN_COPY (FOREIGN_MOVE && libc_far(dst, src))

/* Stores the bytes of n wide characters. A count whose bytes do not fit in size_t is reported as a negative one. */
static bool wide_size(const void *p, size_t n, size_t *bytes, enum report_access access, const char *entry)
{
	if (unlikely(n > PTRDIFF_MAX / WIDE)) {
		libc_report_negative(p, n, access, entry);
		return false;
	}
	*bytes = n * WIDE;
	return true;
}

/* ---- wmem* ----------------------------------------------------------------------------------- */

enum copy_verdict { COPY_PLAIN, COPY_MOVE, COPY_SKIP };

static enum copy_verdict copy_check(wchar_t *dst, const wchar_t *src, size_t n, bool may_overlap, const char *entry)
{
	size_t bytes;
	bool overlap;

	if (!wide_size(dst, n, &bytes, ACCESS_WRITE, entry))
		return COPY_SKIP;
	overlap = !may_overlap && dst != src && ranges_overlap(dst, bytes, src, bytes);
	if (unlikely(overlap))
		libc_report_overlap(dst, bytes, src, bytes, entry);
	if (check_read(src, bytes, entry))
		check_write(dst, bytes, entry);
	return unlikely(overlap) ? COPY_MOVE : COPY_PLAIN;
}

INTERCEPT(wchar_t *, wmemcpy, (wchar_t *dst, const wchar_t *src, size_t n), (dst, src, n), FOREIGN_COPY)
{
	enum copy_verdict verdict = copy_check(dst, src, n, false, ENTRY);
	return verdict == COPY_SKIP ? dst : REAL(wmemmove)(dst, src, n);
}

INTERCEPT(wchar_t *, wmemmove, (wchar_t *dst, const wchar_t *src, size_t n), (dst, src, n), FOREIGN_MOVE)
{
	return copy_check(dst, src, n, true, ENTRY) == COPY_SKIP ? dst : REAL(wmemmove)(dst, src, n);
}

INTERCEPT(wchar_t *, wmempcpy, (wchar_t *dst, const wchar_t *src, size_t n), (dst, src, n), FOREIGN_COPY)
{
	enum copy_verdict verdict = copy_check(dst, src, n, false, ENTRY);
	return verdict == COPY_SKIP ? dst : REAL(wmemmove)(dst, src, n) + n;
}

INTERCEPT(wchar_t *, wmemset, (wchar_t *dst, wchar_t c, size_t n), (dst, c, n), libc_foreign(dst))
{
	size_t bytes;
	if (!wide_size(dst, n, &bytes, ACCESS_WRITE, ENTRY))
		return dst;
	check_write(dst, bytes, ENTRY);
	return REAL(wmemset)(dst, c, n);
}

#define WIDE_COPY_CHK(name, may_overlap, result)                                                                     \
	INTERCEPT(wchar_t *, name, (wchar_t *dst, const wchar_t *src, size_t n, size_t room), (dst, src, n, room), \
	          FOREIGN_COPY) \
	{                                                                                                            \
		if (copy_check(dst, src, n, may_overlap, ENTRY) != COPY_MOVE)                                        \
			return REAL(name)(dst, src, n, room);                                                        \
		REAL(__wmemmove_chk)(dst, src, n, room);                                                             \
		return result;                                                                                       \
	}
WIDE_COPY_CHK(__wmemcpy_chk, false, dst)
WIDE_COPY_CHK(__wmemmove_chk, true, dst)
WIDE_COPY_CHK(__wmempcpy_chk, false, dst + n)

INTERCEPT(wchar_t *, __wmemset_chk, (wchar_t *dst, wchar_t c, size_t n, size_t room), (dst, c, n, room),
          libc_foreign(dst))
{
	size_t bytes;
	if (wide_size(dst, n, &bytes, ACCESS_WRITE, ENTRY))
		check_write(dst, bytes, ENTRY);
	return REAL(__wmemset_chk)(dst, c, n, room);
}

INTERCEPT(wchar_t *, wmemchr, (const wchar_t *s, wchar_t c, size_t n), (s, c, n), libc_foreign(s))
{
	struct libc_scan scan = libc_scan_wide(s, c, n);
	if (unlikely(scan.bad)) {
		libc_report_range(s, (scan.len + 1) * WIDE, scan.bad, ACCESS_READ, ENTRY);
		return REAL(wmemchr)(s, c, n);
	}
	return scan.len < n ? (wchar_t *)s + scan.len : NULL;
}

/* ---- comparisons: as far as the first difference, like memcmp and strcmp --------------------- */

#define COMPARE_FIRST 16
#define COMPARE_LARGEST 1024

typedef int compare_fn(const wchar_t *a, const wchar_t *b, size_t n);

/* The whole wide characters that may be read from p on, at most max, and the bad byte behind them, or 0. */
static struct libc_scan wide_extent(const wchar_t *p, size_t max)
{
	struct libc_scan scan = { max, libc_covers(p) ? libc_find_bad(p, max * WIDE) : 0 };
	if (scan.bad)
		scan.len = (scan.bad - (uintptr_t)p) / WIDE;
	return scan;
}

static bool compare_wide(const wchar_t *a, const wchar_t *b, size_t max, compare_fn *compare, bool strings,
                         int *verdict, const char *entry)
{
	const wchar_t *known = libc_covers(a) ? a : b;
	*verdict = 0;
	for (size_t done = 0, chunk = COMPARE_FIRST; done < max; chunk = MIN(chunk * 2, (size_t)COMPARE_LARGEST)) {
		size_t want = MIN(chunk, max - done);
		struct libc_scan in_a = wide_extent(a + done, want), in_b = wide_extent(b + done, want);
		size_t good = MIN(in_a.len, in_b.len);
		*verdict = compare(a + done, b + done, good);
		if (*verdict || (strings && REAL(wmemchr)(known + done, 0, good)))
			return true;
		done += good;
		if (unlikely(good < want)) {
			bool first = in_a.len == good;
			libc_report_range(first ? a : b, (done + 1) * WIDE, first ? in_a.bad : in_b.bad, ACCESS_READ,
			                  entry);
			return false;
		}
	}
	return true;
}

#define FOREIGN_BOTH (libc_foreign(a) && libc_foreign(b))

#define WIDE_COMPARE(name, with)                                                         \
	INTERCEPT(int, name, (const wchar_t *a, const wchar_t *b), (a, b), FOREIGN_BOTH) \
	{                                                                                \
		int verdict;                                                             \
		if (!(libc_covers(a) || libc_covers(b)) ||                               \
		    !compare_wide(a, b, SIZE_MAX, REAL(with), true, &verdict, ENTRY))    \
			return REAL(name)(a, b);                                         \
		return verdict;                                                          \
	}
WIDE_COMPARE(wcscmp, wcsncmp)
WIDE_COMPARE(wcscasecmp, wcsncasecmp)

#define WIDE_BOUNDED_COMPARE(name, strings)                                                           \
	INTERCEPT(int, name, (const wchar_t *a, const wchar_t *b, size_t n), (a, b, n), FOREIGN_BOTH) \
	{                                                                                             \
		int verdict;                                                                          \
		if (!(libc_covers(a) || libc_covers(b)) ||                                            \
		    !compare_wide(a, b, n, REAL(name), strings, &verdict, ENTRY))                     \
			return REAL(name)(a, b, n);                                                   \
		return verdict;                                                                       \
	}
WIDE_BOUNDED_COMPARE(wcsncmp, true)
WIDE_BOUNDED_COMPARE(wcsncasecmp, true)
WIDE_BOUNDED_COMPARE(wmemcmp, false)

/* ---- strings that are read: as a whole; by wcschr only up to its character ------------------- */

INTERCEPT(size_t, wcslen, (const wchar_t *s), (s), libc_foreign(s))
{
	size_t len;
	return check_wide_string(s, SIZE_MAX, &len, ENTRY) ? len : REAL(wcslen)(s);
}

INTERCEPT(size_t, wcsnlen, (const wchar_t *s, size_t n), (s, n), libc_foreign(s))
{
	size_t len;
	return check_wide_string(s, n, &len, ENTRY) ? len : REAL(wcsnlen)(s, n);
}

/* How far a walk reads ahead of the character at which it stops: never into the next page. */
static struct libc_scan wide_chunk(const wchar_t *s, size_t max)
{
	size_t rest = libc_rest_of_page(s) / WIDE;

	return wide_extent(s, rest ? MIN(max, rest) : 1);
}

/* Reports a string that has neither its end nor a character at which the walk stops in good memory. */
static void check_wide_walk(const wchar_t *s, const wchar_t *set, bool stop_inside, const char *entry)
{
	size_t done = 0;

	if (!libc_covers(s))
		return;
	for (size_t chunk = COMPARE_FIRST;; chunk = MIN(chunk * 2, (size_t)COMPARE_LARGEST)) {
		struct libc_scan in = wide_chunk(s + done, chunk);

		for (size_t end = done + in.len; done < end; done++)
			if (!s[done] || (REAL(wcschr)(set, s[done]) != NULL) == stop_inside)
				return;
		if (unlikely(in.bad)) {
			libc_report_range(s, (done + 1) * WIDE, in.bad, ACCESS_READ, entry);
			return;
		}
	}
}

#define WIDE_FIND(name)                                                                    \
	INTERCEPT(wchar_t *, name, (const wchar_t *s, wchar_t c), (s, c), libc_foreign(s)) \
	{                                                                                  \
		const wchar_t set[2] = { c, 0 };                                           \
		check_wide_walk(s, set, true, ENTRY);                                      \
		return REAL(name)(s, c);                                                   \
	}
WIDE_FIND(wcschr)
WIDE_FIND(wcschrnul)

INTERCEPT(wchar_t *, wcsrchr, (const wchar_t *s, wchar_t c), (s, c), libc_foreign(s))
{
	size_t len;
	check_wide_string(s, SIZE_MAX, &len, ENTRY);
	return REAL(wcsrchr)(s, c);
}

#define WIDE_FIND_SET(type, name, stop_inside)                                                                        \
	INTERCEPT(type, name, (const wchar_t *s, const wchar_t *set), (s, set), libc_foreign(s) && libc_foreign(set)) \
	{                                                                                                             \
		size_t len;                                                                                           \
		if (check_wide_string(set, SIZE_MAX, &len, ENTRY))                                                    \
			check_wide_walk(s, set, stop_inside, ENTRY);                                                  \
		return REAL(name)(s, set);                                                                            \
	}
WIDE_FIND_SET(size_t, wcsspn, false)
WIDE_FIND_SET(size_t, wcscspn, true)
WIDE_FIND_SET(wchar_t *, wcspbrk, true)

/* Reports a string that has neither its end nor `what` in good memory. */
static void check_wide_search(const wchar_t *s, const wchar_t *what, size_t n, const char *entry)
{
	size_t done = 0, from = 0;

	for (size_t chunk = COMPARE_FIRST;; chunk = MIN(chunk * 2, (size_t)COMPARE_LARGEST)) {
		struct libc_scan in = wide_chunk(s + done, chunk);
		bool ends = REAL(wmemchr)(s + done, 0, in.len) != NULL;

		done += in.len;
		for (; from + n <= done; from++)
			if (s[from] == what[0] && REAL(wmemcmp)(s + from, what, n) == 0)
				return;
		if (ends)
			return;
		if (unlikely(in.bad)) {
			libc_report_range(s, (done + 1) * WIDE, in.bad, ACCESS_READ, entry);
			return;
		}
	}
}

INTERCEPT(wchar_t *, wcsstr, (const wchar_t *s, const wchar_t *what), (s, what), libc_foreign(s) && libc_foreign(what))
{
	size_t n;

	if (check_wide_string(what, SIZE_MAX, &n, ENTRY) && n && libc_covers(s))
		check_wide_search(s, what, n, ENTRY);
	return REAL(wcsstr)(s, what);
}

INTERCEPT(wchar_t *, wcsdup, (const wchar_t *s), (s), libc_foreign(s))
{
	size_t len;
	check_wide_string(s, SIZE_MAX, &len, ENTRY);
	return REAL(wcsdup)(s);
}

/* ---- strings that are copied ----------------------------------------------------------------- */

/* *n: characters with the terminator. False: libc's own function is to make the copy. */
static bool wide_string_copy(wchar_t *dst, const wchar_t *src, size_t *n, const char *entry)
{
	bool overlap;

	if (!check_wide_string(src, SIZE_MAX, n, entry))
		return false;
	*n += 1;
	overlap = ranges_overlap(dst, *n * WIDE, src, *n * WIDE);
	if (unlikely(overlap))
		libc_report_overlap(dst, *n * WIDE, src, *n * WIDE, entry);
	check_write(dst, *n * WIDE, entry);
	return overlap;
}

#define WIDE_STRING_COPY(name, result)                                                           \
	INTERCEPT(wchar_t *, name, (wchar_t *dst, const wchar_t *src), (dst, src), FOREIGN_COPY) \
	{                                                                                        \
		size_t n;                                                                        \
		if (!wide_string_copy(dst, src, &n, ENTRY))                                      \
			return REAL(name)(dst, src);                                             \
		REAL(wmemmove)(dst, src, n);                                                     \
		return result;                                                                   \
	}
WIDE_STRING_COPY(wcscpy, dst)
WIDE_STRING_COPY(wcpcpy, dst + n - 1)

#define WIDE_STRING_COPY_CHK(name, result)                                                                          \
	INTERCEPT(wchar_t *, name, (wchar_t *dst, const wchar_t *src, size_t room), (dst, src, room), FOREIGN_COPY) \
	{                                                                                                           \
		size_t n;                                                                                           \
		if (!wide_string_copy(dst, src, &n, ENTRY))                                                         \
			return REAL(name)(dst, src, room);                                                          \
		REAL(__wmemmove_chk)(dst, src, n, room);                                                            \
		return result;                                                                                      \
	}
WIDE_STRING_COPY_CHK(__wcscpy_chk, dst)
WIDE_STRING_COPY_CHK(__wcpcpy_chk, dst + n - 1)

/* All n characters of dst are written. */
static bool wide_bounded_copy(wchar_t *dst, const wchar_t *src, size_t n, const char *entry)
{
	size_t len, bytes, copied;

	if (!wide_size(dst, n, &bytes, ACCESS_WRITE, entry))
		return false;
	if (!check_wide_string(src, n, &len, entry))
		return true;
	copied = MIN(len + 1, n) * WIDE;
	if (unlikely(ranges_overlap(dst, copied, src, copied)))
		libc_report_overlap(dst, copied, src, copied, entry);
	check_write(dst, bytes, entry);
	return true;
}

#define WIDE_BOUNDED_COPY(name)                                                                               \
	INTERCEPT(wchar_t *, name, (wchar_t *dst, const wchar_t *src, size_t n), (dst, src, n), FOREIGN_COPY) \
	{                                                                                                     \
		return wide_bounded_copy(dst, src, n, ENTRY) ? REAL(name)(dst, src, n) : dst;                 \
	}
WIDE_BOUNDED_COPY(wcsncpy)
WIDE_BOUNDED_COPY(wcpncpy)

#define WIDE_BOUNDED_COPY_CHK(name)                                                                                  \
	INTERCEPT(wchar_t *, name, (wchar_t *dst, const wchar_t *src, size_t n, size_t room), (dst, src, n, room), \
	          FOREIGN_COPY) \
	{                                                                                                            \
		wide_bounded_copy(dst, src, n, ENTRY);                                                               \
		return REAL(name)(dst, src, n, room);                                                                \
	}
WIDE_BOUNDED_COPY_CHK(__wcsncpy_chk)
WIDE_BOUNDED_COPY_CHK(__wcpncpy_chk)

static void wide_append(wchar_t *dst, const wchar_t *src, size_t max, const char *entry)
{
	size_t src_len, dst_len, src_read, whole;

	if (!check_wide_string(src, max, &src_len, entry) || !check_wide_string(dst, SIZE_MAX, &dst_len, entry))
		return;
	src_read = (src_len < max ? src_len + 1 : src_len) * WIDE;
	whole = (dst_len + src_len + 1) * WIDE;
	if (src_len && unlikely(ranges_overlap(dst, whole, src, src_read)))
		libc_report_overlap(dst, whole, src, src_read, entry);
	check_write(dst + dst_len, (src_len + 1) * WIDE, entry);
}

INTERCEPT(wchar_t *, wcscat, (wchar_t *dst, const wchar_t *src), (dst, src), FOREIGN_COPY)
{
	wide_append(dst, src, SIZE_MAX, ENTRY);
	return REAL(wcscat)(dst, src);
}

INTERCEPT(wchar_t *, wcsncat, (wchar_t *dst, const wchar_t *src, size_t n), (dst, src, n), FOREIGN_COPY)
{
	wide_append(dst, src, n, ENTRY);
	return REAL(wcsncat)(dst, src, n);
}

INTERCEPT(wchar_t *, __wcscat_chk, (wchar_t *dst, const wchar_t *src, size_t room), (dst, src, room), FOREIGN_COPY)
{
	wide_append(dst, src, SIZE_MAX, ENTRY);
	return REAL(__wcscat_chk)(dst, src, room);
}

INTERCEPT(wchar_t *, __wcsncat_chk, (wchar_t *dst, const wchar_t *src, size_t n, size_t room), (dst, src, n, room),
          FOREIGN_COPY)
{
	wide_append(dst, src, n, ENTRY);
	return REAL(__wcsncat_chk)(dst, src, n, room);
}

/* ---- conversions ----------------------------------------------------------------------------- */

/* Checks the destination of a conversion. All conversions return the number of elements written, without the
 * terminator, which is written if there is room. After -1 (a bad sequence) the number of elements written is not known.
 * A call with dst NULL only asks for the length. `unit` is the size of an element. */
static void check_converted(void *dst, size_t ret, size_t n, size_t unit, const char *entry)
{
	if (dst && ret != (size_t)-1)
		check_write(dst, (ret < n ? ret + 1 : ret) * unit, entry);
}

/* The source of the plain forms is a string. It is checked only if the call converted the whole string. */
INTERCEPT(size_t, mbstowcs, (wchar_t *dst, const char *src, size_t n), (dst, src, n), FOREIGN_MOVE)
{
	size_t ret = REAL(mbstowcs)(dst, src, n), len;
	if (ret == (size_t)-1 || (dst && ret == n) || check_string(src, SIZE_MAX, &len, ENTRY))
		check_converted(dst, ret, n, WIDE, ENTRY);
	return ret;
}

INTERCEPT(size_t, wcstombs, (char *dst, const wchar_t *src, size_t n), (dst, src, n), FOREIGN_MOVE)
{
	size_t ret = REAL(wcstombs)(dst, src, n), len;
	if (ret == (size_t)-1 || (dst && ret == n) || check_wide_string(src, SIZE_MAX, &len, ENTRY))
		check_converted(dst, ret, n, 1, ENTRY);
	return ret;
}

/* libc reads both, whatever it then writes to them. */
static bool places_good(const void *src, const mbstate_t *state, const char *entry)
{
	return check_read(src, sizeof(char *), entry) && (!state || check_read(state, sizeof(*state), entry));
}

#define FOREIGN_PLACES (libc_foreign(dst) && libc_foreign(src) && libc_foreign(state))
#define PLACES_GOOD places_good((const void *)src, state, ENTRY)
#define CONVERT_AFTER(name, params, args, unit)                    \
	INTERCEPT(size_t, name, params, args, FOREIGN_PLACES)      \
	{                                                          \
		bool good = PLACES_GOOD;                           \
		size_t ret = REAL(name) args;                      \
                                                                   \
		if (good)                                          \
			check_converted(dst, ret, n, unit, ENTRY); \
		return ret;                                        \
	}
/* clang-format would take the "*" of the first parameter for a product. */
/* clang-format off */
CONVERT_AFTER(mbsrtowcs, (wchar_t *dst, const char **src, size_t n, mbstate_t *state), (dst, src, n, state), WIDE)
CONVERT_AFTER(wcsrtombs, (char *dst, const wchar_t **src, size_t n, mbstate_t *state), (dst, src, n, state), 1)
CONVERT_AFTER(mbsnrtowcs, (wchar_t *dst, const char **src, size_t in, size_t n, mbstate_t *state),
              (dst, src, in, n, state), WIDE)
CONVERT_AFTER(wcsnrtombs, (char *dst, const wchar_t **src, size_t in, size_t n, mbstate_t *state),
              (dst, src, in, n, state), 1)
/* clang-format on */

/* libc ends the program when the caller allows more than there is room for. */
#define CONVERT_CHK(name, params, args, unit, foreign, places)                  \
	INTERCEPT(size_t, name, params, args, foreign)                          \
	{                                                                       \
		size_t ret, bytes;                                              \
		bool good = places;                                             \
                                                                                \
		if (room < n && wide_size(dst, n, &bytes, ACCESS_WRITE, ENTRY)) \
			check_write(dst, n *unit, ENTRY);                       \
		ret = REAL(name) args;                                          \
		if (good)                                                       \
			check_converted(dst, ret, n, unit, ENTRY);              \
		return ret;                                                     \
	}
/* clang-format off */
CONVERT_CHK(__mbstowcs_chk, (wchar_t *dst, const char *src, size_t n, size_t room), (dst, src, n, room), WIDE,
            libc_foreign(dst), true)
CONVERT_CHK(__wcstombs_chk, (char *dst, const wchar_t *src, size_t n, size_t room), (dst, src, n, room), 1,
            libc_foreign(dst), true)
CONVERT_CHK(__mbsrtowcs_chk, (wchar_t *dst, const char **src, size_t n, mbstate_t *state, size_t room),
            (dst, src, n, state, room), WIDE, FOREIGN_PLACES, PLACES_GOOD)
CONVERT_CHK(__wcsrtombs_chk, (char *dst, const wchar_t **src, size_t n, mbstate_t *state, size_t room),
            (dst, src, n, state, room), 1, FOREIGN_PLACES, PLACES_GOOD)
CONVERT_CHK(__mbsnrtowcs_chk, (wchar_t *dst, const char **src, size_t in, size_t n, mbstate_t *state, size_t room),
            (dst, src, in, n, state, room), WIDE, FOREIGN_PLACES, PLACES_GOOD)
CONVERT_CHK(__wcsnrtombs_chk, (char *dst, const wchar_t **src, size_t in, size_t n, mbstate_t *state, size_t room),
            (dst, src, in, n, state, room), 1, FOREIGN_PLACES, PLACES_GOOD)
/* clang-format on */

/* Behind what was converted, libc read one byte that is not valid, or all that is left of an incomplete character.
 * Whether it read more when it found no room for the result is not known. */
static size_t iconv_stopped(size_t ret, const size_t *in_left)
{
	if (ret != (size_t)-1 || !in_left || !*in_left)
		return 0;
	return errno == EILSEQ ? 1 : errno == EINVAL ? *in_left : 0;
}

/* The pointers tell how much was converted. */
INTERCEPT(size_t, iconv, (iconv_t cd, char **in, size_t *in_left, char **out, size_t *out_left),
          (cd, in, in_left, out, out_left), false)
{
	const char *from = in && check_read(in, sizeof(*in), ENTRY) ? *in : NULL;
	char *to = out && check_read(out, sizeof(*out), ENTRY) ? *out : NULL;
	size_t ret = REAL(iconv)(cd, in, in_left, out, out_left);

	if (from && *in >= from)
		check_read(from, (size_t)(*in - from) + iconv_stopped(ret, in_left), ENTRY);
	if (to && *out > to)
		check_write(to, (size_t)(*out - to), ENTRY);
	return ret;
}
