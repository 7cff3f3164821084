/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/calls.h - from a row of libc.def to an interceptor.
 *
 *      CALL(int, stat, (const char *path, struct stat *to), (path, to),
 *           (PATH, path) (FILL, to, sizeof(*to), ret == 0 ? sizeof(*to) : 0),
 *           stat(text("/"), room(sizeof(struct stat))))
 *
 * The third line are the row's effects, one after another: each names a parameter that points to memory, and says how
 * much of the memory the call reads or writes, and when. The last line is an example that succeeds, for
 * tests/victims/libc_calls.c: text, bytes and room make buffers of exactly the size that the call needs.
 *
 *   effect                    the memory at p is                                      checked
 *   (TEXT, p)                 a string that libc reads                                before the call
 *   (WIDE_TEXT, p)            the same of wide characters                             before
 *   (PATH, p)                 a string that the kernel reads, as far as PATH_MAX      before
 *   (READ, p, n)              n bytes that libc or the kernel reads                   before
 *   (WRITE, p, n)             n bytes that libc always writes                         before
 *   (CHANGE, p, n)            n bytes that libc or the kernel reads and writes        before
 *   (FILL, p, n, came)        n bytes of room, of which `came` are filled             after; see libc_kernel.c
 *   (WROTE, p, n)             n bytes that libc wrote                                 after
 *   (WROTE_TEXT, p, when)     a string that libc wrote, if `when`                     after
 *   (USED, p, n)              n bytes that libc read                                  after
 *   (ADDRESS, p, len)         a socket's address, whose size goes in and out in *len  after
 *
 *   (ADDRESS_IN, p, n)        a socket's address that the kernel reads                before
 *
 * What is checked after the call may use its result, `ret`. A pointer of NULL has no effect: libc and the kernel decide
 * whether they allow it. So has an address that no program has memory at, such as -1: the kernel answers EFAULT.
 */
#ifndef MEMSAN_CALLS_H
#define MEMSAN_CALLS_H

#include "preload/intercept/intercept.h"

#include <ctype.h>

/* ---- one step for each effect ---------------------------------------------------------------- */

/* `STEP_A effects` turns into STEP effect, STEP effect … STEP_A_END. STEP_A and STEP_B take turns, since a macro does
 * not expand inside of itself. */
#define EFFECTS_END(...) EFFECTS_END_(__VA_ARGS__)
#define EFFECTS_END_(...) __VA_ARGS__##_END

#define GATE(effects) (true EFFECTS_END(GATE_A effects))
#define GATE_A(kind, ...) GATE_##kind(__VA_ARGS__) GATE_B
#define GATE_B(kind, ...) GATE_##kind(__VA_ARGS__) GATE_A
#define GATE_A_END
#define GATE_B_END

#define DECLARE(effects) EFFECTS_END(DECLARE_A effects)
#define DECLARE_A(kind, ...) DECLARE_##kind(__VA_ARGS__) DECLARE_B
#define DECLARE_B(kind, ...) DECLARE_##kind(__VA_ARGS__) DECLARE_A
#define DECLARE_A_END
#define DECLARE_B_END

#define BEFORE(effects) EFFECTS_END(BEFORE_A effects)
#define BEFORE_A(kind, ...) BEFORE_##kind(__VA_ARGS__) BEFORE_B
#define BEFORE_B(kind, ...) BEFORE_##kind(__VA_ARGS__) BEFORE_A
#define BEFORE_A_END
#define BEFORE_B_END

#define AFTER(effects) EFFECTS_END(AFTER_A effects)
#define AFTER_A(kind, ...) AFTER_##kind(__VA_ARGS__) AFTER_B
#define AFTER_B(kind, ...) AFTER_##kind(__VA_ARGS__) AFTER_A
#define AFTER_A_END
#define AFTER_B_END

/* ---- the kinds of effects -------------------------------------------------------------------- */

#define GATE_TEXT(p) &&libc_foreign(p)
#define DECLARE_TEXT(p)
#define BEFORE_TEXT(p) call_text(p, entry);
#define AFTER_TEXT(p)

#define GATE_WIDE_TEXT(p) &&libc_foreign(p)
#define DECLARE_WIDE_TEXT(p)
#define BEFORE_WIDE_TEXT(p) call_wide_text(p, entry);
#define AFTER_WIDE_TEXT(p)

#define GATE_PATH(p) &&libc_foreign(p)
#define DECLARE_PATH(p)
#define BEFORE_PATH(p)   \
	if (call_has(p)) \
		kernel_reads_path(p, entry);
#define AFTER_PATH(p)

#define GATE_READ(p, n) &&libc_foreign(p)
#define DECLARE_READ(p, n)
#define BEFORE_READ(p, n) \
	if (call_has(p))  \
		call_reads(p, (size_t)(n), entry);
#define AFTER_READ(p, n)

#define GATE_WRITE(p, n) &&libc_foreign(p)
#define DECLARE_WRITE(p, n)
#define BEFORE_WRITE(p, n) \
	if (call_has(p))   \
		check_write(p, (size_t)(n), entry);
#define AFTER_WRITE(p, n)

#define GATE_CHANGE(p, n) &&libc_foreign(p)
#define DECLARE_CHANGE(p, n)
#define BEFORE_CHANGE(p, n) \
	if (call_has(p))    \
		call_changes(p, (size_t)(n), entry);
#define AFTER_CHANGE(p, n)

#define GATE_FILL(p, n, came) &&libc_foreign(p)
#define DECLARE_FILL(p, n, came) struct kernel_fill fill_##p = { 0 };
#define BEFORE_FILL(p, n, came) \
	if (call_has(p))        \
		p = kernel_fill_begin(&fill_##p, p, (size_t)(n));
#define AFTER_FILL(p, n, came) \
	if (fill_##p.dst)      \
		kernel_fill_end(&fill_##p, (ssize_t)(came), entry);

#define GATE_WROTE(p, n) &&libc_foreign(p)
#define DECLARE_WROTE(p, n)
#define BEFORE_WROTE(p, n)
#define AFTER_WROTE(p, n) \
	if (call_has(p))  \
		check_write(p, (size_t)(n), entry);

#define GATE_WROTE_TEXT(p, when) &&libc_foreign(p)
#define DECLARE_WROTE_TEXT(p, when)
#define BEFORE_WROTE_TEXT(p, when)
#define AFTER_WROTE_TEXT(p, when)  \
	if (call_has(p) && (when)) \
		call_wrote_text(p, entry);

#define GATE_USED(p, n) &&libc_foreign(p)
#define DECLARE_USED(p, n)
#define BEFORE_USED(p, n)
#define AFTER_USED(p, n) \
	if (call_has(p)) \
		check_read(p, (size_t)(n), entry);

/* The parameter is a union of pointers to every kind of address. */
#define GATE_ADDRESS(p, len) &&libc_foreign(p.__sockaddr__)
#define DECLARE_ADDRESS(p, len) struct kernel_fill fill_##p = { 0 };
#define BEFORE_ADDRESS(p, len)                         \
	if (call_has(p.__sockaddr__) && call_has(len)) \
		p.__sockaddr__ = kernel_fill_begin(&fill_##p, p.__sockaddr__, *len);
#define AFTER_ADDRESS(p, len) \
	if (fill_##p.dst)     \
		kernel_fill_end(&fill_##p, ret >= 0 ? (ssize_t)*len : 0, entry);

#define GATE_ADDRESS_IN(p, n) &&libc_foreign(p.__sockaddr__)
#define DECLARE_ADDRESS_IN(p, n)
#define BEFORE_ADDRESS_IN(p, n)       \
	if (call_has(p.__sockaddr__)) \
		call_reads(p.__sockaddr__, n, entry);
#define AFTER_ADDRESS_IN(p, n)

/* ---- interceptors ---------------------------------------------------------------------------- */

/* The parameters are declared by headers that say "not null" of some of them, but the kernel takes NULL. */
static inline bool call_has(const void *p)
{
	__asm__("" : "+r"(p) : : "memory");
	return (uintptr_t)p - 65536 < (uintptr_t)PTRDIFF_MAX;
}

static inline void call_reads(const void *p, size_t n, const char *entry)
{
	if (libc_covers(p) && (ptrdiff_t)n > 0)
		kernel_reads(p, n, entry);
}

static inline void call_changes(void *p, size_t n, const char *entry)
{
	if (libc_covers(p) && (ptrdiff_t)n > 0)
		kernel_changes(p, n, entry);
}

static inline void call_text(const char *s, const char *entry)
{
	size_t len;

	if (call_has(s))
		check_string(s, SIZE_MAX, &len, entry);
}

static inline void call_wide_text(const wchar_t *s, const char *entry)
{
	size_t len;

	if (call_has(s))
		check_wide_string(s, SIZE_MAX, &len, entry);
}

static inline void call_wrote_text(const char *s, const char *entry)
{
	struct libc_scan scan;

	if (!libc_covers(s))
		return;
	scan = libc_scan_byte(s, 0, SIZE_MAX);
	if (unlikely(scan.bad))
		libc_report_range(s, scan.len + 1, scan.bad, ACCESS_WRITE, entry);
}

/* An address as text ends at the first character that no address contains. */
static inline size_t call_word(const char *s)
{
	size_t n = 0;

	if (!libc_covers(s))
		return 0;
	while (libc_extent(s + n, 1).len == 1 && (isalnum((unsigned char)s[n]) || s[n] == '.' || s[n] == ':'))
		n++;
	return n + 1;
}

#define CALL_REAL(name) ((__typeof__(&name))REAL(name))

/* The exported function and gated_NAME end in jumps and change no register: another library's function of the same name
 * gets its arguments, whatever they are. */
#define CALL_GATES(type, name, params, args, effects)                   \
	static __attribute__((noinline)) type checked_##name params;    \
	static __attribute__((noinline)) type gated_##name params       \
	{                                                               \
		if (unlikely(libc_replaced[LIBC_##name]))               \
			return ((__typeof__(&name))libc_real.name)args; \
		return checked_##name args;                             \
	}                                                               \
	MEMSAN_EXPORT type name params                                  \
	{                                                               \
		if (likely(GATE(effects)))                              \
			return ((__typeof__(&name))libc_real.name)args; \
		return gated_##name args;                               \
	}                                                               \
	static type checked_##name params

#define CALL(type, name, params, args, effects, ...)  \
	CALL_GATES(type, name, params, args, effects) \
	{                                             \
		static const char entry[] = #name;    \
		type ret;                             \
		DECLARE(effects)                      \
                                                      \
		BEFORE(effects)                       \
		ret = CALL_REAL(name) args;           \
		AFTER(effects)                        \
		return ret;                           \
	}

/* A function that returns nothing. */
#define CALL_VOID(name, params, args, effects, ...)   \
	CALL_GATES(void, name, params, args, effects) \
	{                                             \
		static const char entry[] = #name;    \
		DECLARE(effects)                      \
                                                      \
		BEFORE(effects)                       \
		CALL_REAL(name) args;                 \
		AFTER(effects)                        \
	}

#endif
