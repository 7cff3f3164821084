/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/leak_heap.c - how long a scan for leaks takes, and how long it stops the program.
 *
 *     leak_heap SHAPE NODES PLAIN_MIB      SHAPE: list (linked in order), shuffled (linked in random order),
 *                                          array (of pointers), tree (a binary tree in random order)
 *
 * The program is not linked with memsan.  It calls LeakSanitizer's function for a scan, so that the same source
 * measures both: built with -fsanitize=leak, or run under memsan.  A second thread writes to memory all the time; its
 * longest gap is the program's pause.  After each scan the program writes a word of every page of the plain data,
 * twice.  The extra time of the first write is the cost that a copy of the process leaves behind.  A fourth argument is
 * the number of scans (default 5); the best counts.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "leak_nodes.h"

static struct node *volatile root;
static struct node **volatile all;
static char *volatile plain;
static volatile int over;
static volatile uint64_t longest_gap, looks;

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *watch(void *arg)
{
	uint64_t last = now_ns();
	while (!over) {
		uint64_t now = now_ns();
		if (now - last > longest_gap)
			longest_gap = now - last;
		last = now;
		looks++;
	}
	return arg;
}

static void build(const char *shape, size_t n)
{
	struct node **order = malloc(n * sizeof(*order));
	for (size_t i = 0; i < n; i++) {
		order[i] = malloc(sizeof(struct node));
		memset(order[i], 0, sizeof(struct node));
	}
	if (strcmp(shape, "list") != 0)
		for (size_t i = n; i > 1; i--) {
			size_t k = next_random() % i;
			struct node *t = order[i - 1];
			order[i - 1] = order[k];
			order[k] = t;
		}
	if (strcmp(shape, "array") == 0) {
		all = order;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (strcmp(shape, "tree") == 0) {
			order[i]->a = 2 * i + 1 < n ? order[2 * i + 1] : NULL;
			order[i]->b = 2 * i + 2 < n ? order[2 * i + 2] : NULL;
		} else {
			order[i]->a = i + 1 < n ? order[i + 1] : NULL;
		}
	}
	root = order[0];
	memset(order, 0, n * sizeof(*order));
	free(order);
}

/* The time to read the same memory: no scan can be faster. */
static double read_plain(const char *p, size_t n)
{
	volatile uint64_t sum = 0;
	uint64_t s = 0, began = now_ns();
	for (size_t i = 0; i < n; i += 8)
		s += *(const uint64_t *)(p + i);
	sum = s;
	(void)sum;
	return (double)(now_ns() - began) / 1e6;
}

/* Writes to each page; returns milliseconds. */
static double write_pages(char *p, size_t n)
{
	uint64_t began = now_ns();
	for (size_t i = 0; i < n; i += 4096)
		((volatile char *)p)[i]++;
	return (double)(now_ns() - began) / 1e6;
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	int rounds = argc > 4 ? atoi(argv[4]) : 5;
	size_t n = strtoul(argv[2], NULL, 10), mib = strtoul(argv[3], NULL, 10);
	uint64_t best = UINT64_MAX, gap = UINT64_MAX;
	double cpu = 1e9, written = 1e9;
	pthread_t t;
	build(argv[1], n);
	plain = malloc((mib << 20) + 1);
	for (size_t i = 0; i < mib << 20; i += 8)
		*(uint64_t *)(plain + i) = next_random();
	pthread_create(&t, NULL, watch, NULL);
	for (int round = 0; __lsan_do_recoverable_leak_check && round < rounds; round++) {
		double cpu_began = cpu_ms(RUSAGE_THREAD);
		longest_gap = 0;
		uint64_t began = now_ns();
		int found = __lsan_do_recoverable_leak_check();
		uint64_t took = now_ns() - began;
		if (found)
			fprintf(stderr, "the scan found leaks in a heap that has none\n");
		for (uint64_t seen = looks; looks - seen < 2;)
			;
		double cpu_took = cpu_ms(RUSAGE_THREAD) - cpu_began;
		double first = write_pages(plain, mib << 20), again = write_pages(plain, mib << 20);
		written = first - again < written ? first - again : written;
		cpu = cpu_took < cpu ? cpu_took : cpu;
		best = took < best ? took : best;
		gap = longest_gap < gap ? longest_gap : gap;
	}
	over = 1;
	pthread_join(t, NULL);
	double bytes = (double)n * sizeof(struct node) + (double)(mib << 20), read = read_plain(plain, mib << 20);
	printf("%-9s %zu nodes, %zu MiB plain: scan %.1f ms (%.1f ms of processor time: %.2f GB/s; "
	       "a plain read: %.2f GB/s), longest pause %.1f ms, "
	       "afterwards %.2f us more for the first write to a page\n",
	       argv[1], n, mib, (double)best / 1e6, cpu, bytes / cpu / 1e6, mib ? (double)(mib << 20) / read / 1e6 : 0,
	       (double)gap / 1e6, mib ? written * 1e3 / (double)(mib * 256) : 0);
	return 0;
}
