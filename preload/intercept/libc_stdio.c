/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_stdio.c - interceptors of stdio's reads into a buffer and writes out of one. A read is checked
 * after the call, only for the bytes that came: on a short file a size larger than the buffer is no error. A write is
 * checked before the call and as a whole: its size is what the program claims to have. */
#include "preload/intercept/intercept.h"

/* ---- fread, fwrite --------------------------------------------------------------------------- */

/* How many bytes were stored. fread's result counts whole elements only. The bytes of a last, incomplete element can be
 * seen in lent memory. That memory is zero behind the accessible part of dst, so a byte that is not zero was stored. At
 * most a page is searched. The accessible part of the element began with dst's contents, so it can be copied back
 * whole. */
static ssize_t bytes_stored(const struct kernel_fill *fill, size_t whole, size_t size)
{
	const char *to = fill->to;
	size_t from = MAX(whole, fill->good), end = MIN(MIN(fill->n, whole + size), from + PAGE_SIZE);

	if (likely(fill->to == fill->dst) || whole >= fill->n)
		return (ssize_t)whole;
	while (end > from && !to[end - 1])
		end--;
	return (ssize_t)(end > from ? end : MAX(whole, MIN(fill->good, whole + size)));
}

/* A large element is read into the buffer itself. */
#define FREAD(name, params, args, room)                                              \
	INTERCEPT(size_t, name, params, args, libc_foreign(dst))                     \
	{                                                                            \
		struct kernel_fill fill;                                             \
		size_t bytes, ret;                                                   \
                                                                                     \
		if (__builtin_mul_overflow(n, size, &bytes))                         \
			return REAL(name) args;                                      \
		check_room(dst, bytes, room, ENTRY);                                 \
		dst = kernel_fill_begin(&fill, dst, bytes);                          \
		ret = REAL(name) args;                                               \
		kernel_fill_end(&fill, bytes_stored(&fill, ret *size, size), ENTRY); \
		return ret;                                                          \
	}
FREAD(fread, (void *dst, size_t size, size_t n, FILE *f), (dst, size, n, f), SIZE_MAX)
FREAD(fread_unlocked, (void *dst, size_t size, size_t n, FILE *f), (dst, size, n, f), SIZE_MAX)
FREAD(__fread_chk, (void *dst, size_t room, size_t size, size_t n, FILE *f), (dst, room, size, n, f), room)
FREAD(__fread_unlocked_chk, (void *dst, size_t room, size_t size, size_t n, FILE *f), (dst, room, size, n, f), room)

#define FWRITE(name)                                                                                             \
	INTERCEPT(size_t, name, (const void *src, size_t size, size_t n, FILE *f), (src, size, n, f), \
	          libc_foreign(src))          \
	{                                                                                                        \
		size_t bytes;                                                                                    \
		if (!__builtin_mul_overflow(size, n, &bytes) && !check_negative(src, bytes, ACCESS_READ, ENTRY)) \
			if (check_read(src, bytes, ENTRY))                                                       \
				check_written(src, bytes, ENTRY);                                                \
		return REAL(name)(src, size, n, f);                                                              \
	}
FWRITE(fwrite)
FWRITE(fwrite_unlocked)

#define FPUTS(name)                                                             \
	INTERCEPT(int, name, (const char *s, FILE *f), (s, f), libc_foreign(s)) \
	{                                                                       \
		size_t len;                                                     \
		check_string(s, SIZE_MAX, &len, ENTRY);                         \
		return REAL(name)(s, f);                                        \
	}
FPUTS(fputs)
FPUTS(fputs_unlocked)

INTERCEPT(int, puts, (const char *s), (s), libc_foreign(s))
{
	size_t len;
	check_string(s, SIZE_MAX, &len, ENTRY);
	return REAL(puts)(s);
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* In a line that contains zero bytes, only the part before the first is checked. */
static void check_line(const char *line, int n, const char *entry)
{
	if (line && n > 0 && libc_covers(line))
		check_write(line, MIN(REAL(strnlen)(line, (size_t)n - 1) + 1, (size_t)n), entry);
}

static void check_wide_line(const wchar_t *line, int n, const char *entry)
{
	if (line && n > 0 && libc_covers(line))
		check_write(line, MIN(REAL(wcsnlen)(line, (size_t)n - 1) + 1, (size_t)n) * sizeof(wchar_t), entry);
}

#define GET_LINE(type, name, check, params, args, before)        \
	INTERCEPT(type *, name, params, args, libc_foreign(dst)) \
	{                                                        \
		type *ret;                                       \
		before;                                          \
		ret = REAL(name) args;                           \
		check(ret, n, ENTRY);                            \
		return ret;                                      \
	}
/* clang-format would take the "*" of the first parameter for a product. */
/* clang-format off */
GET_LINE(char, fgets, check_line, (char *dst, int n, FILE *f), (dst, n, f), )
GET_LINE(char, fgets_unlocked, check_line, (char *dst, int n, FILE *f), (dst, n, f), )
GET_LINE(char, __fgets_chk, check_line, (char *dst, size_t room, int n, FILE *f), (dst, room, n, f),
         check_room(dst, (size_t)n, room, ENTRY))
GET_LINE(char, __fgets_unlocked_chk, check_line, (char *dst, size_t room, int n, FILE *f), (dst, room, n, f),
         check_room(dst, (size_t)n, room, ENTRY))
GET_LINE(wchar_t, fgetws, check_wide_line, (wchar_t *dst, int n, FILE *f), (dst, n, f), )
GET_LINE(wchar_t, fgetws_unlocked, check_wide_line, (wchar_t *dst, int n, FILE *f), (dst, n, f), )
GET_LINE(wchar_t, __fgetws_chk, check_wide_line, (wchar_t *dst, size_t room, int n, FILE *f), (dst, room, n, f),
         check_wide_room(dst, (size_t)n, room, ENTRY))
GET_LINE(wchar_t, __fgetws_unlocked_chk, check_wide_line, (wchar_t *dst, size_t room, int n, FILE *f),
         (dst, room, n, f), check_wide_room(dst, (size_t)n, room, ENTRY))
/* clang-format on */

/* libc enlarges a small buffer by realloc. What can be wrong is a buffer smaller than *size, or a freed one, and the
 * places of both. */
#define GET_DELIMITED(name, params, args)                           \
	INTERCEPT(ssize_t, name, params, args, false)               \
	{                                                           \
		ssize_t ret = REAL(name) args;                      \
		if (!line || !size)                                 \
			return ret;                                 \
		check_write(line, sizeof(*line), ENTRY);            \
		check_write(size, sizeof(*size), ENTRY);            \
		if (ret >= 0)                                       \
			check_write(*line, (size_t)ret + 1, ENTRY); \
		return ret;                                         \
	}
GET_DELIMITED(getline, (char **line, size_t *size, FILE *f), (line, size, f))
GET_DELIMITED(getdelim, (char **line, size_t *size, int delimiter, FILE *f), (line, size, delimiter, f))
GET_DELIMITED(__getdelim, (char **line, size_t *size, int delimiter, FILE *f), (line, size, delimiter, f))
