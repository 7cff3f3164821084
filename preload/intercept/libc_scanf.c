/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_scanf.c - interceptors of scanf and its family. Formats, and strings that are scanned, are
 * checked before the call. The result tells how many conversions stored something, so their memory is checked after the
 * call, as far as they wrote (libc_format.c). libc reads a string to its end, also when the format wants only a part.
 * In production, libc's own access to a fenced object meets the guard page. */
#include "preload/intercept/intercept.h"

/* A glibc that does not know a dialect has no program that asks for it, but a program may be linked with memsan. */
#define SCAN_REAL(v_name, other) (libc_real.v_name || !libc_real.other ? REAL(v_name) : REAL(other))

static void check_subject(const char *s, const char *entry)
{
	size_t len;

	if (s && !libc_foreign(s))
		check_string(s, SIZE_MAX, &len, entry);
}

static void check_wide_subject(const wchar_t *s, const char *entry)
{
	size_t len;

	if (s && !libc_foreign(s))
		check_wide_string(s, SIZE_MAX, &len, entry);
}

#define SCAN(name, v_name, other, params, names, last, wide, gnu, before)                            \
	static int scanned_##v_name(VA params, va_list args, bool check, const char *entry)          \
	{                                                                                            \
		va_list again;                                                                       \
		int ret;                                                                             \
                                                                                                     \
		if (likely(!check))                                                                  \
			return SCAN_REAL(v_name, other)(VA names, args);                             \
		(wide) ? format_check_wide_scanf(format, entry) : format_check_scanf(format, entry); \
		before;                                                                              \
		va_copy(again, args);                                                                \
		ret = SCAN_REAL(v_name, other)(VA names, args);                                      \
		if (ret > 0)                                                                         \
			format_check_stored(format, wide, gnu, again, ret, entry);                   \
		va_end(again);                                                                       \
		return ret;                                                                          \
	}                                                                                            \
	VARIADIC(name, v_name, params, names, last, scanned_##v_name, SCAN_CHECKS)
#define SCAN_CHECKS(name) (shadow_on && !libc_replaced[LIBC_##name])

/* clang-format would take the "*" of the first parameter for a product. */
/* clang-format off */
#define DIALECT(d, other, gnu)                                                                                        \
	SCAN(d##scanf, d##vscanf, other##vscanf, (const char *format), (format), format, false, gnu, )                \
	SCAN(d##fscanf, d##vfscanf, other##vfscanf, (FILE *f, const char *format), (f, format), format, false, gnu, ) \
	SCAN(d##sscanf, d##vsscanf, other##vsscanf, (const char *s, const char *format), (s, format), format,       \
	     false, gnu, check_subject(s, entry))                                                                   \
	SCAN(d##wscanf, d##vwscanf, other##vwscanf, (const wchar_t *format), (format), format, true, gnu, )           \
	SCAN(d##fwscanf, d##vfwscanf, other##vfwscanf, (FILE *f, const wchar_t *format), (f, format), format, true, \
	     gnu, )                                                                                                 \
	SCAN(d##swscanf, d##vswscanf, other##vswscanf, (const wchar_t *s, const wchar_t *format), (s, format),      \
	     format, true, gnu, check_wide_subject(s, entry))
/* clang-format on */
DIALECT(, , true)
DIALECT(__isoc99_, __isoc99_, false)
DIALECT(__isoc23_, __isoc99_, false)
