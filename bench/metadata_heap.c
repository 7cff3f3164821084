/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/metadata_heap.c - the cost of many live objects of one size: in resident memory, and by the allocator's own
 * counters. */
#include <fcntl.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* metadata_heap SIZE COUNT prints the growth of resident memory in bytes on standard output.  Before and after,
 * malloc_stats writes to standard error.  The table of pointers is outside the heap, and is touched before the first
 * reading. */

/* Does not use stdio, because it must not allocate. */
static long resident(void)
{
	char text[128];
	int fd = open("/proc/self/statm", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	if (n <= 0)
		return 0;
	text[n] = 0;
	return strtol(strchr(text, ' '), NULL, 10) * sysconf(_SC_PAGESIZE);
}

int main(int argc, char **argv)
{
	size_t size = argc > 2 ? strtoul(argv[1], NULL, 10) : 64,
	       count = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000, i;
	char **p = mmap(NULL, count * sizeof(*p), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
	                -1, 0);
	long before;

	if (p == MAP_FAILED)
		return 1;
	free(malloc(size));
	malloc_stats();
	before = resident();
	for (i = 0; i < count; i++) {
		p[i] = malloc(size);
		if (!p[i])
			return 1;
		memset(p[i], 1, size);
	}
	printf("%ld\n", resident() - before);
	malloc_stats();
	return 0;
}
