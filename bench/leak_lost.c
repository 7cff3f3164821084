/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/leak_lost.c - how long a scan for leaks takes that finds everything lost.
 *
 *     leak_lost SHAPE N [PLACES]      SHAPE: single (no object points to another), list (linked in order), shuffled
 *                                     (linked in random order), tree (binary, in random order)
 *
 * N objects of 64 bytes, allocated at one place or at PLACES different stacks.  Like leak_heap.c, it is built with
 * -fsanitize=leak, or run under memsan.  The first scan counts, reports included; they go to standard error.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "leak_nodes.h"

static double wall_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* The bits of `path` choose the stack. */
static struct node *allocate(size_t path)
{
	struct node *p;
	if (path <= 1) {
		p = malloc(sizeof(struct node));
	} else if (path & 1) {
		p = allocate(path >> 1);
		__asm__ volatile("" : "+r"(p));
	} else {
		p = allocate(path >> 1);
		__asm__ volatile("nop" : "+r"(p)); /* two calls, not one that both branches share */
	}
	return p;
}

static void shuffle(struct node **order, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t k = next_random() % i;
		struct node *t = order[i - 1];
		order[i - 1] = order[k];
		order[k] = t;
	}
}

static void build(const char *shape, size_t n, size_t places)
{
	struct node **order = malloc(n * sizeof(*order));
	for (size_t i = 0; i < n; i++) {
		order[i] = allocate(places + i % places);
		memset(order[i], 0, sizeof(struct node));
	}
	if (strcmp(shape, "list") != 0)
		shuffle(order, n);
	for (size_t i = 0; i < n && strcmp(shape, "single") != 0; i++) {
		if (strcmp(shape, "tree") == 0) {
			order[i]->a = 2 * i + 1 < n ? order[2 * i + 1] : NULL;
			order[i]->b = 2 * i + 2 < n ? order[2 * i + 2] : NULL;
		} else {
			order[i]->a = i + 1 < n ? order[i + 1] : NULL;
		}
	}
	memset(order, 0, n * sizeof(*order));
	free(order);
}

int main(int argc, char **argv)
{
	if (argc < 3 || !__lsan_do_recoverable_leak_check)
		return 2;
	size_t n = strtoul(argv[2], NULL, 10), places = argc > 3 ? strtoul(argv[3], NULL, 10) : 1;
	build(argv[1], n, places);
	double began = wall_ms(), cpu_began = cpu_ms(RUSAGE_SELF);
	int found = __lsan_do_recoverable_leak_check();
	printf("%-9s %zu lost, %zu places: scan %.1f ms (%.1f ms of processor time)%s\n", argv[1], n, places,
	       wall_ms() - began, cpu_ms(RUSAGE_SELF) - cpu_began, found ? "" : ", nothing found");
	fflush(stdout);
	_exit(0);
}
