/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fence_threads.c - several threads write to one freed fenced object at once: the accesses are the same,
 * so memsan reports them once, and all threads go on
 *
 * expect: use-after-free-write in=body object=100 alloc=main free=main
 * modes: check production
 * options: fence=all
 * flags: -pthread
 * stderr: any
 */
#include <pthread.h>
#include <stdlib.h>

static volatile char *p;
static pthread_barrier_t barrier;

static void *body(void *arg)
{
	pthread_barrier_wait(&barrier);
	p[9] = 1; /* BAD */
	return arg;
}

int main(void)
{
	pthread_t t[4];
	pthread_barrier_init(&barrier, NULL, 4);
	p = malloc(100); /* ALLOC */
	free((void *)p); /* FREE */
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, body, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	return 0;
}
