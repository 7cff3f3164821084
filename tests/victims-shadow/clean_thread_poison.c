/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/clean_thread_poison.c - a thread poisons variables of its own and ends; the next thread has its
 * memory
 *
 * expect: none
 * needs: compiler
 * ways: linked static
 * output: ok
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

void __asan_poison_memory_region(void const volatile *addr, size_t size);

static __thread char words[4096], odd[77];

static void *poisons(void *arg)
{
	char local[3000];

	memset(words, 1, sizeof(words));
	__asan_poison_memory_region(words, sizeof(words));
	__asan_poison_memory_region(odd + 3, sizeof(odd) - 3);
	__asan_poison_memory_region(local, sizeof(local));
	return arg;
}

static void *uses(void *arg)
{
	char local[8000];

	memset(words, 1, sizeof(words));
	memset(odd, 1, sizeof(odd));
	memset(local, 1, sizeof(local));
	return local[0] == 1 ? arg : NULL;
}

int main(void)
{
	for (int i = 0; i < 20; i++) {
		pthread_t t;
		void *result;

		pthread_create(&t, NULL, i % 2 ? uses : poisons, words);
		pthread_join(t, &result);
		if (result != words)
			return 1;
	}
	puts("ok");
	return 0;
}
