/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/guard_threads.c - two threads touch one guarded page at once: the accesses are the same, so memsan
 * reports them once, and both threads go on
 *
 * expect: use-after-free in=body object=100000
 * stderr: any
 */
#include <pthread.h>
#include <stdlib.h>

static volatile char *p;
static pthread_barrier_t barrier;

static void *body(void *arg)
{
	pthread_barrier_wait(&barrier);
	p[9000] = 1; /* BAD */
	return NULL;
}

int main(void)
{
	pthread_t t[2];
	pthread_barrier_init(&barrier, NULL, 2);
	p = malloc(100000); /* ALLOC */
	free((void *)p);    /* FREE */
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, body, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	return 0;
}
