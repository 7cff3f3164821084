/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/panic_threads.c - many threads make a bad access at the same moment; the first report comes out
 * whole before the process ends
 *
 * options: shadow.fault=panic
 * expect: slab-out-of-bounds in=body type=read
 * ways: linked
 */
#include <pthread.h>
#include <stdlib.h>

static pthread_barrier_t start;

static void *body(void *arg)
{
	volatile char *p = arg;

	pthread_barrier_wait(&start);
	return p[10] ? arg : NULL; /* BAD */
}

int main(void)
{
	char *p = malloc(10); /* ALLOC */
	pthread_t t[8];

	pthread_barrier_init(&start, NULL, 8);
	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, body, p);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	free(p);
	return 0;
}
