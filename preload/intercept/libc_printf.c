/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_printf.c - interceptors of the functions that format into a buffer. The number of bytes
 * written is known when they return: at most min(n, length + 1). So a program may pass snprintf a larger n than its
 * buffer while the text is short. After a failed call (-1) the number is not known. */
#include "preload/intercept/intercept.h"

/* Checks the destination of a call that returned `ret` and was given n characters of room (SIZE_MAX: no bound). */
static void check_formatted(void *dst, size_t n, int ret, size_t unit, const char *entry)
{
	if (unlikely(!libc_foreign(dst)) && ret >= 0)
		check_write(dst, MIN((size_t)ret + 1, n) * unit, entry);
}

/* Interceptors of the v form and of the variadic form, which calls libc's v form between va_start and va_end. The gate
 * is asked after the call; its cost is nothing compared with formatting. */
#define FORMAT(name, v_name, params, v_args, dst, room, unit, last)     \
	MEMSAN_EXPORT int v_name(VA params, va_list args)               \
	{                                                               \
		int ret = REAL(v_name) v_args;                          \
		if (!libc_replaced[LIBC_##v_name])                      \
			check_formatted(dst, room, ret, unit, #v_name); \
		return ret;                                             \
	}                                                               \
	MEMSAN_EXPORT int name(VA params, ...)                          \
	{                                                               \
		va_list args;                                           \
		int ret;                                                \
                                                                        \
		va_start(args, last);                                   \
		ret = REAL(v_name) v_args;                              \
		va_end(args);                                           \
		if (!libc_replaced[LIBC_##name])                        \
			check_formatted(dst, room, ret, unit, #name);   \
		return ret;                                             \
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
