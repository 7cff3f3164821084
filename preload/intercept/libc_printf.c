/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_printf.c - interceptors of printf and its family. The format and its arguments are checked
 * before the call (libc_format.c), in check mode: in production libc's own access to a fenced object meets the guard
 * page, and to read each format would cost a fifth of a short snprintf. How much is written to a buffer is known when
 * the call returns: at most min(n, length + 1). So a program may pass snprintf a larger n than its buffer while the
 * text is short. After a failed call (-1) the number is not known.
 *
 * A function that only reads gets its arguments from the caller unchanged, by a jump. */
#include "preload/intercept/intercept.h"

/* ---- to a stream, a descriptor or new memory ------------------------------------------------- */

static inline void no_result(void *p, const char *entry)
{
	(void)p;
	(void)entry;
}

/* Where asprintf stores the address of the text. */
static inline void check_result(void *p, const char *entry)
{
	if (p)
		check_write(p, sizeof(char *), entry);
}

#define PRINT_TO(name, named, wide, result)                                                               \
	__attribute__((used)) void *print_find_##name(const uintptr_t *registers, void *stack);           \
	void *print_find_##name(const uintptr_t *registers, void *stack)                                  \
	{                                                                                                 \
		va_list args;                                                                             \
                                                                                                          \
		if (shadow_on && !libc_replaced[LIBC_##name]) {                                           \
			ARCH_VA_START(args, registers, stack, named);                                     \
			format_check_printf((const void *)registers[(named)-1], wide, args, NULL, #name); \
			result((void *)registers[0], #name);                                              \
		}                                                                                         \
		return (void *)REAL(name);                                                                \
	}                                                                                                 \
	ARCH_FORWARD_VARIADIC(name, print_find_##name)
#define PRINT(name, named, wide) PRINT_TO(name, named, wide, no_result)
PRINT(printf, 1, false);
PRINT(fprintf, 2, false);
PRINT(dprintf, 2, false);
PRINT_TO(asprintf, 2, false, check_result);
PRINT(wprintf, 1, true);
PRINT(fwprintf, 2, true);
PRINT(syslog, 2, false);
PRINT(warn, 1, false);
PRINT(warnx, 1, false);
PRINT(err, 2, false);
PRINT(errx, 2, false);
PRINT(error, 3, false);
PRINT(error_at_line, 5, false);
PRINT(__printf_chk, 2, false);
PRINT(__fprintf_chk, 3, false);
PRINT(__dprintf_chk, 3, false);
PRINT_TO(__asprintf_chk, 3, false, check_result);
PRINT(__wprintf_chk, 2, true);
PRINT(__fwprintf_chk, 3, true);
PRINT(__syslog_chk, 3, false);

#define PRINT_LIST_TO(type, name, params, args_, wide, result)                \
	MEMSAN_EXPORT type name params                                        \
	{                                                                     \
		if (shadow_on && !libc_replaced[LIBC_##name]) {               \
			format_check_printf(format, wide, args, NULL, #name); \
			result;                                               \
		}                                                             \
		return REAL(name) args_;                                      \
	}
#define PRINT_LIST(type, name, params, args_, wide) PRINT_LIST_TO(type, name, params, args_, wide, )
PRINT_LIST(int, vprintf, (const char *format, va_list args), (format, args), false)
PRINT_LIST(int, vfprintf, (FILE * f, const char *format, va_list args), (f, format, args), false)
PRINT_LIST(int, vdprintf, (int fd, const char *format, va_list args), (fd, format, args), false)
PRINT_LIST_TO(int, vasprintf, (char **dst, const char *format, va_list args), (dst, format, args), false,
              check_result(dst, "vasprintf"))
PRINT_LIST(int, vwprintf, (const wchar_t *format, va_list args), (format, args), true)
PRINT_LIST(int, vfwprintf, (FILE * f, const wchar_t *format, va_list args), (f, format, args), true)
PRINT_LIST(void, vsyslog, (int priority, const char *format, va_list args), (priority, format, args), false)
PRINT_LIST(void, vwarn, (const char *format, va_list args), (format, args), false)
PRINT_LIST(void, vwarnx, (const char *format, va_list args), (format, args), false)
PRINT_LIST(int, __vprintf_chk, (int flag, const char *format, va_list args), (flag, format, args), false)
PRINT_LIST(int, __vfprintf_chk, (FILE * f, int flag, const char *format, va_list args), (f, flag, format, args), false)
PRINT_LIST(int, __vdprintf_chk, (int fd, int flag, const char *format, va_list args), (fd, flag, format, args), false)
PRINT_LIST_TO(int, __vasprintf_chk, (char **dst, int flag, const char *format, va_list args), (dst, flag, format, args),
              false, check_result(dst, "__vasprintf_chk"))
PRINT_LIST(int, __vwprintf_chk, (int flag, const wchar_t *format, va_list args), (flag, format, args), true)
PRINT_LIST(int, __vfwprintf_chk, (FILE * f, int flag, const wchar_t *format, va_list args), (f, flag, format, args),
           true)
PRINT_LIST(void, __vsyslog_chk, (int priority, int flag, const char *format, va_list args),
           (priority, flag, format, args), false)

/* ---- to a buffer ----------------------------------------------------------------------------- */

/* Checks the destination of a call that returned `ret` and was given n characters of room (SIZE_MAX: no bound). */
static void check_formatted(const struct formatted *to, size_t n, int ret, size_t unit, const char *entry)
{
	if (ret < 0)
		return;
	if (unlikely(to->nr) && n)
		formatted_check_overlap(to, MIN((size_t)ret + 1, n) * unit, entry);
	if (unlikely(!libc_foreign(to->dst)))
		check_write(to->dst, MIN((size_t)ret + 1, n) * unit, entry);
}

/* sprintf into a known room: the text is measured, and written by the way if it fits. */
static int print_fortified(char *dst, int flag, size_t room, const char *format, va_list args, const char *entry)
{
	va_list again;
	int ret;

	if (libc_foreign(dst) || room > INT_MAX)
		return REAL(__vsprintf_chk)(dst, flag, room, format, args);
	va_copy(again, args);
	ret = REAL(__vsnprintf_chk)(dst, room, flag, room, format, args);
	if (ret >= 0 && (size_t)ret >= room) {
		check_write(dst, (size_t)ret + 1, entry);
		ret = REAL(__vsprintf_chk)(dst, flag, room, format, again);
	}
	va_end(again);
	return ret;
}

/* Interceptors of the v form and of the variadic form, which is the v form between va_start and va_end. `check` is
 * false for another library's function. The destination's gate is asked after the call; its cost is nothing compared
 * with formatting. */
#define FORMAT(name, v_name, params, names, last, unit, before, call, n)                      \
	static int formatted_##v_name(VA params, va_list args, bool check, const char *entry) \
	{                                                                                     \
		struct formatted to;                                                          \
		int ret;                                                                      \
                                                                                              \
		to.dst = dst;                                                                 \
		to.nr = 0;                                                                    \
		if (check) {                                                                  \
			if (shadow_on)                                                        \
				format_check_printf(format, (unit) > 1, args, &to, entry);    \
			before;                                                               \
		}                                                                             \
		ret = check ? call : REAL(v_name)(VA names, args);                            \
		if (check)                                                                    \
			check_formatted(&to, n, ret, unit, entry);                            \
		return ret;                                                                   \
	}                                                                                     \
	VARIADIC(name, v_name, params, names, last, formatted_##v_name, FORMAT_CHECKS)
#define FORMAT_CHECKS(name) (libc_checks() && !libc_replaced[LIBC_##name])

/* clang-format would take the "*" of the first parameter for a product. */
/* clang-format off */
FORMAT(sprintf, vsprintf, (char *dst, const char *format), (dst, format), format, 1, ,
       REAL(vsprintf)(dst, format, args), SIZE_MAX)
FORMAT(snprintf, vsnprintf, (char *dst, size_t n, const char *format), (dst, n, format), format, 1, ,
       REAL(vsnprintf)(dst, n, format, args), n)
FORMAT(swprintf, vswprintf, (wchar_t *dst, size_t n, const wchar_t *format), (dst, n, format), format,
       sizeof(wchar_t), , REAL(vswprintf)(dst, n, format, args), n)
FORMAT(__sprintf_chk, __vsprintf_chk, (char *dst, int flag, size_t room, const char *format),
       (dst, flag, room, format), format, 1, , print_fortified(dst, flag, room, format, args, entry), SIZE_MAX)
FORMAT(__snprintf_chk, __vsnprintf_chk, (char *dst, size_t n, int flag, size_t room, const char *format),
       (dst, n, flag, room, format), format, 1, check_room(dst, n, room, entry),
       REAL(__vsnprintf_chk)(dst, n, flag, room, format, args), n)
FORMAT(__swprintf_chk, __vswprintf_chk, (wchar_t *dst, size_t n, int flag, size_t room, const wchar_t *format),
       (dst, n, flag, room, format), format, sizeof(wchar_t), check_wide_room(dst, n, room, entry),
       REAL(__vswprintf_chk)(dst, n, flag, room, format, args), n)
/* clang-format on */

/* ---- conversions of the program's own -------------------------------------------------------- */

#define REGISTER(name, params, args)    \
	MEMSAN_EXPORT int name params   \
	{                               \
		format_custom = true;   \
		return REAL(name) args; \
	}
REGISTER(register_printf_specifier, (int c, printf_function print, printf_arginfo_size_function info), (c, print, info))
REGISTER(register_printf_function, (int c, printf_function print, printf_arginfo_function info), (c, print, info))
REGISTER(register_printf_modifier, (const wchar_t *name), (name))
REGISTER(register_printf_type, (printf_va_arg_function read), (read))

/* ---- dates ----------------------------------------------------------------------------------- */

/* 0: the text is empty, or it did not fit and dst's contents are undefined. */
INTERCEPT(size_t, strftime, (char *dst, size_t n, const char *format, const struct tm *tm), (dst, n, format, tm),
          libc_foreign(dst) && libc_foreign(format) && libc_foreign(tm))
{
	size_t len, ret;

	check_string(format, SIZE_MAX, &len, ENTRY);
	check_read(tm, sizeof(*tm), ENTRY);
	ret = REAL(strftime)(dst, n, format, tm);
	if (ret)
		check_write(dst, ret + 1, ENTRY);
	return ret;
}

INTERCEPT(size_t, wcsftime, (wchar_t *dst, size_t n, const wchar_t *format, const struct tm *tm), (dst, n, format, tm),
          libc_foreign(dst) && libc_foreign(format) && libc_foreign(tm))
{
	size_t len, ret;

	check_wide_string(format, SIZE_MAX, &len, ENTRY);
	check_read(tm, sizeof(*tm), ENTRY);
	ret = REAL(wcsftime)(dst, n, format, tm);
	if (ret)
		check_write(dst, (ret + 1) * sizeof(wchar_t), ENTRY);
	return ret;
}
