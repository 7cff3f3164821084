/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/watch/masks.c - accesses of which a mask, a count or a register tells the bytes: AVX-512's, maskmovdqu,
 * maskmovq, xlat, xsave.  Argument 0: all bytes that are chosen are good, and bad ones are not chosen; 1 to 17: the
 * call of that number accesses a bad one. */
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTION(name, ...) static __attribute__((noinline)) void name(__VA_ARGS__)

int ints[16];
int8_t bytes[64];

FUNCTION(load_ints, const int *p, __mmask16 k)
{
	_mm512_storeu_si512(ints, _mm512_maskz_loadu_epi32(k, p));
}

FUNCTION(load_bytes, const int8_t *p, __mmask64 k)
{
	_mm512_storeu_si512(bytes, _mm512_maskz_loadu_epi8(k, p));
}

FUNCTION(store_ints, int *p, __mmask16 k)
{
	_mm512_mask_storeu_epi32(p, k, _mm512_set1_epi32(3));
}

FUNCTION(store_quads, long long *p, __mmask8 k)
{
	_mm512_mask_storeu_epi64(p, k, _mm512_set1_epi64(3));
}

FUNCTION(compress, int *p, __mmask16 k)
{
	_mm512_mask_compressstoreu_epi32(p, k, _mm512_set1_epi32(4));
}

FUNCTION(expand, const int *p, __mmask16 k)
{
	_mm512_storeu_si512(ints, _mm512_maskz_expandloadu_epi32(k, p));
}

FUNCTION(gather, const int *p, const int *at, __mmask16 k)
{
	_mm512_storeu_si512(ints, _mm512_mask_i32gather_epi32(_mm512_set1_epi32(7), k, _mm512_loadu_si512(at), p, 4));
}

FUNCTION(gather_high, const int *p, const int *at, __mmask16 k)
{
	__asm__ volatile("kmovw %2, %%k3\n"
	                 "vmovdqu32 (%1), %%zmm29\n"
	                 "vpgatherdd (%0,%%zmm29,4), %%zmm17%{%%k3%}"
	                 :
	                 : "r"(p), "r"(at), "r"((unsigned)k)
	                 : "xmm17", "xmm29", "k3", "memory");
}

FUNCTION(scatter, int *p, const int *at, __mmask16 k)
{
	_mm512_mask_i32scatter_epi32(p, k, _mm512_loadu_si512(at), _mm512_set1_epi32(9), 4);
}

FUNCTION(narrow, int8_t *p, __mmask16 k)
{
	_mm512_mask_cvtepi32_storeu_epi8(p, k, _mm512_set1_epi32(5));
}

FUNCTION(add_broadcast, const int *p, __mmask16 k)
{
	__m512i v;

	__asm__ volatile("kmovw %2, %%k5\n"
	                 "vpxord %0, %0, %0\n"
	                 "vpaddd (%1)%{1to16%}, %0, %0%{%%k5%}"
	                 : "=&v"(v)
	                 : "r"(p), "r"((unsigned)k)
	                 : "k5", "memory");
	_mm512_storeu_si512(ints, v);
}

FUNCTION(shuffle, const int *p, __mmask16 k)
{
	__m512i v;

	__asm__ volatile("kmovw %2, %%k2\n"
	                 "vpxord %0, %0, %0\n"
	                 "vpermd (%1), %0, %0%{%%k2%}%{z%}"
	                 : "=&v"(v)
	                 : "r"(p), "r"((unsigned)k)
	                 : "k2", "memory");
	_mm512_storeu_si512(ints, v);
}

FUNCTION(scalar, const float *p, __mmask8 k)
{
	_mm_storeu_ps((float *)ints, _mm_maskz_load_ss(k, p));
}

FUNCTION(chosen_bytes, char *p, __m128i chosen)
{
	_mm_maskmoveu_si128(_mm_set1_epi8(6), chosen, p);
}

FUNCTION(chosen_mmx, char *p, long long chosen)
{
	_mm_maskmove_si64(_mm_cvtsi64_m64(0x0505050505050505), _mm_cvtsi64_m64(chosen), p);
	_mm_empty();
}

FUNCTION(translate, const uint8_t *table, unsigned at)
{
	__asm__ volatile("xlatb" : "+a"(at) : "b"(table) : "memory");
	ints[0] = (int)(at & 0xff);
}

FUNCTION(save, void *area)
{
	__asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(3), "d"(0) : "memory");
}

FUNCTION(all, int way)
{
	int at[16];
	int *a = calloc(10, sizeof(*a)), *b = a + 8;
	int8_t *c = calloc(40, 1);
	float *f = calloc(10, sizeof(*f));
	uint8_t *table = calloc(200, 1);
	char *small = aligned_alloc(64, 512), *large = aligned_alloc(64, 4096);
	__m128i two = _mm_set_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1);
	__m128i three = _mm_set_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1);

	for (int i = 0; i < 16; i++)
		at[i] = i == 3 ? 10 : i % 10;
	memset(large, 0, 4096);
	load_ints(b, way == 1 ? 7 : 3);
	load_bytes(c, way == 2 ? 1ul << 40 : (1ul << 40) - 1);
	store_ints(b, way == 3 ? 4 : 3);
	store_quads((long long *)b, way == 4 ? 3 : 1);
	compress(b, way == 5 ? 0x8101 : 0x8100);
	expand(b, way == 6 ? 0x0111 : 0x1010);
	gather(a, at, way == 7 ? 0x8 : 0xfff7);
	gather_high(a, at, way == 8 ? 0xffff : 0xfff7);
	scatter(a, at, way == 9 ? 0xc : 0xfff7);
	narrow(c + 30, way == 10 ? 0x7ff : 0x3ff);
	add_broadcast(a + 10, way == 11 ? 0x8000 : 0);
	shuffle(way == 12 ? a : (int *)large, 1);
	scalar(f + 10, way == 13 ? 1 : 0xfe);
	chosen_bytes((char *)c + 38, way == 14 ? three : two);
	chosen_mmx((char *)c + 36, way == 15 ? 0x8000000000 : 0x80808080);
	translate(table, way == 16 ? 200 : 0xff00 | 199);
	save(way == 17 ? small : large);
	printf("%d %d %d %d\n", a[8], a[9], c[30], c[39]);
	free(a);
	free(c);
	free(f);
	free(table);
	free(small);
	free(large);
}

int main(int argc, char **argv)
{
	if (!__builtin_cpu_supports("avx512bw"))
		return 77;
	all(argc > 1 ? atoi(argv[1]) : 0);
	return 0;
}
