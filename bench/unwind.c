/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/unwind.c - the cost of a stack trace: whole walks and saved stacks at several depths, beside libunwind and the
 * C++ unwinder.
 *
 * The stacks consist of sixteen functions with different frames, compiled with -O2 and without frame pointers, in a
 * pseudo-random but fixed order.  In each round all contenders run in turn at the bottom of the same stack.  The median
 * of the rounds is printed.  "save, steady" is like a loop that allocates: two inner frames change and the others stay.
 * "save, fresh" reuses nothing of the previous trace: before each save it saves a trace that shares no frame with any
 * other.  The time of that trace, measured alone, is subtracted.
 */
#define UNW_LOCAL_ONLY
#include <libunwind.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unwind.h>

#include "lib/lib.h"

#define FRAMES_MAX 300
#define ROUNDS 25
#ifdef __clang__
#define noinline_fn __attribute__((noinline))
#else
#define noinline_fn __attribute__((noinline, noclone))
#endif

enum contender { WALK, SAVE_FRESH, SAVE_STEADY, LIBUNWIND, CXX_UNWINDER, SAVE_NOTHING, CONTENDERS };
#define SHOWN SAVE_NOTHING
static const char *const names[] = { "unwind_walk",   "save, fresh",       "save, steady",
	                             "unw_backtrace", "_Unwind_Backtrace", "" };

static uintptr_t pcs[FRAMES_MAX];
static double results[CONTENDERS][ROUNDS];
static size_t frames[CONTENDERS];
static volatile uint32_t sink;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- the contenders -------------------------------------------------------------------------- */

static _Unwind_Reason_Code count_frame(struct _Unwind_Context *context, void *n)
{
	size_t *nr = n;

	if (*nr == FRAMES_MAX)
		return _URC_END_OF_STACK;
	pcs[(*nr)++] = _Unwind_GetIP(context);
	return _URC_NO_REASON;
}

static noinline_fn uint32_t save_here(void)
{
	struct unwind_regs regs;

	UNWIND_HERE(&regs);
	return unwind_save(&regs);
}

static noinline_fn uint32_t inner_one(int x)
{
	return save_here() + (uint32_t)x;
}

static noinline_fn uint32_t inner_two(int x)
{
	volatile char pad[80];

	pad[x] = 1;
	return inner_one(x) + (uint32_t)pad[x];
}

static noinline_fn void run_once(enum contender who, int i)
{
	struct unwind_regs regs;
	size_t n = 0;

	switch (who) {
	case WALK:
		UNWIND_HERE(&regs);
		n = unwind_walk(&regs, pcs, FRAMES_MAX);
		break;
	case SAVE_FRESH:
		regs = (struct unwind_regs){ .sp = 64 };
		unwind_save(&regs);
		UNWIND_HERE(&regs);
		sink = unwind_save(&regs);
		n = frames[WALK];
		break;
	case SAVE_STEADY:
		sink = i & 1 ? inner_one(i & 3) : inner_two(i & 3);
		n = frames[WALK];
		break;
	case SAVE_NOTHING:
		regs = (struct unwind_regs){ .sp = 64 };
		sink = unwind_save(&regs);
		break;
	case LIBUNWIND:
		n = (size_t)unw_backtrace((void **)pcs, FRAMES_MAX);
		break;
	case CXX_UNWINDER:
		_Unwind_Backtrace(count_frame, &n);
		break;
	default:
		break;
	}
	frames[who] = n;
}

static noinline_fn void measure_all(void)
{
	for (int round = -2; round < ROUNDS; round++)
		for (int who = 0; who < CONTENDERS; who++) {
			int times = who == CXX_UNWINDER ? 30 : 600;
			double start = now();
			for (int i = 0; i < times; i++)
				run_once((enum contender)who, i);
			if (round >= 0)
				results[who][round] = (now() - start) / times;
		}
}

/* ---- the stack ------------------------------------------------------------------------------- */

static inline unsigned descend(unsigned depth, uint64_t path);

#define FUNCTION(n, bytes, work)                                                  \
	static noinline_fn unsigned function_##n(unsigned depth, uint64_t path)   \
	{                                                                         \
		volatile char pad[bytes];                                         \
		unsigned a = depth * 3 + n, b = (unsigned)path ^ n, c = a ^ b, r; \
		pad[depth % bytes] = (char)n;                                     \
		r = descend(depth, path * 6364136223846793005u + n);              \
		(void)c;                                                          \
		work;                                                             \
		return r + a + (unsigned)pad[depth % bytes];                      \
	}
/* clang-format takes the uses of the macro for one declaration. */
// clang-format off
FUNCTION(0, 8, a += 1) FUNCTION(1, 16, a += b) FUNCTION(2, 24, a += b * c) FUNCTION(3, 200, a ^= b - c)
FUNCTION(4, 40, a += 1) FUNCTION(5, 8, a += b) FUNCTION(6, 64, a += b * c) FUNCTION(7, 24, a ^= b - c)
FUNCTION(8, 88, a += 1) FUNCTION(9, 500, a += b) FUNCTION(10, 16, a += b * c) FUNCTION(11, 32, a ^= b - c)
FUNCTION(12, 8, a += 1) FUNCTION(13, 48, a += b) FUNCTION(14, 136, a += b * c) FUNCTION(15, 24, a ^= b - c)

typedef unsigned (*function)(unsigned depth, uint64_t path);
// clang-format on
static const function functions[] = {
	function_0, function_1, function_2,  function_3,  function_4,  function_5,  function_6,  function_7,
	function_8, function_9, function_10, function_11, function_12, function_13, function_14, function_15,
};

/* Is inlined into each of the functions, so that each call adds one frame. */
static inline __attribute__((always_inline)) unsigned descend(unsigned depth, uint64_t path)
{
	if (depth == 0) {
		measure_all();
		return 0;
	}
	return functions[path >> 60](depth - 1, path);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(void)
{
	static const unsigned depths[] = { 5, 20, 50, 100, 200 };

	options_set_defaults(&options);
	printf("ns a stack (ns a frame), median of %d rounds\n%6s", ROUNDS, "frames");
	for (int who = 0; who < SHOWN; who++)
		printf(" %20s", names[who]);
	for (size_t d = 0; d < ARRAY_SIZE(depths); d++) {
		sink = functions[0](depths[d] - 5, 0x123456789abcdefULL);
		printf("\n%6zu", frames[WALK]);
		for (int round = 0; round < ROUNDS; round++)
			results[SAVE_FRESH][round] -= results[SAVE_NOTHING][round];
		for (int who = 0; who < SHOWN; who++) {
			double median;

			qsort(results[who], ROUNDS, sizeof(double), compare);
			median = results[who][ROUNDS / 2];
			printf("     %8.0f (%5.1f)", median, median / (double)frames[who]);
		}
	}
	printf("\n");
	return 0;
}
