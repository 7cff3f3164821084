/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_rlimit_data_grow.c - under a limit of data (ulimit -d 100000) a buffer grows by realloc: when
 * there is no memory to move to, it grows in place, and what memsan holds back goes back
 *
 * expect: none
 * modes: check production
 * output: ok
 * stderr: any
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define LIMIT 102400000
#define STEP ((size_t)64 << 10)
#define MOST ((size_t)60 << 20)

int main(int argc, char **argv)
{
	struct rlimit limit = { LIMIT, LIMIT };
	char *p = NULL, *q;

	if (argc == 1) {
		if (setrlimit(RLIMIT_DATA, &limit) == 0)
			execl("/proc/self/exe", argv[0], "limited", NULL);
		return 2;
	}
	for (size_t size = STEP; size <= MOST; size += STEP) {
		q = realloc(p, size);
		if (!q) {
			printf("no memory to grow to %zu bytes\n", size);
			return 1;
		}
		memset(q + size - STEP, 1, STEP);
		p = q;
	}
	free(p);
	puts("ok");
	return 0;
}
