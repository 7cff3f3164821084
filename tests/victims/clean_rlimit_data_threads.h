/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_rlimit_data_threads.h - the program of clean_rlimit_data_threads.c and _fenced.c */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT 102400000
#define STACK ((size_t)8 << 20)

static size_t size, bytes;

static void *take(void *arg)
{
	for (size_t got = 0; got < bytes; got += size) {
		void *p = malloc(size);

		if (!p) {
			printf("no memory after %zu bytes in blocks of %zu\n", got, size);
			exit(1);
		}
		memset(p, 1, size);
	}
	return arg;
}

static void take_by_threads(unsigned nr)
{
	pthread_t threads[4];
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	for (unsigned i = 0; i < nr; i++)
		if (pthread_create(&threads[i], &attr, take, NULL) != 0)
			exit(5);
	for (unsigned i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	static const char *const cases[][3] = { { "4", "112", "12000000" },
		                                { "4", "3000", "12000000" },
		                                { "4", "300000", "12000000" },
		                                { "1", "3000", "85000000" },
		                                { "1", "300000", "85000000" } };
	struct rlimit limit = { LIMIT, LIMIT };
	int status, failed = 0;

	if (argc > 3) {
		unsigned nr = (unsigned)atoi(argv[1]);

		size = (size_t)atol(argv[2]);
		bytes = (size_t)atol(argv[3]);
		if (nr > 1)
			take_by_threads(nr);
		else
			take(NULL);
		return 0;
	}
	if (setrlimit(RLIMIT_DATA, &limit) != 0)
		return 2;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pid_t child = fork();

		if (child == 0)
			execl("/proc/self/exe", argv[0], cases[i][0], cases[i][1], cases[i][2], NULL);
		if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
			failed = 3;
	}
	if (!failed)
		puts("ok");
	return failed;
}
