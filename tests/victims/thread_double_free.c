/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/thread_double_free.c - a worker frees an object, then main does; each stack names its thread
 *
 * expect: double-free in=main object=70
 */
#include <pthread.h>
#include <stdlib.h>

static void *worker(void *p)
{
	free(p); /* FREE */
	return NULL;
}
int main(void)
{
	pthread_t t;
	void *p = malloc(70); /* ALLOC */
	pthread_create(&t, NULL, worker, p);
	pthread_join(t, NULL);
	free(p); /* BAD */
	return 0;
}
