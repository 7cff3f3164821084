/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_mlockall_onfault.c - with MCL_ONFAULT pages are locked when they are first used, and not before
 *
 * expect: none
 * modes: check production
 * output: ok
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SIZE (64ul << 20)

static size_t resident(char *p)
{
	static unsigned char pages[SIZE / 4096];
	size_t n = 0;

	if (mincore(p, SIZE, pages) != 0)
		return 0;
	for (size_t i = 0; i < SIZE / 4096; i++)
		n += pages[i] & 1;
	return n;
}

int main(void)
{
	char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	p[0] = p[SIZE / 2] = 1;
	if (mlockall(MCL_CURRENT | MCL_ONFAULT) != 0) {
		perror("mlockall");
		return 1;
	}
	if (resident(p) > 1024)
		printf("%zu pages are resident\n", resident(p));
	if (munlockall() != 0 || mlockall(MCL_CURRENT) != 0)
		return 2;
	if (resident(p) != SIZE / 4096)
		printf("only %zu pages are resident\n", resident(p));
	puts("ok");
	return 0;
}
