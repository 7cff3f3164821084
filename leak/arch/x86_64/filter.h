/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/arch/x86_64/filter.h - which of eight words may be pointers, by their upper halves, with the instructions that
 * every x86_64 has. */
#ifndef MEMSAN_LEAK_ARCH_X86_64_FILTER_H
#define MEMSAN_LEAK_ARCH_X86_64_FILTER_H

#include <emmintrin.h>

/* h in [lo, hi], unsigned, as one signed comparison: h - lo with its top bit inverted against hi - lo with its own
 * inverted. */
struct arch_filter {
	__m128i bias, limit;
};

static inline void arch_filter_set(struct arch_filter *f, uint32_t lo, uint32_t hi)
{
	f->bias = _mm_set1_epi32((int)(lo + 0x80000000u));
	f->limit = _mm_set1_epi32((int)((hi - lo + 1) ^ 0x80000000u));
}

static inline __m128i arch_filter_4(const struct arch_filter *f, const void *p)
{
	__m128 a = _mm_loadu_ps(p), b = _mm_loadu_ps((const float *)p + 4);
	__m128i upper = _mm_castps_si128(_mm_shuffle_ps(a, b, 0xdd));

	return _mm_cmpgt_epi32(f->limit, _mm_sub_epi32(upper, f->bias));
}

/* Bit i: the upper half of word i lies in the range. */
static inline unsigned arch_filter_8(const struct arch_filter *f, const void *p)
{
	__m128i both = _mm_packs_epi32(arch_filter_4(f, p), arch_filter_4(f, (const char *)p + 32));

	return (unsigned)_mm_movemask_epi8(_mm_packs_epi16(both, _mm_setzero_si128()));
}

#endif
