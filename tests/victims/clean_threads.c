/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_threads.c - threads start, allocate, pass memory on, free what others allocated, and end
 *
 * expect: none
 * modes: check production
 * ways: preload linked static
 * output: ok
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 256
static _Atomic(unsigned char *) slots[SLOTS];
static pthread_key_t key;

static unsigned char *make(unsigned n)
{
	unsigned char *p = malloc(n + 4);
	memcpy(p, &n, 4);
	memset(p + 4, n & 255, n);
	return p;
}
static void drop(unsigned char *p)
{
	if (!p)
		return;
	unsigned n;
	memcpy(&n, p, 4);
	for (unsigned i = 0; i < n; i++)
		if (p[4 + i] != (n & 255)) {
			puts("contents changed");
			abort();
		}
	free(p);
}
static void key_destructor(void *value)
{
	free(value);
	if (rand() % 2)
		pthread_setspecific(key, malloc(10)); /* another round of destructors */
}
static void *worker(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	pthread_setspecific(key, malloc(100));
	for (int i = 0; i < 5000; i++) {
		unsigned char *fresh = i % 3 ? make(rand_r(&seed) % (i % 97 ? 300 : 60000)) : NULL;
		drop(atomic_exchange(&slots[rand_r(&seed) % SLOTS], fresh));
	}
	return NULL;
}
int main(void)
{
	pthread_key_create(&key, key_destructor);
	for (int round = 0; round < 10; round++) {
		pthread_t t[8];
		for (int i = 0; i < 8; i++)
			pthread_create(&t[i], NULL, worker, (void *)(uintptr_t)(round * 8 + i));
		for (int i = 0; i < 8; i++)
			pthread_join(t[i], NULL);
	}
	for (int i = 0; i < SLOTS; i++)
		drop(slots[i]);
	puts("ok");
	return 0;
}
