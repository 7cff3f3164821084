/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/fence_blocks.c - for bench/fence: free and malloc of one of N live blocks, and a use after free now and then.
 *
 *     fence_blocks pairs N ROUNDS     "microseconds of processor time a pair, KiB resident for each block"
 *     fence_blocks bug MS EVERY       allocates for MS milliseconds; one in EVERY objects is read after its free; "allocations", how many were fenced
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "preload/memsan.h"
#pragma weak memsan_stat

static double seconds(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double resident_kib(void)
{
	double total, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (!f || fscanf(f, "%lf %lf", &total, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return resident * 4;
}

static unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 8;
}

static int pairs(unsigned long n, unsigned long rounds)
{
	char **p = malloc(n * sizeof(*p));
	unsigned seed = 1;
	double before = resident_kib();
	for (unsigned long i = 0; i < n; i++) {
		p[i] = malloc(64);
		if (!p[i]) {
			printf("no more memory after %lu blocks\n", i);
			return 1;
		}
		p[i][0] = 1;
	}
	double memory = resident_kib() - before, begin = seconds(CLOCK_PROCESS_CPUTIME_ID);
	for (unsigned long r = 0; r < rounds; r++) {
		unsigned long i = next_random(&seed) % n;
		free(p[i]);
		p[i] = malloc(64);
		p[i][0] = 1;
	}
	printf("%.3f %.2f\n", (seconds(CLOCK_PROCESS_CPUTIME_ID) - begin) * 1e6 / (double)rounds, memory / (double)n);
	return 0;
}

static int bug(double ms, unsigned every)
{
	double end = seconds(CLOCK_MONOTONIC) + ms / 1e3;
	unsigned long done = 0;
	unsigned seed = (unsigned)getpid();
	int sum = 0;
	while (seconds(CLOCK_MONOTONIC) < end)
		for (int i = 0; i < 100; i++, done++) {
			volatile char *p = malloc(48);
			p[0] = 1;
			free((void *)p);
			if (next_random(&seed) % every == 0)
				sum += p[0];
		}
	struct memsan_stats stats = { .size = sizeof(stats) };
	if (!memsan_stat || memsan_stat(&stats) != 0)
		return 1;
	printf("%lu %llu\n", done, stats.fence_allocs);
	return sum == -1;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "pairs"))
		return pairs(strtoul(argv[2], NULL, 0), strtoul(argv[3], NULL, 0));
	if (argc == 4 && !strcmp(argv[1], "bug"))
		return bug(strtod(argv[2], NULL), (unsigned)strtoul(argv[3], NULL, 0));
	return 2;
}
