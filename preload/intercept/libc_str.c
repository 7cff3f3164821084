/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_str.c - interceptors of the string functions that copy. */
#include "preload/intercept/intercept.h"

#define FOREIGN_COPY (libc_foreign(dst) && libc_foreign(src) && libc_far(dst, src))

/* ---- strcpy, stpcpy -------------------------------------------------------------------------- */

/* COPY_KNOWN: the string has *n bytes with its terminator, all checked. COPY_OVERLAP: the same, but copy as memmove
 * does. COPY_BLIND: the source has no accessible end, so libc's own function copies. */
enum copy_verdict { COPY_KNOWN, COPY_OVERLAP, COPY_BLIND };

static enum copy_verdict string_copy_check(char *dst, const char *src, size_t *n, const char *entry)
{
	bool overlap;

	if (!check_string(src, SIZE_MAX, n, entry))
		return COPY_BLIND;
	*n += 1;
	overlap = ranges_overlap(dst, *n, src, *n);
	if (unlikely(overlap))
		libc_report_overlap(dst, *n, src, *n, entry);
	check_write(dst, *n, entry);
	return unlikely(overlap) ? COPY_OVERLAP : COPY_KNOWN;
}

/* The length is known here, so memcpy is enough. */
#define STRING_COPY(name, result)                                                       \
	INTERCEPT(char *, name, (char *dst, const char *src), (dst, src), FOREIGN_COPY) \
	{                                                                               \
		size_t n;                                                               \
		enum copy_verdict verdict = string_copy_check(dst, src, &n, ENTRY);     \
		if (verdict == COPY_BLIND)                                              \
			return REAL(name)(dst, src);                                    \
		(verdict == COPY_KNOWN ? REAL(memcpy) : REAL(memmove))(dst, src, n);    \
		return result;                                                          \
	}
STRING_COPY(strcpy, dst)
STRING_COPY(stpcpy, dst + n - 1)
STRING_COPY(__stpcpy, dst + n - 1)

#define STRING_COPY_CHK(name, result)                                                                      \
	INTERCEPT(char *, name, (char *dst, const char *src, size_t room), (dst, src, room), FOREIGN_COPY) \
	{                                                                                                  \
		size_t n;                                                                                  \
		enum copy_verdict verdict = string_copy_check(dst, src, &n, ENTRY);                        \
		if (verdict != COPY_OVERLAP)                                                               \
			return REAL(name)(dst, src, room);                                                 \
		REAL(__memmove_chk)(dst, src, n, room);                                                    \
		return result;                                                                             \
	}
STRING_COPY_CHK(__strcpy_chk, dst)
STRING_COPY_CHK(__stpcpy_chk, dst + n - 1)

/* ---- strncpy, stpncpy: always n bytes written, the rest of them zero ------------------------- */

/* False when the call must not be made. */
static bool bounded_copy_check(char *dst, const char *src, size_t n, const char *entry)
{
	size_t len, copied;

	if (check_negative(dst, n, ACCESS_WRITE, entry))
		return false;
	if (!check_string(src, n, &len, entry))
		return true;
	copied = MIN(len + 1, n);
	if (unlikely(ranges_overlap(dst, copied, src, copied)))
		libc_report_overlap(dst, copied, src, copied, entry);
	check_write(dst, n, entry);
	return true;
}

#define BOUNDED_COPY(name)                                                                           \
	INTERCEPT(char *, name, (char *dst, const char *src, size_t n), (dst, src, n), FOREIGN_COPY) \
	{                                                                                            \
		if (!bounded_copy_check(dst, src, n, ENTRY))                                         \
			return dst;                                                                  \
		return REAL(name)(dst, src, n);                                                      \
	}
BOUNDED_COPY(strncpy)
BOUNDED_COPY(stpncpy)
BOUNDED_COPY(__stpncpy)

#define BOUNDED_COPY_CHK(name)                                                                              \
	INTERCEPT(char *, name, (char *dst, const char *src, size_t n, size_t room), (dst, src, n, room), \
	          FOREIGN_COPY) \
	{                                                                                                   \
		bounded_copy_check(dst, src, n, ENTRY);                                                     \
		return REAL(name)(dst, src, n, room);                                                       \
	}
BOUNDED_COPY_CHK(__strncpy_chk)
BOUNDED_COPY_CHK(__stpncpy_chk)

/* ---- strcat, strncat ------------------------------------------------------------------------- */

/* Checks dst's string and src's first `max` bytes. strncat always terminates, so it writes one byte more than it
 * copies; an empty source only rewrites the terminator. */
static void append_check(char *dst, const char *src, size_t max, const char *entry)
{
	size_t src_len, dst_len, src_read;

	if (!check_string(src, max, &src_len, entry) || !check_string(dst, SIZE_MAX, &dst_len, entry))
		return;
	src_read = src_len < max ? src_len + 1 : src_len;
	if (src_len && unlikely(ranges_overlap(dst, dst_len + src_len + 1, src, src_read)))
		libc_report_overlap(dst, dst_len + src_len + 1, src, src_read, entry);
	check_write(dst + dst_len, src_len + 1, entry);
}

INTERCEPT(char *, strcat, (char *dst, const char *src), (dst, src), FOREIGN_COPY)
{
	append_check(dst, src, SIZE_MAX, ENTRY);
	return REAL(strcat)(dst, src);
}

INTERCEPT(char *, strncat, (char *dst, const char *src, size_t n), (dst, src, n), FOREIGN_COPY)
{
	append_check(dst, src, n, ENTRY);
	return REAL(strncat)(dst, src, n);
}

INTERCEPT(char *, __strcat_chk, (char *dst, const char *src, size_t room), (dst, src, room), FOREIGN_COPY)
{
	append_check(dst, src, SIZE_MAX, ENTRY);
	return REAL(__strcat_chk)(dst, src, room);
}

INTERCEPT(char *, __strncat_chk, (char *dst, const char *src, size_t n, size_t room), (dst, src, n, room), FOREIGN_COPY)
{
	append_check(dst, src, n, ENTRY);
	return REAL(__strncat_chk)(dst, src, n, room);
}

/* ---- duplicates: what they allocate comes from our malloc ------------------------------------ */

#define DUPLICATE(name)                                                \
	INTERCEPT(char *, name, (const char *s), (s), libc_foreign(s)) \
	{                                                              \
		size_t len;                                            \
		check_string(s, SIZE_MAX, &len, ENTRY);                \
		return REAL(name)(s);                                  \
	}
DUPLICATE(strdup)
DUPLICATE(__strdup)

#define BOUNDED_DUPLICATE(name)                                                     \
	INTERCEPT(char *, name, (const char *s, size_t n), (s, n), libc_foreign(s)) \
	{                                                                           \
		size_t len;                                                         \
		check_string(s, n, &len, ENTRY);                                    \
		return REAL(name)(s, n);                                            \
	}
BOUNDED_DUPLICATE(strndup)
BOUNDED_DUPLICATE(__strndup)

/* Returns the length of the whole result. If it does not fit in n, dst's contents are undefined. */
INTERCEPT(size_t, strxfrm, (char *dst, const char *src, size_t n), (dst, src, n),
          libc_far(dst, src) && libc_foreign(dst) && libc_foreign(src))
{
	size_t len, ret;
	bool whole = check_string(src, SIZE_MAX, &len, ENTRY);
	ret = REAL(strxfrm)(dst, src, n);
	if (ret < n)
		check_write(dst, ret + 1, ENTRY);
	if (whole && n && unlikely(ranges_overlap(dst, MIN(ret + 1, n), src, len + 1)))
		libc_report_overlap(dst, MIN(ret + 1, n), src, len + 1, ENTRY);
	return ret;
}
