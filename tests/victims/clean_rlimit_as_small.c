/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_rlimit_as_small.c - a program that fits in a small limit of address space (ulimit -v 102400)
 * fits in it with memsan: small objects, large blocks and a mapping of its own
 *
 * expect: none
 * modes: check production
 * output: ok
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static int take(size_t size, size_t bytes)
{
	void **list = NULL, **next;
	size_t got = 0;

	while (got < bytes && (next = malloc(size)) != NULL) {
		memset(next, 1, size);
		*next = list;
		list = next;
		got += size;
	}
	for (; list; list = next) {
		next = *list;
		free(list);
	}
	if (got < bytes)
		printf("%zu of %zu bytes in objects of %zu\n", got, bytes, size);
	return got < bytes;
}

int main(int argc, char **argv)
{
	struct rlimit limit = { 100 << 20, 100 << 20 };
	void *own;

	if (argc == 1) {
		if (setrlimit(RLIMIT_AS, &limit) != 0)
			return 2;
		execl("/proc/self/exe", argv[0], "again", NULL);
		return 3;
	}
	own = mmap(NULL, 10 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (own == MAP_FAILED || take(100, 32 << 20) || take(3000, 32 << 20) || take(200000, 32 << 20))
		return 1;
	puts("ok");
	return 0;
}
