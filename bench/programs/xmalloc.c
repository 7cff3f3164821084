/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/programs/xmalloc.c - producers that only allocate, and consumers that only free.
 *
 * The pattern is that of xmalloc-test (C. Lever and D. Boreham, "malloc() Performance in a Multithreaded Linux
 * Environment", USENIX 2000): blocks travel in batches through a short list, so every block is freed by another thread
 * than its allocator, and no thread frees what it could use again.
 * Usage: xmalloc [BATCHES [PAIRS]] */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define BATCH 4096
#define WAITING_MAX 16

struct batch {
	struct batch *next;
	unsigned char *blocks[BATCH];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all four below */
static pthread_cond_t room = PTHREAD_COND_INITIALIZER, work = PTHREAD_COND_INITIALIZER;
static struct batch *list;
static long waiting, left_to_take;

static const unsigned short sizes[] = { 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 400 };
#define NR_SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void *produce(void *arg)
{
	for (long n = *(long *)arg; n; n--) {
		struct batch *b = malloc(sizeof(*b));

		if (!b)
			abort();
		for (unsigned i = 0; i < BATCH; i++) {
			b->blocks[i] = malloc(sizes[i % NR_SIZES]);
			b->blocks[i][0] = (unsigned char)i;
		}
		pthread_mutex_lock(&lock);
		while (waiting == WAITING_MAX)
			pthread_cond_wait(&room, &lock);
		b->next = list;
		list = b;
		waiting++;
		pthread_cond_signal(&work);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static struct batch *take(void)
{
	struct batch *b = NULL;

	pthread_mutex_lock(&lock);
	if (left_to_take) {
		left_to_take--;
		while (!list)
			pthread_cond_wait(&work, &lock);
		b = list;
		list = b->next;
		waiting--;
		pthread_cond_signal(&room);
	}
	pthread_mutex_unlock(&lock);
	return b;
}

static void *consume(void *arg)
{
	uint64_t *sum = arg;
	struct batch *b;

	while ((b = take()) != NULL) {
		for (unsigned i = 0; i < BATCH; i++) {
			*sum += b->blocks[i][0];
			free(b->blocks[i]);
		}
		free(b);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	long batches = argc > 1 ? atol(argv[1]) : 2000, pairs = argc > 2 ? atol(argv[2]) : 1;
	pthread_t *threads = calloc((size_t)pairs * 2, sizeof(*threads));
	uint64_t *sums = calloc((size_t)pairs, sizeof(*sums)), sum = 0;

	left_to_take = batches * pairs;
	for (long i = 0; i < pairs; i++)
		if (pthread_create(&threads[2 * i], NULL, produce, &batches) != 0 ||
		    pthread_create(&threads[2 * i + 1], NULL, consume, &sums[i]) != 0)
			abort();
	for (long i = 0; i < 2 * pairs; i++)
		pthread_join(threads[i], NULL);
	for (long i = 0; i < pairs; i++)
		sum += sums[i];
	free(sums);
	free(threads);
	printf("%llu\n", (unsigned long long)sum);
	return 0;
}
