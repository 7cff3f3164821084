/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_mem.c - interceptors of the functions that take memory and a length. */
#include "preload/intercept/intercept.h"

/* ---- copies ---------------------------------------------------------------------------------- */

/* The check of every copy of n bytes. COPY_SKIP: a negative size, copy nothing; COPY_MOVE: the ranges overlap, copy as
 * memmove does. */
enum copy_verdict { COPY_PLAIN, COPY_MOVE, COPY_SKIP };

static enum copy_verdict copy_check(void *dst, const void *src, size_t n, bool may_overlap, const char *entry)
{
	/* dst == src comes from a compiler's assignment of a struct to itself, which is harmless. */
	bool overlap = !may_overlap && dst != src && unlikely(ranges_overlap(dst, n, src, n));

	if (check_negative(dst, n, ACCESS_WRITE, entry))
		return COPY_SKIP;
	if (unlikely(overlap))
		libc_report_overlap(dst, n, src, n, entry);
	if (check_read(src, n, entry))
		check_write(dst, n, entry);
	return unlikely(overlap) ? COPY_MOVE : COPY_PLAIN;
}

#define FOREIGN_MOVE (libc_foreign(dst) && libc_foreign(src))
#define FOREIGN_COPY (FOREIGN_MOVE && likely(libc_apart(dst, src, n)))

INTERCEPT(void *, memcpy, (void *dst, const void *src, size_t n), (dst, src, n), FOREIGN_COPY)
{
	switch (copy_check(dst, src, n, false, ENTRY)) {
	case COPY_SKIP:
		return dst;
	case COPY_MOVE:
		return REAL(memmove)(dst, src, n);
	default:
		return REAL(memcpy)(dst, src, n);
	}
}

INTERCEPT(void *, memmove, (void *dst, const void *src, size_t n), (dst, src, n), FOREIGN_MOVE)
{
	if (copy_check(dst, src, n, true, ENTRY) == COPY_SKIP)
		return dst;
	return REAL(memmove)(dst, src, n);
}

#define MEMPCPY(name)                                                                                \
	INTERCEPT(void *, name, (void *dst, const void *src, size_t n), (dst, src, n), FOREIGN_COPY) \
	{                                                                                            \
		switch (copy_check(dst, src, n, false, ENTRY)) {                                     \
		case COPY_SKIP:                                                                      \
			return dst;                                                                  \
		case COPY_MOVE:                                                                      \
			return (char *)REAL(memmove)(dst, src, n) + n;                               \
		default:                                                                             \
			return REAL(name)(dst, src, n);                                              \
		}                                                                                    \
	}
MEMPCPY(mempcpy)
MEMPCPY(__mempcpy)

INTERCEPT(void, bcopy, (const void *src, void *dst, size_t n), (src, dst, n), FOREIGN_MOVE)
{
	if (copy_check(dst, src, n, true, ENTRY) != COPY_SKIP)
		REAL(bcopy)(src, dst, n);
}

/* The compiler passes the destination's size to the fortified forms, and libc aborts on a larger copy. libc still does
 * that. */
INTERCEPT(void *, __memcpy_chk, (void *dst, const void *src, size_t n, size_t room), (dst, src, n, room), FOREIGN_COPY)
{
	enum copy_verdict verdict = copy_check(dst, src, n, false, ENTRY);
	if (verdict == COPY_MOVE)
		return REAL(__memmove_chk)(dst, src, n, room);
	return REAL(__memcpy_chk)(dst, src, n, room);
}

INTERCEPT(void *, __memmove_chk, (void *dst, const void *src, size_t n, size_t room), (dst, src, n, room), FOREIGN_MOVE)
{
	copy_check(dst, src, n, true, ENTRY);
	return REAL(__memmove_chk)(dst, src, n, room);
}

INTERCEPT(void *, __mempcpy_chk, (void *dst, const void *src, size_t n, size_t room), (dst, src, n, room), FOREIGN_COPY)
{
	enum copy_verdict verdict = copy_check(dst, src, n, false, ENTRY);
	if (verdict == COPY_MOVE)
		return (char *)REAL(__memmove_chk)(dst, src, n, room) + n;
	return REAL(__mempcpy_chk)(dst, src, n, room);
}

/* Copies up to and including the first byte c, at most n. */
INTERCEPT(void *, memccpy, (void *dst, const void *src, int c, size_t n), (dst, src, c, n), FOREIGN_COPY)
{
	struct libc_scan scan = libc_scan_byte(src, c, n);
	size_t copied = scan.len < n ? scan.len + 1 : n;
	if (scan.bad)
		libc_report_range(src, copied, scan.bad, ACCESS_READ, ENTRY);
	else if (ranges_overlap(dst, copied, src, copied))
		libc_report_overlap(dst, copied, src, copied, ENTRY);
	if (!scan.bad)
		check_write(dst, copied, ENTRY);
	return REAL(memccpy)(dst, src, c, n);
}

/* Swaps pairs of bytes. An odd last byte stays as it is, and a negative length swaps nothing.  Source and destination
 * may be the same. */
INTERCEPT(void, swab, (const void *src, void *dst, ssize_t n), (src, dst, n), FOREIGN_COPY)
{
	size_t pairs = n > 0 ? (size_t)n & ~(size_t)1 : 0;
	if (check_read(src, pairs, ENTRY))
		check_write(dst, pairs, ENTRY);
	if (src != dst && unlikely(ranges_overlap(dst, pairs, src, pairs)))
		libc_report_overlap(dst, pairs, src, pairs, ENTRY);
	REAL(swab)(src, dst, n);
}

/* ---- fills ----------------------------------------------------------------------------------- */

INTERCEPT(void *, memset, (void *dst, int c, size_t n), (dst, c, n), libc_foreign(dst))
{
	if (check_negative(dst, n, ACCESS_WRITE, ENTRY))
		return dst;
	check_write(dst, n, ENTRY);
	return REAL(memset)(dst, c, n);
}

INTERCEPT(void *, __memset_chk, (void *dst, int c, size_t n, size_t room), (dst, c, n, room), libc_foreign(dst))
{
	if (!check_negative(dst, n, ACCESS_WRITE, ENTRY))
		check_write(dst, n, ENTRY);
	return REAL(__memset_chk)(dst, c, n, room);
}

#define BZERO(name)                                                               \
	INTERCEPT(void, name, (void *dst, size_t n), (dst, n), libc_foreign(dst)) \
	{                                                                         \
		if (check_negative(dst, n, ACCESS_WRITE, ENTRY))                  \
			return;                                                   \
		check_write(dst, n, ENTRY);                                       \
		REAL(name)(dst, n);                                               \
	}
BZERO(bzero)
BZERO(explicit_bzero)

INTERCEPT(void, __explicit_bzero_chk, (void *dst, size_t n, size_t room), (dst, n, room), libc_foreign(dst))
{
	if (!check_negative(dst, n, ACCESS_WRITE, ENTRY))
		check_write(dst, n, ENTRY);
	REAL(__explicit_bzero_chk)(dst, n, room);
}

/* ---- comparisons and searches ---------------------------------------------------------------- */

#define COMPARE_FIRST 64

/* C requires n bytes in both objects. But programs whose data differs earlier pass more, and glibc has always stopped
 * at the first difference. So the check stops at the first difference too: a byte past an object is an error only if
 * the result depends on it, or the user asks for it. */
static int compare_checked(const void *a, const void *b, size_t n, const char *entry)
{
	const char *x = a, *y = b;

	if (unlikely(options.strict_strings)) {
		check_read(a, n, entry);
		check_read(b, n, entry);
	}
	for (size_t done = 0, chunk = COMPARE_FIRST; done < n; chunk *= 2) {
		size_t want = MIN(chunk, n - done);
		struct libc_scan in_x = libc_extent(x + done, want), in_y = libc_extent(y + done, want);
		size_t good = MIN(in_x.len, in_y.len);
		int difference = REAL(memcmp)(x + done, y + done, good);
		const struct libc_scan *end;

		if (difference)
			return difference;
		end = in_x.len == good && in_x.bad ? &in_x : &in_y;
		if (unlikely(end->len == good && end->bad)) {
			libc_report_range(end == &in_x ? x : y, n, end->bad, ACCESS_READ, entry);
			return REAL(memcmp)(a, b, n);
		}
		done += good;
	}
	return 0;
}

#define MEMCMP(name)                                                                                                  \
	INTERCEPT(int, name, (const void *a, const void *b, size_t n), (a, b, n), libc_foreign(a) && libc_foreign(b)) \
	{                                                                                                             \
		return compare_checked(a, b, n, ENTRY);                                                               \
	}
MEMCMP(memcmp)
MEMCMP(bcmp)
MEMCMP(__memcmpeq)

/* Reads bytes in order and stops at the first match, as C11 says: n may be larger than the object if the object
 * contains c. */
INTERCEPT(void *, memchr, (const void *s, int c, size_t n), (s, c, n), libc_foreign(s))
{
	struct libc_scan scan = libc_scan_byte(s, c, n);
	if (unlikely(scan.bad)) {
		libc_report_range(s, scan.len + 1, scan.bad, ACCESS_READ, ENTRY);
		return REAL(memchr)(s, c, n);
	}
	return scan.len < n ? (char *)s + scan.len : NULL;
}

#define RAWMEMCHR(name)                                                                   \
	INTERCEPT(void *, name, (const void *s, int c), (s, c), libc_foreign(s))          \
	{                                                                                 \
		struct libc_scan scan = libc_scan_byte(s, c, SIZE_MAX);                   \
		if (unlikely(scan.bad)) {                                                 \
			libc_report_range(s, scan.len + 1, scan.bad, ACCESS_READ, ENTRY); \
			return REAL(name)(s, c);                                          \
		}                                                                         \
		return (char *)s + scan.len;                                              \
	}
RAWMEMCHR(rawmemchr)
RAWMEMCHR(__rawmemchr)

/* memrchr starts at the far end, so at least that end must be accessible. */
INTERCEPT(void *, memrchr, (const void *s, int c, size_t n), (s, c, n), libc_foreign(s))
{
	if (n && !check_negative(s, n, ACCESS_READ, ENTRY)) {
		if (libc_covers(s) && unlikely(libc_find_bad(s, n))) {
			const char *hit = REAL(memrchr)(s, c, n);
			const char *from = hit ? hit : s;
			check_read(from, n - (size_t)(from - (const char *)s), ENTRY);
			return (void *)hit;
		}
	}
	return REAL(memrchr)(s, c, n);
}

INTERCEPT(void *, memmem, (const void *s, size_t n, const void *what, size_t what_n), (s, n, what, what_n),
          libc_foreign(s) && libc_foreign(what))
{
	/* libc does not read a needle longer than the haystack. */
	if (what_n <= n && check_read(what, what_n, ENTRY))
		check_read(s, n, ENTRY);
	return REAL(memmem)(s, n, what, what_n);
}
