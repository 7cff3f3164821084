/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_printf.c - interceptors of the functions that format into a buffer. The number of bytes
 * written is known when they return: at most min(n, length + 1). So a program may pass snprintf a larger n than its
 * buffer while the text is short. After a failed call (-1) the number is not known. */
#include "preload/intercept/intercept.h"

/* A string that a call reads. */
struct formatted_source {
	const void *p;
	size_t size;
};

/* ---- overlap --------------------------------------------------------------------------------- */

/* Reports a string argument that overlaps what the call wrote: `written` bytes at dst.  The sources are measured before
 * the call, which may destroy them. */
static void check_formatted_overlap(const void *dst, size_t written, const struct formatted_source *sources, size_t nr,
                                    const char *entry)
{
	for (size_t i = 0; i < nr; i++)
		if (unlikely(ranges_overlap(dst, written, sources[i].p, sources[i].size))) {
			libc_report_overlap(dst, written, sources[i].p, sources[i].size, entry);
			return;
		}
}

#define FORMATTED_SOURCES 16

/* Skips what may stand between '%' and the conversion, and the arguments of its asterisks.  *precision: -1, or the
 * number.  NULL: a form that is not understood here, such as "%1$s". */
static const char *skip_directive(const char *p, va_list *args, int *precision, char *length)
{
	int n;

	while (*p && str_char("-+ #0'I", *p))
		p++;
	for (n = 0; *p >= '0' && *p <= '9'; p++)
		n++;
	if (*p == '$')
		return NULL;
	if (*p == '*') {
		(void)va_arg(*args, int);
		p++;
	}
	*precision = -1;
	if (*p == '.') {
		p++;
		for (*precision = 0; *p >= '0' && *p <= '9' && *precision < INT_MAX / 10 - 1; p++)
			*precision = *precision * 10 + (*p - '0');
		if (*p == '*') {
			*precision = va_arg(*args, int);
			p++;
		}
	}
	for (*length = 0; *p && str_char("hlLqjzt", *p); p++)
		*length = *p == 'l' && *length == 'l' ? 'q' : *p;
	return p;
}

/* Fetches the argument of one conversion.  False: unknown. */
static bool skip_argument(char conversion, char length, va_list *args)
{
	if (str_char("diouxXc", conversion)) {
		if (length && str_char("lqLjzt", length))
			(void)va_arg(*args, long);
		else
			(void)va_arg(*args, int);
	} else if (str_char("eEfFgGaA", conversion)) {
		if (length == 'L')
			(void)va_arg(*args, long double);
		else
			(void)va_arg(*args, double);
	} else if (str_char("pnsS", conversion)) {
		(void)va_arg(*args, void *);
	} else if (conversion != '%' && conversion != 'm') {
		return false;
	}
	return true;
}

/* Collects the string arguments that lie near dst.  It stops at a directive that it does not understand. */
static size_t collect_sources(const void *dst, const char *p, va_list args, struct formatted_source *sources)
{
	size_t nr = 0;
	int precision;
	char length;
	va_list ap;

	va_copy(ap, args);
	while (nr < FORMATTED_SOURCES && (p = str_char(p, '%')) != NULL) {
		const char *s;

		p = skip_directive(p + 1, &ap, &precision, &length);
		if (!p || !*p)
			break;
		if (*p != 's' || length) {
			if (!skip_argument(*p++, length, &ap))
				break;
			continue;
		}
		p++;
		s = va_arg(ap, const char *);
		if (!s || libc_far(dst, s))
			continue;
		sources[nr].p = s;
		sources[nr++].size = precision < 0 ? libc_scan_byte(s, 0, SIZE_MAX).len + 1
		                                   : libc_scan_byte(s, 0, (size_t)precision).len;
	}
	va_end(ap);
	return nr;
}

/* ---- the functions --------------------------------------------------------------------------- */

/* Checks the destination of a call that returned `ret` and was given n characters of room (SIZE_MAX: no bound). */
static void check_formatted(void *dst, size_t n, int ret, size_t unit, const struct formatted_source *sources,
                            size_t nr, const char *entry)
{
	if (unlikely(nr) && ret >= 0 && n)
		check_formatted_overlap(dst, MIN((size_t)ret + 1, n), sources, nr, entry);
	if (unlikely(!libc_foreign(dst)) && ret >= 0)
		check_write(dst, MIN((size_t)ret + 1, n) * unit, entry);
}

/* Interceptors of the v form and of the variadic form, which calls libc's v form between va_start and va_end. The gate
 * is asked after the call; its cost is nothing compared with formatting. */
#define FORMAT(name, v_name, params, v_args, dst, room, unit, last)                                      \
	MEMSAN_EXPORT int v_name(VA params, va_list args)                                                \
	{                                                                                                \
		struct formatted_source sources[FORMATTED_SOURCES];                                      \
		size_t nr = (unit) == 1 ? collect_sources(dst, (const char *)(last), args, sources) : 0; \
		int ret = REAL(v_name) v_args;                                                           \
		if (!libc_replaced[LIBC_##v_name])                                                       \
			check_formatted(dst, room, ret, unit, sources, nr, #v_name);                     \
		return ret;                                                                              \
	}                                                                                                \
	MEMSAN_EXPORT int name(VA params, ...)                                                           \
	{                                                                                                \
		struct formatted_source sources[FORMATTED_SOURCES];                                      \
		va_list args;                                                                            \
		size_t nr;                                                                               \
		int ret;                                                                                 \
                                                                                                         \
		va_start(args, last);                                                                    \
		nr = (unit) == 1 ? collect_sources(dst, (const char *)(last), args, sources) : 0;        \
		ret = REAL(v_name) v_args;                                                               \
		va_end(args);                                                                            \
		if (!libc_replaced[LIBC_##name])                                                         \
			check_formatted(dst, room, ret, unit, sources, nr, #name);                       \
		return ret;                                                                              \
	}
#define VA(...) __VA_ARGS__

/* clang-format would take the "*" of the first parameter for a product. */
/* clang-format off */
FORMAT(sprintf, vsprintf, (char *dst, const char *format), (dst, format, args), dst, SIZE_MAX, 1, format)
FORMAT(snprintf, vsnprintf, (char *dst, size_t n, const char *format), (dst, n, format, args), dst, n, 1, format)
FORMAT(swprintf, vswprintf, (wchar_t *dst, size_t n, const wchar_t *format), (dst, n, format, args), dst, n,
       sizeof(wchar_t), format)
FORMAT(__sprintf_chk, __vsprintf_chk, (char *dst, int flag, size_t room, const char *format),
       (dst, flag, room, format, args), dst, SIZE_MAX, 1, format)
FORMAT(__snprintf_chk, __vsnprintf_chk, (char *dst, size_t n, int flag, size_t room, const char *format),
       (dst, n, flag, room, format, args), dst, n, 1, format)
FORMAT(__swprintf_chk, __vswprintf_chk, (wchar_t *dst, size_t n, int flag, size_t room, const wchar_t *format),
       (dst, n, flag, room, format, args), dst, n, sizeof(wchar_t), format)
/* clang-format on */

/* 0: the text is empty, or it did not fit and dst's contents are undefined. */
INTERCEPT(size_t, strftime, (char *dst, size_t n, const char *format, const struct tm *tm), (dst, n, format, tm),
          libc_foreign(dst))
{
	size_t ret = REAL(strftime)(dst, n, format, tm);
	if (ret)
		check_write(dst, ret + 1, ENTRY);
	return ret;
}

INTERCEPT(size_t, wcsftime, (wchar_t *dst, size_t n, const wchar_t *format, const struct tm *tm), (dst, n, format, tm),
          libc_foreign(dst))
{
	size_t ret = REAL(wcsftime)(dst, n, format, tm);
	if (ret)
		check_write(dst, (ret + 1) * sizeof(wchar_t), ENTRY);
	return ret;
}
