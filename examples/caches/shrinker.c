/* SPDX-License-Identifier: BSD-2-Clause */
/* examples/caches/shrinker.c - a cache of results that can be computed again: it frees them when memory is short. */
#include <malloc.h>
#include <memsan.h>
#include <stdio.h>
#include <stdlib.h>

#define KEPT 1000
static void *kept[KEPT];
static unsigned long nr_kept;

static unsigned long count(void *data)
{
	(void)data;
	return nr_kept;
}

static unsigned long scan(void *data, struct memsan_shrink_control *control)
{
	unsigned long freed = 0;

	(void)data;
	while (freed < control->nr_to_scan && nr_kept) {
		free(kept[--nr_kept]);
		freed++;
	}
	control->nr_scanned = freed;
	return freed;
}

static void fill(void)
{
	while (nr_kept < KEPT)
		kept[nr_kept++] = malloc(1000);
}

int main(void)
{
	struct memsan_shrinker *s = memsan_shrinker_register("results", count, scan, NULL);

	size_t freed;

	fill();
	freed = memsan_shrink_all();
	printf("asked: %zu freed, %lu kept\n", freed, nr_kept);
	fill();
	malloc_trim(0);
	printf("trimmed: %lu kept\n", nr_kept);
	fill();
	memsan_shrinker_unregister(s);
	memsan_shrink_all();
	printf("unregistered: %lu kept\n", nr_kept);
	while (nr_kept)
		free(kept[--nr_kept]);
	return 0;
}
