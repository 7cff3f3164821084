/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_mlockall_guarded.c - mlockall() after blocks with guard pages, and beside a mapping that is
 * longer than its file: such pages cannot be brought in, which is no error; all others are
 *
 * expect: none
 * modes: check production
 * ways: preload linked static
 * output: ok
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096ul

static void works(void)
{
	char *blocks[60];

	for (int i = 0; i < 60; i++)
		memset(blocks[i] = malloc(300000 + i * 10000), 1, 100);
	for (int i = 0; i < 60; i++)
		free(blocks[i]);
}

static int is_resident(char *p, size_t n)
{
	static unsigned char pages[1000];
	char *first = (char *)((unsigned long)p & -PAGE);
	size_t count = ((size_t)(p - first) + n + PAGE - 1) / PAGE;

	if (mincore(first, count * PAGE, pages) != 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		if (!(pages[i] & 1))
			return 0;
	return 1;
}

static void lock(int flags)
{
	char *lazy = malloc(3000000);

	works();
	if (mlockall(flags) != 0)
		perror("mlockall");
	if (!(flags & MCL_ONFAULT) && !is_resident(lazy, 3000000))
		puts("not resident");
	works();
	free(lazy);
	if (munlockall() != 0)
		perror("munlockall");
}

int main(void)
{
	FILE *f = tmpfile();

	if (ftruncate(fileno(f), 100) != 0 || mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, fileno(f), 0) == MAP_FAILED)
		return 1;
	lock(MCL_CURRENT);
	lock(MCL_CURRENT | MCL_ONFAULT);
	lock(MCL_CURRENT | MCL_FUTURE);
	fclose(f);
	puts("ok");
	return 0;
}
