/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_huge.c - very large requests fail where libc's malloc would refuse them, and freed ones keep no
 * page tables
 *
 * expect: none
 * modes: check production
 * output: ok
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CHECK(x)                                               \
	do {                                                   \
		if (!(x)) {                                    \
			printf("line %d: %s\n", __LINE__, #x); \
			exit(1);                               \
		}                                              \
	} while (0)

/* libc's malloc maps a request of this size. */
static int system_grants(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 0;
	munmap(p, size);
	return 1;
}

static long page_tables_kib(void)
{
	char line[256];
	long kib = -1;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmPTE: %ld", &kib);
	if (f)
		fclose(f);
	return kib;
}

int main(void)
{
	for (size_t size = (size_t)1 << 30; size <= (size_t)1 << 39; size *= 2) {
		char *p, *small = malloc(1000000);

		errno = 0;
		p = malloc(size);
		CHECK(p || errno == ENOMEM);
		CHECK(!p || system_grants(size));
		free(p);
		strcpy(small, "kept");
		errno = 0;
		p = realloc(small, size);
		CHECK(p || errno == ENOMEM);
		CHECK(!p || system_grants(size));
		CHECK(strcmp(p ? p : small, "kept") == 0);
		free(p ? p : small);
	}
	for (int i = 0; i < 40; i++) {
		char *p = malloc((size_t)1 << 30);

		CHECK(p || !system_grants((size_t)1 << 30));
		if (p)
			p[i] = 1;
		free(p);
	}
	CHECK(page_tables_kib() < 16384);
	puts("ok");
	return 0;
}
