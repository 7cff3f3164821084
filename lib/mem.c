/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/mem.c - memory and string primitives that nobody can interpose.
 *
 * libmemsan.so exports memory functions of its own, so it may not call libc's. Sizes fall into three ranges:
 *
 *    0 … 32        everything is loaded before anything is stored: two loads that overlap in the middle, no loop
 *   33 … BULK-1    64, then 32 bytes a step, no remainder loop: the last (or first) 32 are loaded ahead, stored last
 *   BULK …         the processor's string instructions, which know its cache lines best but take long to start
 *
 * Built with -fno-builtin and without loop distribution: otherwise the compiler would turn mem_copy into a call of
 * memcpy.
 */
#include "lib/lib.h"

#define BULK_MIN 1024

typedef uint64_t word8 __attribute__((aligned(1), may_alias));
typedef uint32_t word4 __attribute__((aligned(1), may_alias));
typedef uint16_t word2 __attribute__((aligned(1), may_alias));

#define LOAD(type, p) (*(const type *)(p))
#define STORE(type, p, v) (*(type *)(p) = (v))

/* ---- copying --------------------------------------------------------------------------------- */

__inline_hot void copy_upto_32(char *d, const char *s, size_t n)
{
	if (n >= 16) {
		arch_vec16 a = LOAD(arch_vec16, s), b = LOAD(arch_vec16, s + n - 16);
		STORE(arch_vec16, d, a);
		STORE(arch_vec16, d + n - 16, b);
	} else if (n >= 8) {
		uint64_t a = LOAD(word8, s), b = LOAD(word8, s + n - 8);
		STORE(word8, d, a);
		STORE(word8, d + n - 8, b);
	} else if (n >= 4) {
		uint32_t a = LOAD(word4, s), b = LOAD(word4, s + n - 4);
		STORE(word4, d, a);
		STORE(word4, d + n - 4, b);
	} else if (n >= 2) {
		uint16_t a = LOAD(word2, s), b = LOAD(word2, s + n - 2);
		STORE(word2, d, a);
		STORE(word2, d + n - 2, b);
	} else if (n == 1) {
		*d = *s;
	}
}

__inline_hot void copy_32(char *d, const char *s)
{
	arch_vec16 a = LOAD(arch_vec16, s), b = LOAD(arch_vec16, s + 16);

	STORE(arch_vec16, d, a);
	STORE(arch_vec16, d + 16, b);
}

__inline_hot void copy_64(char *d, const char *s)
{
	arch_vec16 a = LOAD(arch_vec16, s), b = LOAD(arch_vec16, s + 16);
	arch_vec16 c = LOAD(arch_vec16, s + 32), e = LOAD(arch_vec16, s + 48);

	STORE(arch_vec16, d, a);
	STORE(arch_vec16, d + 16, b);
	STORE(arch_vec16, d + 32, c);
	STORE(arch_vec16, d + 48, e);
}

/* n > 32. Also correct for overlapping ranges with d below s: the stores of each step end at or before the loads of the
 * next step. */
__inline_hot void copy_forward(char *d, const char *s, size_t n)
{
	arch_vec16 tail0 = LOAD(arch_vec16, s + n - 32), tail1 = LOAD(arch_vec16, s + n - 16);
	size_t i = 0;

	for (; i + 64 < n; i += 64)
		copy_64(d + i, s + i);
	if (i + 32 < n)
		copy_32(d + i, s + i);
	STORE(arch_vec16, d + n - 32, tail0);
	STORE(arch_vec16, d + n - 16, tail1);
}

/* n > 32. The mirror image of copy_forward, for d above s. */
__inline_hot void copy_backward(char *d, const char *s, size_t n)
{
	arch_vec16 head0 = LOAD(arch_vec16, s), head1 = LOAD(arch_vec16, s + 16);
	size_t i = n;

	for (; i > 64; i -= 64)
		copy_64(d + i - 64, s + i - 64);
	if (i > 32)
		copy_32(d + i - 32, s + i - 32);
	STORE(arch_vec16, d, head0);
	STORE(arch_vec16, d + 16, head1);
}

void *mem_copy(void *dst, const void *src, size_t n)
{
	if (n <= 32)
		copy_upto_32(dst, src, n);
	else if (n < BULK_MIN)
		copy_forward(dst, src, n);
	else
		arch_copy_bulk(dst, src, n);
	return dst;
}

void *mem_move(void *dst, const void *src, size_t n)
{
	uintptr_t d = (uintptr_t)dst, s = (uintptr_t)src;

	if (n <= 32)
		copy_upto_32(dst, src, n);
	else if (d - s >= n && s - d >= n)
		mem_copy(dst, src, n);
	else if (d < s)
		copy_forward(dst, src, n);
	else if (d > s)
		copy_backward(dst, src, n);
	return dst;
}

/* n >= 16 */
__inline_hot void set_from_16(char *d, arch_vec16 v, size_t n)
{
	char *last = d + n - 16;

	for (; last - d >= 48; d += 64) {
		STORE(arch_vec16, d, v);
		STORE(arch_vec16, d + 16, v);
		STORE(arch_vec16, d + 32, v);
		STORE(arch_vec16, d + 48, v);
	}
	for (; d < last; d += 16)
		STORE(arch_vec16, d, v);
	STORE(arch_vec16, last, v);
}

void *mem_set(void *dst, int byte, size_t n)
{
	char *d = dst;
	uint64_t w = (uint8_t)byte * 0x0101010101010101ULL;
	arch_vec16 v = arch_vec16_fill(w);

	if (n >= BULK_MIN) {
		arch_set_bulk(dst, byte, n);
	} else if (n >= 16) {
		set_from_16(d, v, n);
	} else if (n >= 8) {
		STORE(word8, d, w);
		STORE(word8, d + n - 8, w);
	} else if (n >= 4) {
		STORE(word4, d, (uint32_t)w);
		STORE(word4, d + n - 4, (uint32_t)w);
	} else if (n >= 2) {
		STORE(word2, d, (uint16_t)w);
		STORE(word2, d + n - 2, (uint16_t)w);
	} else if (n == 1) {
		*d = (char)byte;
	}
	return dst;
}

/* ---- comparing ------------------------------------------------------------------------------- */

int mem_compare(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	while (n >= 8 && LOAD(word8, x) == LOAD(word8, y)) {
		x += 8;
		y += 8;
		n -= 8;
	}
	for (; n; x++, y++, n--)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}

/* Each loop stops at the first group with a difference; the next, narrower loop searches that group. */
const void *mem_find_not(const void *start, int byte, size_t n)
{
	const unsigned char *p = start;
	uint64_t w = (uint8_t)byte * 0x0101010101010101ULL;
	arch_vec16 v = arch_vec16_fill(w);

	while (n >= 64 && arch_equal_64(p, v)) {
		p += 64;
		n -= 64;
	}
	while (n >= 16 && arch_equal_16(p, v)) {
		p += 16;
		n -= 16;
	}
	/* In a longer range, one load checks the rest: it reaches back over bytes that were compared already. */
	if (n < 8 && p - (const unsigned char *)start >= 8 && LOAD(word8, p + n - 8) == w)
		return NULL;
	while (n >= 8 && LOAD(word8, p) == w) {
		p += 8;
		n -= 8;
		if (n < 8 && LOAD(word8, p + n - 8) == w)
			return NULL;
	}
	for (; n; p++, n--)
		if (*p != (uint8_t)byte)
			return p;
	return NULL;
}

/* ---- strings --------------------------------------------------------------------------------- */

/* Byte by byte on purpose: memsan reports reads past a terminator, even within its word. */
size_t str_length(const char *s)
{
	const char *p = s;

	while (*p)
		p++;
	return (size_t)(p - s);
}

bool str_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

bool str_starts(const char *s, const char *prefix)
{
	while (*prefix && *s == *prefix) {
		s++;
		prefix++;
	}
	return !*prefix;
}

bool str_starts_any(const char *s, const char *const *prefixes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_starts(s, prefixes[i]))
			return true;
	return false;
}

const char *str_char(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return s;
		if (!*s)
			return NULL;
	}
}

const char *str_last(const char *s, int c)
{
	const char *last = NULL;

	for (;; s++) {
		if (*s == (char)c)
			last = s;
		if (!*s)
			return last;
	}
}

uint64_t hash_bytes(uint64_t h, const void *p, size_t n)
{
	for (const uint8_t *at = p, *end = at + n; at < end; at++)
		h = (h ^ *at) * 0x100000001b3u;
	return h;
}

const char *path_base(const char *path)
{
	const char *slash = str_last(path, '/');

	return slash ? slash + 1 : path;
}

size_t str_copy(char *dst, const char *src, size_t size)
{
	size_t n = 0;

	if (!size)
		return 0;
	while (n + 1 < size && src[n]) {
		dst[n] = src[n];
		n++;
	}
	dst[n] = '\0';
	return n;
}
