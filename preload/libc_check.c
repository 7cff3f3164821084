/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/libc_check.c - what the interceptors' checks have in common: scans that stop at bad memory, and reports of arguments.
 *
 * libc's strlen runs on until it finds a NUL, wherever that is.  Ours asks the shadow first how far it may go, in chunks that grow (most
 * strings are short, some are megabytes), and lets libc's memchr search only there:
 *
 *      s ........ chunk ....│.... chunk ........│  red zone
 *                           find_bad: none       find_bad: here → the scan ends with what was good
 *
 * So an unterminated string is reported at its first bad byte, and nothing is read past that to find out.
 */
#include "preload/preload_internal.h"

#define SCAN_FIRST 64
#define SCAN_LARGEST 4096

/* ---- reports ---------------------------------------------------------------------------------------------------------- */

__cold_path void libc_report_range(const void *p, size_t n, uintptr_t bad, enum libc_access access, const char *entry)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	shadow_report_range(p, n, bad, access, entry, &regs);
}

static void report_argument(enum report_kind kind, const void *p, size_t n, enum libc_access access, const char *entry,
                            const char *detail, const struct unwind_regs *regs)
{
	struct report_record *r = report_begin(kind, "libc");
	if (!r)
		return;
	report_set_access(r, (uintptr_t)p, n, access);
	r->entry = report_string(r, entry);
	r->detail = report_string(r, detail);
	report_add_regs(r, STACK_ACCESS, regs, false);
	struct slab_object object;
	if (slab_find_object((uintptr_t)p, &object))
		report_set_object(r, &object);
	if (arena_contains(p))
		report_set_memory(r, (uintptr_t)p, arena_base, arena_base + arena_size);
	report_end(r);
}

__cold_path void libc_report_overlap(const void *dst, size_t dst_size, const void *src, size_t src_size, const char *entry)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	uintptr_t from = MAX((uintptr_t)dst, (uintptr_t)src);
	uintptr_t to = MIN((uintptr_t)dst + dst_size, (uintptr_t)src + src_size);
	char detail[200];
	struct fmt_buf b;
	fmt_init(&b, detail, sizeof(detail));
	fmt_printf(&b, "destination [%p, %p) and source [%p, %p) have %zu bytes in common",
	           dst, (const char *)dst + dst_size, src, (const char *)src + src_size, (size_t)(to - from));
	report_argument(REPORT_PARAM_OVERLAP, dst, dst_size, LIBC_WRITE, entry, detail, &regs);
}

__cold_path void libc_report_negative(const void *p, size_t n, enum libc_access access, const char *entry)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	char detail[80];
	struct fmt_buf b;
	fmt_init(&b, detail, sizeof(detail));
	fmt_printf(&b, "size %ld (0x%zx)", (long)n, n);
	report_argument(REPORT_NEGATIVE_SIZE, p, n, access, entry, detail, &regs);
}

/* ---- scans -------------------------------------------------------------------------------------------------------------- */

/* The part of the next chunk that may be read; *bad is the byte that ends it early. */
static size_t good_part(const void *p, size_t n, uintptr_t *bad)
{
	*bad = shadow_find_bad(p, n);
	return *bad ? *bad - (uintptr_t)p : n;
}

static size_t foreign_strlen(const char *s, size_t max)
{
	return max == SIZE_MAX ? REAL(strlen)(s) : REAL(strnlen)(s, max);
}

struct libc_scan libc_scan_byte(const char *s, int c, size_t max)
{
	struct libc_scan scan = { 0, 0 };
	if (!shadow_covers(s)) {
		if (c == 0) {
			scan.len = foreign_strlen(s, max);
			return scan;
		}
		const char *hit = REAL(memchr)(s, c, max);
		scan.len = hit ? (size_t)(hit - s) : max;
		return scan;
	}
	for (size_t chunk = SCAN_FIRST; scan.len < max; chunk = MIN(chunk * 2, (size_t)SCAN_LARGEST)) {
		size_t good = good_part(s + scan.len, MIN(chunk, max - scan.len), &scan.bad);
		const char *hit = REAL(memchr)(s + scan.len, c, good);
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

/* len counts whole wide characters; a character of which only a part may be read is bad. */
struct libc_scan libc_scan_wide(const wchar_t *s, wchar_t c, size_t max)
{
	struct libc_scan scan = { 0, 0 };
	bool covered = shadow_covers(s);
	max = MIN(max, SIZE_MAX / sizeof(wchar_t));
	if (!covered && c == 0) {
		scan.len = max == SIZE_MAX / sizeof(wchar_t) ? REAL(wcslen)(s) : REAL(wcsnlen)(s, max);
		return scan;
	}
	for (size_t chunk = SCAN_FIRST; scan.len < max; chunk = MIN(chunk * 2, (size_t)SCAN_LARGEST)) {
		size_t n = MIN(chunk, max - scan.len);
		size_t good = covered ? good_part(s + scan.len, n * sizeof(wchar_t), &scan.bad) / sizeof(wchar_t) : n;
		const wchar_t *hit = REAL(wmemchr)(s + scan.len, c, good);
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

bool check_string(const char *s, size_t max, size_t *len, const char *entry)
{
	struct libc_scan scan = libc_scan_byte(s, 0, max);
	*len = scan.len;
	if (likely(!scan.bad))
		return true;
	libc_report_range(s, scan.len + 1, scan.bad, LIBC_READ, entry);
	return false;
}

bool check_wide_string(const wchar_t *s, size_t max, size_t *len, const char *entry)
{
	struct libc_scan scan = libc_scan_wide(s, 0, max);
	*len = scan.len;
	if (likely(!scan.bad))
		return true;
	libc_report_range(s, (scan.len + 1) * sizeof(wchar_t), scan.bad, LIBC_READ, entry);
	return false;
}

struct libc_scan libc_extent(const void *p, size_t max)
{
	struct libc_scan scan = { max, 0 };
	if (shadow_covers(p))
		scan.len = good_part(p, max, &scan.bad);
	return scan;
}
