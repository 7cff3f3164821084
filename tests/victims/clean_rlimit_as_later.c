/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_rlimit_as_later.c - a program that limits its own address space after its start can still map
 * and allocate
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

int main(void)
{
	struct rlimit r = { 400 << 20, 400 << 20 }, seen;
	if (setrlimit(RLIMIT_AS, &r) || getrlimit(RLIMIT_AS, &seen) || seen.rlim_cur != r.rlim_cur)
		return 1;
	void *m = mmap(NULL, 50 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m == MAP_FAILED)
		return 2;
	char *p = malloc(50 << 20);
	if (!p)
		return 3;
	memset(p, 1, 50 << 20);
	free(p);
	if (malloc(1000 << 20))
		return 4;
	puts("ok");
	return 0;
}
