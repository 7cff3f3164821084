/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_libc_threads.c - the first calls of dlopen and dlsym come from several threads at once, and ask
 * libc for its allocator: memsan makes libc's names lead to its own functions then
 *
 * expect: none
 * ways: preload linked
 * modes: check production
 * output: ok
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4

static pthread_barrier_t barrier;

static void *look_up(void *arg)
{
	void *libc;
	void (*its_free)(void *);
	char *(*its_strdup)(const char *);

	pthread_barrier_wait(&barrier);
	libc = dlopen("libc.so.6", RTLD_NOW);
	/* With and without a version. */
	its_free = (void (*)(void *))(arg ? dlvsym(libc, "free", "GLIBC_2.2.5") : dlsym(libc, "free"));
	its_strdup = (char *(*)(const char *))dlsym(libc, "strdup");
	for (int i = 0; i < 1000; i++) {
		its_free(malloc(i));
		free(its_strdup("its own"));
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];

	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, look_up, i % 2 ? "version" : NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	puts("ok");
	return 0;
}
