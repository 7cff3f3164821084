/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/programs/larson.c - a server's threads, which end and begin: each takes over the blocks of the one before.
 *
 * The pattern is that of P. Larson and M. Krishnan, "Memory Allocation for Long-Running Server Applications" (ISMM
 * 1998): a thread replaces random blocks of its array by new ones of random size, then starts its successor and ends.
 * So a block is often freed by another thread than the one that allocated it.
 * Usage: larson [GENERATIONS [THREADS [BLOCKS [STEPS]]]] */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SIZE_MIN 8
#define SIZE_RANGE 1000

struct line {
	unsigned char **blocks;
	uint64_t seed, sum;
	long generations;
	pthread_mutex_t lock; /* guards `over` */
	pthread_cond_t changed;
	int over;
};

static long nr_blocks = 1000, nr_steps = 10000;

static uint32_t chance(uint64_t *seed, uint32_t n)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((*seed >> 33) % n);
}

static unsigned char *block_new(struct line *l)
{
	uint32_t size = SIZE_MIN + chance(&l->seed, SIZE_RANGE);
	unsigned char *p = malloc(size);

	if (!p)
		abort();
	p[0] = p[size - 1] = (unsigned char)size;
	return p;
}

static void *generation(void *arg)
{
	struct line *l = arg;
	pthread_attr_t attr;
	pthread_t next;

	for (long i = 0; i < nr_steps; i++) {
		unsigned char **p = &l->blocks[chance(&l->seed, (uint32_t)nr_blocks)];

		l->sum = l->sum * 31 + **p;
		free(*p);
		*p = block_new(l);
	}
	if (--l->generations > 0) {
		pthread_attr_init(&attr);
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
		if (pthread_create(&next, &attr, generation, l) != 0)
			abort();
		pthread_attr_destroy(&attr);
		return NULL;
	}
	pthread_mutex_lock(&l->lock);
	l->over = 1;
	pthread_cond_signal(&l->changed);
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

int main(int argc, char **argv)
{
	long generations = argc > 1 ? atol(argv[1]) : 600, nr_lines = argc > 2 ? atol(argv[2]) : 2;
	struct line *lines;
	uint64_t sum = 0;

	nr_blocks = argc > 3 ? atol(argv[3]) : nr_blocks;
	nr_steps = argc > 4 ? atol(argv[4]) : nr_steps;
	lines = calloc((size_t)nr_lines, sizeof(*lines));
	for (long i = 0; i < nr_lines; i++) {
		struct line *l = &lines[i];
		pthread_t first;

		*l = (struct line){ .seed = (uint64_t)i + 1,
			            .generations = generations,
			            .lock = PTHREAD_MUTEX_INITIALIZER,
			            .changed = PTHREAD_COND_INITIALIZER };
		l->blocks = malloc((size_t)nr_blocks * sizeof(*l->blocks));
		for (long k = 0; k < nr_blocks; k++)
			l->blocks[k] = block_new(l);
		if (pthread_create(&first, NULL, generation, l) != 0)
			abort();
		pthread_detach(first);
	}
	for (long i = 0; i < nr_lines; i++) {
		struct line *l = &lines[i];

		pthread_mutex_lock(&l->lock);
		while (!l->over)
			pthread_cond_wait(&l->changed, &l->lock);
		pthread_mutex_unlock(&l->lock);
		sum = sum * 31 + l->sum;
		for (long k = 0; k < nr_blocks; k++)
			free(l->blocks[k]);
		free(l->blocks);
	}
	free(lines);
	printf("%llu\n", (unsigned long long)sum);
	return 0;
}
