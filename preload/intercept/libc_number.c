/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_number.c - interceptors of the functions that read a number out of a string.
 *
 * They stop at the first character that cannot belong to the number, and only libc and the locale know which one that
 * is. A string needs no other check if it ends within the next few bytes and these are all good. For other strings libc
 * tells where it stopped, and everything up to that character is checked after the call. The look ahead is short, since
 * numbers are short and a program may read many of them out of one large text. It stays in the string's first page:
 * a number may end there with another character, and the next page may be unreadable. */
#include "preload/intercept/intercept.h"

#include <ctype.h>
#include <locale.h>
#include <wctype.h>

#define LOOK_AHEAD 64

static bool ends_soon(const char *s, const char *entry)
{
	struct libc_scan scan;
	size_t ahead;

	if (!libc_covers(s))
		return true;
	check_whole(s, SIZE_MAX, entry);
	ahead = MIN((size_t)LOOK_AHEAD, libc_rest_of_page(s));
	scan = libc_scan_byte(s, 0, ahead);
	return !scan.bad && scan.len < ahead;
}

static bool wide_ends_soon(const wchar_t *s, const char *entry)
{
	(void)entry;
	return !libc_covers(s);
}

#define FLOAT (-1) /* a base */

/* How many bytes libc looked at: to the character that ends the number, or, when there is none, over the white space
 * and the sign to the character that is no digit. Behind "0x" and "1e" libc looks for digits that make these a part of
 * the number. */
#define LOOKED_AT(function, unit, is_space)                                                            \
	static bool function##_good(const unit *p)                                                     \
	{                                                                                              \
		return libc_extent(p, sizeof(*p)).len == sizeof(*p);                                   \
	}                                                                                              \
	static size_t function(const unit *s, const unit *stop, int base)                              \
	{                                                                                              \
		bool hex = base == 0 || base == 16 || base == FLOAT;                                   \
		const unit *p = s;                                                                     \
                                                                                                       \
		while (function##_good(p) && is_space(*p))                                             \
			p++;                                                                           \
		if (function##_good(p) && (*p == '+' || *p == '-'))                                    \
			p++;                                                                           \
		if (stop == s)                                                                         \
			return (size_t)(p - s + 1) * sizeof(*s);                                       \
		if (function##_good(stop) && hex && stop == p + 1 && *p == '0' && (*stop | 32) == 'x') \
			return (size_t)(stop - s + 2) * sizeof(*s);                                    \
		if (function##_good(stop) && base == FLOAT && (*stop | 32) == 'e') {                   \
			stop++;                                                                        \
			if (function##_good(stop) && (*stop == '+' || *stop == '-'))                   \
				stop++;                                                                \
		}                                                                                      \
		return (size_t)(stop - s + 1) * sizeof(*s);                                            \
	}
#define IS_SPACE(c) isspace((unsigned char)(c))
#define IS_WIDE_SPACE(c) iswspace((wint_t)(c))
LOOKED_AT(looked_at, char, IS_SPACE)
LOOKED_AT(wide_looked_at, wchar_t, IS_WIDE_SPACE)

/* wide: empty, or the start of the names for wide characters. */
#define CONVERT(type, name, unit, wide, params, args, with_stop, base)            \
	INTERCEPT(type, name, params, args, libc_foreign(s) && libc_foreign(end)) \
	{                                                                         \
		bool soon = wide##ends_soon(s, ENTRY);                            \
		unit *stop;                                                       \
		type value;                                                       \
                                                                                  \
		if (likely(soon && libc_foreign(end)))                            \
			return REAL(name) args;                                   \
		stop = NULL;                                                      \
		value = REAL(name) with_stop;                                     \
		if (stop && !soon)                                                \
			check_read(s, wide##looked_at(s, stop, base), ENTRY);     \
		if (end && stop) { /* libc writes none for a bad base */          \
			check_write(end, sizeof(*end), ENTRY);                    \
			*end = stop;                                              \
		}                                                                 \
		return value;                                                     \
	}
#define CONVERT_BASE(type, name) \
	CONVERT(type, name, char, , (const char *s, char **end, int base), (s, end, base), (s, &stop, base), base)
#define CONVERT_WIDE(type, name)                                                                         \
	CONVERT(type, name, wchar_t, wide_, (const wchar_t *s, wchar_t **end, int base), (s, end, base), \
	        (s, &stop, base), base)
#define CONVERT_LOCALE(type, name)                                                                        \
	CONVERT(type, name, char, , (const char *s, char **end, int base, locale_t l), (s, end, base, l), \
	        (s, &stop, base, l), base)
#define DIALECT(d)                                        \
	CONVERT_BASE(long, d##strtol)                     \
	CONVERT_BASE(unsigned long, d##strtoul)           \
	CONVERT_BASE(long long, d##strtoll)               \
	CONVERT_BASE(unsigned long long, d##strtoull)     \
	CONVERT_BASE(intmax_t, d##strtoimax)              \
	CONVERT_BASE(uintmax_t, d##strtoumax)             \
	CONVERT_LOCALE(long, d##strtol_l)                 \
	CONVERT_LOCALE(unsigned long, d##strtoul_l)       \
	CONVERT_LOCALE(long long, d##strtoll_l)           \
	CONVERT_LOCALE(unsigned long long, d##strtoull_l) \
	CONVERT_WIDE(long, d##wcstol)                     \
	CONVERT_WIDE(unsigned long, d##wcstoul)           \
	CONVERT_WIDE(long long, d##wcstoll)               \
	CONVERT_WIDE(unsigned long long, d##wcstoull)     \
	CONVERT_WIDE(intmax_t, d##wcstoimax)              \
	CONVERT_WIDE(uintmax_t, d##wcstoumax)
DIALECT()
DIALECT(__isoc23_)
CONVERT_BASE(long long, strtoq)
CONVERT_BASE(unsigned long long, strtouq)
CONVERT_WIDE(long long, wcstoq)
CONVERT_WIDE(unsigned long long, wcstouq)
#define CONVERT_WIDE_LOCALE(type, name)                                                              \
	CONVERT(type, name, wchar_t, wide_, (const wchar_t *s, wchar_t **end, int base, locale_t l), \
	        (s, end, base, l), (s, &stop, base, l), base)
CONVERT_WIDE_LOCALE(long, wcstol_l)
CONVERT_WIDE_LOCALE(unsigned long, wcstoul_l)
CONVERT_WIDE_LOCALE(long long, wcstoll_l)
CONVERT_WIDE_LOCALE(unsigned long long, wcstoull_l)

#define CONVERT_FLOAT(type, name) CONVERT(type, name, char, , (const char *s, char **end), (s, end), (s, &stop), FLOAT)
CONVERT_FLOAT(double, strtod)
CONVERT_FLOAT(float, strtof)
CONVERT_FLOAT(long double, strtold)
#define CONVERT_FLOAT_LOCALE(type, name) \
	CONVERT(type, name, char, , (const char *s, char **end, locale_t l), (s, end, l), (s, &stop, l), FLOAT)
CONVERT_FLOAT_LOCALE(double, strtod_l)
CONVERT_FLOAT_LOCALE(float, strtof_l)
CONVERT_FLOAT_LOCALE(long double, strtold_l)
#define CONVERT_FLOAT_WIDE(type, name) \
	CONVERT(type, name, wchar_t, wide_, (const wchar_t *s, wchar_t **end), (s, end), (s, &stop), FLOAT)
CONVERT_FLOAT_WIDE(double, wcstod)
CONVERT_FLOAT_WIDE(float, wcstof)
CONVERT_FLOAT_WIDE(long double, wcstold)
#define CONVERT_FLOAT_WIDE_LOCALE(type, name)                                                                          \
	CONVERT(type, name, wchar_t, wide_, (const wchar_t *s, wchar_t **end, locale_t l), (s, end, l), (s, &stop, l), \
	        FLOAT)
CONVERT_FLOAT_WIDE_LOCALE(double, wcstod_l)
CONVERT_FLOAT_WIDE_LOCALE(float, wcstof_l)
CONVERT_FLOAT_WIDE_LOCALE(long double, wcstold_l)

/* The ato functions do not tell where they stopped. Their strto counterparts do, and return the same value. */
#define CONVERT_PLAIN(type, name, with, base, ...)                      \
	INTERCEPT(type, name, (const char *s), (s), libc_foreign(s))    \
	{                                                               \
		char *stop;                                             \
		type value;                                             \
                                                                        \
		if (likely(ends_soon(s, ENTRY)))                        \
			return REAL(name)(s);                           \
		stop = NULL;                                            \
		value = (type)REAL(with)(s, &stop __VA_ARGS__);         \
		if (stop)                                               \
			check_read(s, looked_at(s, stop, base), ENTRY); \
		return value;                                           \
	}
CONVERT_PLAIN(int, atoi, strtol, 10, , 10)
CONVERT_PLAIN(long, atol, strtol, 10, , 10)
CONVERT_PLAIN(long long, atoll, strtoll, 10, , 10)
CONVERT_PLAIN(double, atof, strtod, FLOAT)
