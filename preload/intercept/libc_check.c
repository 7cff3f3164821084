/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/intercept/libc_check.c - shared by the interceptors' checks: scans that stop at bad memory, and reports of
 * arguments.
 *
 * libc's strlen runs on until it finds a NUL, wherever that is.  Ours first asks the shadow how far it may go, and lets
 * libc's memchr search only there.  It asks in chunks that grow, because most strings are short and some have
 * megabytes:
 *
 *      s ........ chunk ....│.... chunk ........│  red zone
 *                           find_bad: none       find_bad: here → the scan ends with what was good
 *
 * So an unterminated string is reported at its first bad byte, and no byte behind that is read.
 */
#include "preload/intercept/intercept.h"

#define SCAN_FIRST 64
#define SCAN_LARGEST 4096

/* ---- reports --------------------------------------------------------------------------------- */

__cold_path void libc_report_range(const void *p, size_t n, uintptr_t bad, enum report_access access, const char *entry)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	/* If both the shadow and the fence know the address, the shadow reports, as for accesses by instrumented
	 * code. */
	if (!fence_contains(p) || (shadow_covers(p) && shadow_find_bad(p, n) == bad))
		shadow_report_range(p, n, bad, access, entry, &regs);
	else
		fence_report_range((uintptr_t)p, n, bad, access, entry, &regs);
}

__cold_path void libc_report_unwritten(const void *p, size_t n, const char *entry)
{
	uintptr_t at = n && arena_contains(p) ? slab_find_unwritten(p, n) : 0;
	struct slab_object object;
	struct unwind_regs regs;
	const struct finding f = {
		.kind = REPORT_UNWRITTEN,
		.component = "libc",
		.addr = (uintptr_t)p,
		.size = n,
		.access = ACCESS_READ,
		.bad = at,
		.entry = entry,
		.regs = &regs,
		.object = at && slab_find_object(at, &object) ? &object : NULL,
		.memory_lo = arena_base,
		.memory_hi = arena_base + arena_size,
	};

	if (!at)
		return;
	UNWIND_HERE(&regs);
	report_finding(&f);
}

/* Memory outside of the heap is described by its variable or frame. */
static void describe(struct report_record *r, const struct finding *f)
{
	if (!f->object)
		shadow_describe(r, f->addr, f->regs);
}

__cold_path void libc_report_overlap(const void *dst, size_t dst_size, const void *src, size_t src_size,
                                     const char *entry)
{
	struct unwind_regs regs;

	UNWIND_HERE(&regs);
	report_overlap(dst, dst_size, src, src_size, entry, &regs, describe);
}

__cold_path void libc_report_negative(const void *p, size_t n, enum report_access access, const char *entry)
{
	struct unwind_regs regs;

	UNWIND_HERE(&regs);
	report_negative(p, n, access, entry, &regs, describe);
}

/* ---- scans ----------------------------------------------------------------------------------- */

/* 16 bytes of shadow at a time: 128 bytes of memory. */
typedef uint64_t shadow_pair __attribute__((vector_size(16), aligned(1), may_alias));
#define BLOCK 256u
#define LARGE_BLOCK 2048u

/* Is the shadow of `bytes` bytes from p's granule on readable and zero? */
__inline_hot bool block_good(const void *p, size_t bytes)
{
	shadow_pair any, other;
	const shadow_pair *s;

	if ((uintptr_t)p - shadow_quick_base + bytes >= shadow_quick_span)
		return false;
	s = (const void *)(((uintptr_t)p >> SHADOW_SCALE) + SHADOW_OFFSET);
	any = s[0];
	other = s[1];
#pragma GCC unroll 8
	for (size_t i = 2; i < bytes / 128; i += 2) {
		any |= s[i];
		other |= s[i + 1];
	}
	any |= other;
	return (any[0] | any[1]) == 0;
}

/* In the fence's pool the object's slot decides, in every mode. The shadow of an instrumented program may show more bad
 * bytes, because the program can poison memory itself. It may also show fewer, because guards have no shadow. */
static __cold_path uintptr_t fenced_find_bad(const void *p, size_t n)
{
	uintptr_t bad = fence_find_bad(p, n), first = 0;

	if (shadow_covers(p))
		first = shadow_find_bad(p, bad ? bad - (uintptr_t)p : n);
	return first ? first : bad;
}

uintptr_t libc_find_bad(const void *p, size_t n)
{
	const char *from = p, *end = from + n;
	if (unlikely(fence_contains(p)))
		return fenced_find_bad(p, n);
	while ((size_t)(end - from) >= LARGE_BLOCK && block_good(from, LARGE_BLOCK))
		from += LARGE_BLOCK - ((uintptr_t)from & (SHADOW_GRANULE - 1));
	while ((size_t)(end - from) >= BLOCK && block_good(from, BLOCK))
		from += BLOCK - ((uintptr_t)from & (SHADOW_GRANULE - 1));
	n = (size_t)(end - from);
	if (n <= libc_good_ahead(from))
		return 0;
	/* The last bytes lie within one more block, unless that block begins too far before them. */
	if (n <= BLOCK - ((uintptr_t)from & (SHADOW_GRANULE - 1)) && block_good(from, BLOCK))
		return 0;
	return shadow_find_bad(from, n);
}

struct libc_scan libc_extent(const void *p, size_t max)
{
	struct libc_scan scan = { max, 0 };
	size_t good;

	if (!libc_covers(p))
		return scan;
	good = max <= SCAN_FIRST ? libc_good_ahead(p) : 0;
	if (likely(good)) {
		scan.len = MIN(good, max);
		return scan;
	}
	scan.bad = unlikely(fence_contains(p)) ? fenced_find_bad(p, max) : shadow_find_bad(p, max);
	if (scan.bad)
		scan.len = scan.bad - (uintptr_t)p;
	return scan;
}

static size_t foreign_strlen(const char *s, size_t max)
{
	return max == SIZE_MAX ? REAL(strlen)(s) : REAL(strnlen)(s, max);
}

struct libc_scan libc_scan_byte(const char *s, int c, size_t max)
{
	struct libc_scan scan = { 0, 0 };
	if (!libc_covers(s)) {
		const char *hit;

		if (c == 0) {
			scan.len = foreign_strlen(s, max);
			return scan;
		}
		hit = REAL(memchr)(s, c, max);
		scan.len = hit ? (size_t)(hit - s) : max;
		return scan;
	}
	for (size_t chunk = SCAN_FIRST; scan.len < max; chunk = MIN(chunk * 2, (size_t)SCAN_LARGEST)) {
		struct libc_scan part = libc_extent(s + scan.len, MIN(chunk, max - scan.len));
		const char *hit = REAL(memchr)(s + scan.len, c, part.len);
		if (hit) {
			scan.len = (size_t)(hit - s);
			return scan;
		}
		scan.len += part.len;
		scan.bad = part.bad;
		if (part.bad)
			return scan;
	}
	return scan;
}

/* len counts whole wide characters. A character is bad if only a part of it may be read. */
struct libc_scan libc_scan_wide(const wchar_t *s, wchar_t c, size_t max)
{
	struct libc_scan scan = { 0, 0 };
	bool covered = libc_covers(s);
	max = MIN(max, SIZE_MAX / sizeof(wchar_t));
	if (!covered && c == 0) {
		scan.len = max == SIZE_MAX / sizeof(wchar_t) ? REAL(wcslen)(s) : REAL(wcsnlen)(s, max);
		return scan;
	}
	for (size_t chunk = SCAN_FIRST; scan.len < max; chunk = MIN(chunk * 2, (size_t)SCAN_LARGEST)) {
		size_t n = MIN(chunk, max - scan.len);
		size_t good;
		const wchar_t *hit;

		scan.bad = covered ? libc_find_bad(s + scan.len, n * sizeof(wchar_t)) : 0;
		good = scan.bad ? (scan.bad - (uintptr_t)(s + scan.len)) / sizeof(wchar_t) : n;
		hit = REAL(wmemchr)(s + scan.len, c, good);
		if (hit) {
			scan.len = (size_t)(hit - s);
			scan.bad = 0;
			return scan;
		}
		scan.len += good;
		if (scan.bad)
			return scan;
	}
	return scan;
}

/* The length of a string that ends within eight readable bytes; else a number above seven. */
__inline_hot size_t short_length(const char *s)
{
	const uint64_t ones = ~(uint64_t)0 / 255;
	uint64_t x, ends;

	if (!libc_eight_good(s))
		return SIZE_MAX;
	__builtin_memcpy(&x, s, 8);
	ends = (x - ones) & ~x & ones << 7;
	return ends ? (size_t)__builtin_ctzll(ends) / 8 : SIZE_MAX;
}

bool check_string(const char *s, size_t max, size_t *len, const char *entry)
{
	struct libc_scan scan;

	*len = max ? short_length(s) : SIZE_MAX; /* of 0 bytes none may be read */
	if (*len < max && *len < 8)
		return true;
	scan = libc_scan_byte(s, 0, max);
	*len = scan.len;
	check_written(s, scan.len, entry);
	if (likely(!scan.bad))
		return true;
	libc_report_range(s, scan.len + 1, scan.bad, ACCESS_READ, entry);
	return false;
}

bool check_wide_string(const wchar_t *s, size_t max, size_t *len, const char *entry)
{
	struct libc_scan scan = libc_scan_wide(s, 0, max);
	*len = scan.len;
	if (likely(!scan.bad))
		return true;
	libc_report_range(s, (scan.len + 1) * sizeof(wchar_t), scan.bad, ACCESS_READ, entry);
	return false;
}
