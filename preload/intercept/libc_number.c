/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_number.c - interceptors of the functions that read a number out of a string.
 *
 * They stop at the first character that cannot belong to the number, and only libc and the locale know which one that
 * is. A string needs no other check if it ends within the next few bytes and these are all good. For other strings libc
 * tells where it stopped, and everything up to that character is checked after the call. The look ahead is short, since
 * numbers are short and a program may read many of them out of one large text. It stays in the string's first page:
 * a number may end there with another character, and the next page may be unreadable. */
#include "preload/intercept/intercept.h"

#define LOOK_AHEAD 64

static bool ends_soon(const char *s)
{
	struct libc_scan scan;
	size_t ahead;

	if (!libc_covers(s))
		return true;
	ahead = MIN((size_t)LOOK_AHEAD, libc_rest_of_page(s));
	scan = libc_scan_byte(s, 0, ahead);
	return !scan.bad && scan.len < ahead;
}

#define CONVERT_BASE(type, name)                                                                      \
	INTERCEPT(type, name, (const char *s, char **end, int base), (s, end, base), libc_foreign(s)) \
	{                                                                                             \
		char *stop;                                                                           \
		type value;                                                                           \
                                                                                                      \
		if (likely(ends_soon(s)))                                                             \
			return REAL(name)(s, end, base);                                              \
		stop = NULL;                                                                          \
		value = REAL(name)(s, &stop, base);                                                   \
		if (stop)                                                                             \
			check_read(s, (size_t)(stop - s) + 1, ENTRY);                                 \
		if (end)                                                                              \
			*end = stop;                                                                  \
		return value;                                                                         \
	}
CONVERT_BASE(long, strtol)
CONVERT_BASE(unsigned long, strtoul)
CONVERT_BASE(long long, strtoll)
CONVERT_BASE(unsigned long long, strtoull)

#define CONVERT_FLOAT(type, name)                                                     \
	INTERCEPT(type, name, (const char *s, char **end), (s, end), libc_foreign(s)) \
	{                                                                             \
		char *stop;                                                           \
		type value;                                                           \
                                                                                      \
		if (likely(ends_soon(s)))                                             \
			return REAL(name)(s, end);                                    \
		stop = NULL;                                                          \
		value = REAL(name)(s, &stop);                                         \
		if (stop)                                                             \
			check_read(s, (size_t)(stop - s) + 1, ENTRY);                 \
		if (end)                                                              \
			*end = stop;                                                  \
		return value;                                                         \
	}
CONVERT_FLOAT(double, strtod)
CONVERT_FLOAT(float, strtof)
CONVERT_FLOAT(long double, strtold)

/* The ato functions do not tell where they stopped. Their strto counterparts do, and return the same value. */
#define CONVERT_PLAIN(type, name, with, ...)                          \
	INTERCEPT(type, name, (const char *s), (s), libc_foreign(s))  \
	{                                                             \
		char *stop;                                           \
		type value;                                           \
                                                                      \
		if (likely(ends_soon(s)))                             \
			return REAL(name)(s);                         \
		stop = NULL;                                          \
		value = (type)REAL(with)(s, &stop __VA_ARGS__);       \
		if (stop)                                             \
			check_read(s, (size_t)(stop - s) + 1, ENTRY); \
		return value;                                         \
	}
CONVERT_PLAIN(int, atoi, strtol, , 10)
CONVERT_PLAIN(long, atol, strtol, , 10)
CONVERT_PLAIN(long long, atoll, strtoll, , 10)
CONVERT_PLAIN(double, atof, strtod)
