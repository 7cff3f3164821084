/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_rlimit_data.h - the program of clean_rlimit_data.c and clean_rlimit_data_fenced.c */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT 102400000
#define BYTES ((size_t)50 << 20)

static void take(size_t size)
{
	for (size_t got = 0; got < BYTES; got += size) {
		void *p = malloc(size);

		if (!p) {
			printf("no memory after %zu bytes in blocks of %zu\n", got, size);
			exit(1);
		}
		memset(p, 1, size);
	}
	for (int i = 0; i < 10000; i++)
		free(malloc(500));
}

int main(int argc, char **argv)
{
	struct rlimit limit = { LIMIT, LIMIT };
	int status;
	pid_t child;

	if (argc > 1) {
		take((size_t)atol(argv[1]));
		if (argc > 2)
			puts("ok");
		return 0;
	}
	if (setrlimit(RLIMIT_DATA, &limit) != 0)
		return 2;
	for (int i = 0; i < 2; i++) {
		child = fork();
		if (child == 0)
			execl("/proc/self/exe", argv[0], i == 0 ? "112" : "300000", NULL);
		if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
			return 3;
	}
	execl("/proc/self/exe", argv[0], "1048576", "last", NULL);
	return 4;
}
