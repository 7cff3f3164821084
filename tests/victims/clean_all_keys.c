/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_all_keys.c - a program takes all keys of thread-specific data that there are; threads that end
 * afterwards leave nothing behind, also what the destructors of the last round freed
 *
 * expect: none
 * modes: check production
 * ways: preload linked
 * options: leak=on
 * output: ok
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <unistd.h>

#define KEEP_GOING 300

static pthread_key_t keys[PTHREAD_KEYS_MAX + 8];
static pthread_barrier_t barrier;
static int destroyed;

/* Every round, so all that libc has: the last ones come after the end that any key could tell of. */
static void destroy(void *value)
{
	void *again = malloc(77);

	free(value);
	__atomic_fetch_add(&destroyed, 1, __ATOMIC_RELAXED);
	if (pthread_setspecific(keys[PTHREAD_KEYS_MAX - 1], again) != 0)
		abort();
	if (destroyed % PTHREAD_DESTRUCTOR_ITERATIONS == 0) {
		free(again);
		pthread_setspecific(keys[PTHREAD_KEYS_MAX - 1], NULL);
	}
}

static void work(void)
{
	void *p[50];

	for (int i = 0; i < 50; i++)
		p[i] = malloc((size_t)i * 40);
	for (int i = 0; i < 50; i++)
		free(p[i]);
}

static void *ends(void *how)
{
	work();
	if (pthread_setspecific(keys[PTHREAD_KEYS_MAX - 1], malloc(99)) != 0)
		abort();
	if (how == &keys[0])
		pthread_exit(NULL);
	if (how == &keys[1]) {
		pthread_cancel(pthread_self());
		pthread_testcancel();
	}
	return NULL;
}

static void *waits(void *unused)
{
	work();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return unused;
}

static void run(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, fn, arg) != 0 || pthread_join(t, NULL) != 0)
		abort();
}

/* Bytes of address space, and mappings. */
static void size_now(long *pages, int *mappings)
{
	FILE *f = fopen("/proc/self/statm", "r");
	char line[400];

	if (!f || fscanf(f, "%ld", pages) != 1)
		abort();
	fclose(f);
	f = fopen("/proc/self/maps", "r");
	for (*mappings = 0; f && fgets(line, sizeof(line), f);)
		++*mappings;
	fclose(f);
}

int main(void)
{
	pthread_t early[8];
	long before, after;
	int nr = 0, mappings_before, mappings_after;

	pthread_barrier_init(&barrier, NULL, 9);
	for (int i = 0; i < 8; i++)
		if (pthread_create(&early[i], NULL, waits, NULL) != 0)
			abort();
	pthread_barrier_wait(&barrier);
	while (nr < PTHREAD_KEYS_MAX + 8 &&
	       pthread_key_create(&keys[nr], nr == PTHREAD_KEYS_MAX - 1 ? destroy : NULL) == 0)
		nr++;
	if (nr != PTHREAD_KEYS_MAX) {
		printf("%d keys\n", nr);
		return 1;
	}
	if (tss_create(&keys[nr], NULL) != thrd_error)
		return 2;
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 8; i++)
		pthread_join(early[i], NULL);
	for (int i = 0; i < 20; i++)
		run(ends, &keys[i % 3]);
	size_now(&before, &mappings_before);
	for (int i = 0; i < KEEP_GOING; i++)
		run(ends, &keys[i % 3]);
	size_now(&after, &mappings_after);
	/* A thread that is not noticed leaves a stack for its signals and its block of the cache. */
	if (mappings_after > mappings_before + 20 || after > before + KEEP_GOING * 4) {
		printf("%d mappings, then %d; %ld pages, then %ld\n", mappings_before, mappings_after, before, after);
		return 3;
	}
	if (destroyed != (KEEP_GOING + 20) * PTHREAD_DESTRUCTOR_ITERATIONS)
		return 4;
	puts("ok");
	return 0;
}
