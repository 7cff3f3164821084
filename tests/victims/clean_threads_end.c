/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_threads_end.c - thousands of threads begin, allocate and end: what memsan keeps for a thread
 * serves later ones, so memory does not grow with their number
 *
 * expect: none
 * modes: check production
 * options: quarantine.size=1M
 * output: ok
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *work(void *arg)
{
	void *p[64];

	for (int i = 0; i < 64; i++)
		p[i] = malloc(16 + i * 24);
	for (int i = 0; i < 64; i++)
		free(p[i]);
	return arg;
}

static long resident(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kb = 0;

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmRSS: %ld", &kb);
	if (f)
		fclose(f);
	return kb;
}

static void run(int threads)
{
	pthread_t t;

	for (int i = 0; i < threads; i++)
		if (pthread_create(&t, NULL, work, NULL) == 0)
			pthread_join(t, NULL);
}

int main(void)
{
	long before, after;

	run(300);
	before = resident();
	run(3000);
	after = resident();
	if (after - before > 6000)
		printf("%ld kB more after 3000 threads\n", after - before);
	puts("ok");
	return 0;
}
