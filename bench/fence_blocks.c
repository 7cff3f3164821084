/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/fence_blocks.c - the program that bench/fence measures.
 *
 *     fence_blocks pairs N ROUNDS     frees one of N live blocks and allocates another, again and again; prints the
 *                                     microseconds of processor time for each pair and the resident KiB for each block
 *     fence_blocks held N SIZE        allocates N objects and frees each at once; prints for each freed object the
 *                                     resident bytes, the bytes of page tables and the number of mappings; then the
 *                                     milliseconds of a fork, and after how many objects the first address is used
 *                                     again (0: never)
 *     fence_blocks bug MS EVERY       allocates for MS milliseconds and reads one in EVERY objects after its free;
 *                                     prints how many objects it allocated and how many of them were fenced
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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

/* Returns a figure from /proc/self/status, in KiB. */
static double status_kib(const char *name)
{
	char line[200];
	double kib = 0;
	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			kib = strtod(line + strlen(name) + 1, NULL);
	if (f)
		fclose(f);
	return kib;
}

static double mappings(void)
{
	double n = 0;
	FILE *f = fopen("/proc/self/maps", "r");
	for (int c; f && (c = getc(f)) != EOF;)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

static double fork_ms(void)
{
	double begin = seconds(CLOCK_MONOTONIC);
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	return (seconds(CLOCK_MONOTONIC) - begin) * 1e3;
}

static int held(unsigned long n, size_t size)
{
	for (int i = 0; i < 1000; i++)
		free(malloc(size));
	volatile char *first = malloc(size);
	uintptr_t where = (uintptr_t)first;
	free((void *)first);
	double rss = status_kib("VmRSS:"), tables = status_kib("VmPTE:"), maps = mappings();
	unsigned long again = 0;
	for (unsigned long i = 1; i <= n; i++) {
		volatile char *p = malloc(size);
		p[0] = 1;
		if ((uintptr_t)p == where && !again)
			again = i;
		free((void *)p);
	}
	printf("%.1f %.1f %.4f %.1f %lu\n", (status_kib("VmRSS:") - rss) * 1024 / (double)n,
	       (status_kib("VmPTE:") - tables) * 1024 / (double)n, (mappings() - maps) / (double)n, fork_ms(), again);
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
	if (argc == 4 && !strcmp(argv[1], "held"))
		return held(strtoul(argv[2], NULL, 0), strtoul(argv[3], NULL, 0));
	if (argc == 4 && !strcmp(argv[1], "bug"))
		return bug(strtod(argv[2], NULL), (unsigned)strtoul(argv[3], NULL, 0));
	return 2;
}
