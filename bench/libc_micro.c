/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/libc_micro.c - the cost of libc calls, on static memory, which memsan does not check, and on heap objects.
 *
 * bench/libc_calls runs it.  It prints a line "where.call nanoseconds" for each call, the minimum of several batches.
 * It is built with -fno-builtin, so that the compiler does not replace the calls.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH 200000
#define BATCHES 9

static char static_a[70000], static_b[70000];
static volatile size_t sink;

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

#define MEASURE(where, name, batch, call)                       \
	do {                                                    \
		double best = 1e30;                             \
		for (int round = 0; round < BATCHES; round++) { \
			double start = now_ns(), each;          \
                                                                \
			for (int i = 0; i < (batch); i++)       \
				sink = (size_t)(call);          \
			each = (now_ns() - start) / (batch);    \
			best = each < best ? each : best;       \
		}                                               \
		printf("%s.%s %.3f\n", where, name, best);      \
	} while (0)

static void measure(const char *where, char *a, char *b)
{
	memset(a, 'a', 65536);
	memset(b, 'a', 65536);
	a[16] = b[16] = 0;
	MEASURE(where, "memcpy-16", BATCH, memcpy(a + 32, b + 32, 16));
	MEASURE(where, "memcpy-256", BATCH, memcpy(a + 32, b + 32, 256));
	MEASURE(where, "memcpy-16k", BATCH / 50, memcpy(a + 32, b + 32, 16384));
	MEASURE(where, "memset-16", BATCH, memset(a + 32, 1, 16));
	MEASURE(where, "strlen-16", BATCH, strlen(a));
	MEASURE(where, "strcmp-16", BATCH, strcmp(a, b));
	MEASURE(where, "strcmp-first", BATCH, strcmp(a, b + 1000));
	MEASURE(where, "memcmp-16", BATCH, memcmp(a, b, 16));
	MEASURE(where, "strchr-16", BATCH, strchr(a, 'x'));
	MEASURE(where, "strcpy-16", BATCH, strcpy(a, b));
	MEASURE(where, "strtol", BATCH, strtol(a, NULL, 10));
	MEASURE(where, "snprintf", BATCH / 10, snprintf(a, 32, "%d", 12345));
}

int main(void)
{
	char *a, *b;

	measure("static", static_a, static_b);
	a = malloc(70000);
	b = malloc(70000);
	measure("large", a, b);
	free(a);
	free(b);
	return 0;
}
