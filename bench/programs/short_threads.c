/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/programs/short_threads.c - many threads that live for a moment, as in a server with a thread for each request.
 *
 * The pattern is that of threadtest (E. Berger and others, "Hoard: A Scalable Memory Allocator for Multithreaded
 * Applications", ASPLOS 2000) with threads that end at once: each allocates a few blocks, frees most of them and leaves
 * one to the main thread.
 * Usage: short_threads [THREADS [AT_A_TIME [BLOCKS]]] */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long blocks = 20;

static void *request(void *arg)
{
	uint32_t seed = (uint32_t)(uintptr_t)arg;
	char *kept[64], *answer;

	for (long i = 0; i < blocks; i++) {
		size_t size = 16 + (seed = seed * 1664525 + 1013904223) % 500;

		kept[i] = malloc(size);
		memset(kept[i], (int)i, 16);
	}
	answer = malloc(32);
	snprintf(answer, 32, "%u", (unsigned)kept[blocks - 1][0] + seed % 1000);
	for (long i = 0; i < blocks; i++)
		free(kept[i]);
	return answer;
}

int main(int argc, char **argv)
{
	long threads = argc > 1 ? atol(argv[1]) : 100000, at_a_time = argc > 2 ? atol(argv[2]) : 4;
	uint64_t sum = 0;
	pthread_t running[64];

	blocks = argc > 3 ? atol(argv[3]) : blocks;
	if (at_a_time > 64 || blocks > 64)
		return 2;
	for (long i = 0; i < threads; i += at_a_time) {
		for (long k = 0; k < at_a_time; k++)
			if (pthread_create(&running[k], NULL, request, (void *)(uintptr_t)(i + k)) != 0)
				abort();
		for (long k = 0; k < at_a_time; k++) {
			void *answer;

			pthread_join(running[k], &answer);
			sum = sum * 31 + (uint64_t)atoi(answer);
			free(answer);
		}
	}
	printf("%llu\n", (unsigned long long)sum);
	return 0;
}
