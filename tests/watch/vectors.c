/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/watch/vectors.c - AVX2's gathers and masked moves.  Argument 0: all elements that are chosen are good, and bad
 * ones are not chosen; 1 to 7: the call of that number accesses one bad element. */
#include <immintrin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTION(name, ...) static __attribute__((noinline)) void name(__VA_ARGS__)
#define LOAD(p) _mm256_loadu_si256((const void *)(p))

static int ints[8];
static double doubles[4];

FUNCTION(gather_4_by_4, const int *p, const int *at)
{
	_mm256_storeu_si256((void *)ints, _mm256_i32gather_epi32(p, LOAD(at), 4));
}

FUNCTION(gather_8_by_8, const double *p, const long long *at)
{
	_mm256_storeu_pd(doubles, _mm256_i64gather_pd(p, LOAD(at), 8));
}

FUNCTION(gather_8_by_4, const double *p, const int *at)
{
	_mm256_storeu_pd(doubles, _mm256_i32gather_pd(p, _mm_loadu_si128((const void *)at), 8));
}

FUNCTION(gather_4_by_8, const int *p, const long long *at)
{
	_mm_storeu_si128((void *)ints, _mm256_i64gather_epi32(p, LOAD(at), 4));
}

FUNCTION(gather_chosen, const int *p, const int *at, const int *chosen)
{
	_mm256_storeu_si256((void *)ints,
	                    _mm256_mask_i32gather_epi32(_mm256_set1_epi32(7), p, LOAD(at), LOAD(chosen), 4));
}

FUNCTION(store_chosen, int *p, const int *chosen)
{
	_mm256_maskstore_epi32(p, LOAD(chosen), _mm256_set1_epi32(5));
}

FUNCTION(load_chosen, const double *p, const long long *chosen)
{
	_mm256_storeu_pd(doubles, _mm256_maskload_pd(p, LOAD(chosen)));
}

int main(int argc, char **argv)
{
	static const int good[] = { 0, 9, 1, 2, 3, 4, 5, 6 }, bad[] = { 0, 9, 1, 10, 3, 4, 5, 6 };
	static const int all[] = { -1, -1, -1, -1, -1, -1, -1, -1 }, not_3[] = { -1, -1, -1, 0, -1, -1, -1, -1 };
	static const int two[] = { -1, -1, 0, 0, 0, 0, 0, 0 }, three[] = { -1, -1, -1, 0, 0, 0, 0, 0 };
	static const long long far_good[] = { 0, 9, 1, 2 }, far_bad[] = { 0, 9, -1, 2 };
	static const long long far_two[] = { -1, -1, 0, 0 }, far_third[] = { -1, 0, -1, 0 };
	int way = argc > 1 ? atoi(argv[1]) : 0, *a = malloc(10 * sizeof(*a));
	double *d = malloc(10 * sizeof(*d));

	if (!__builtin_cpu_supports("avx2"))
		return 77;
	memset(a, 0, 10 * sizeof(*a));
	memset(d, 0, 10 * sizeof(*d));
	gather_4_by_4(a, way == 1 ? bad : good);
	gather_8_by_8(d, way == 2 ? far_bad : far_good);
	gather_8_by_4(d, way == 3 ? bad : good);
	gather_4_by_8(a, way == 4 ? far_bad : far_good);
	gather_chosen(a, bad, way == 5 ? all : not_3);
	store_chosen(a + 8, way == 6 ? three : two);
	load_chosen(d + 8, way == 7 ? far_third : far_two);
	printf("%d %d %d\n", ints[1], a[9], (int)doubles[0]);
	free(a);
	free(d);
	return 0;
}
