/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_check_all_realloc.c - memsan_check_all() runs while another thread resizes and frees large
 * objects
 *
 * expect: none
 * ways: linked
 * flags: -pthread
 * output: ok
 */
#include <memsan.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAGE 4096
#define BASE (1 << 20)

static atomic_int done;

static void *resize(void *arg)
{
	char *p = malloc(BASE);

	(void)arg;
	for (unsigned i = 0; !done; i++) {
		size_t size = BASE + i % 3 * PAGE + (i * 977) % (PAGE - 1) + 1;

		p = realloc(p, size);
		memset(p + size - PAGE, 1, PAGE);
		if (i % 100 == 0) {
			free(p);
			p = malloc(BASE);
		}
	}
	free(p);
	return NULL;
}

int main(void)
{
	pthread_t t;
	time_t end = time(NULL) + 2;

	if (pthread_create(&t, NULL, resize, NULL) != 0)
		return 1;
	while (time(NULL) < end)
		memsan_check_all();
	done = 1;
	pthread_join(t, NULL);
	puts("ok");
	return 0;
}
