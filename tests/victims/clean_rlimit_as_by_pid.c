/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_rlimit_as_by_pid.c - prlimit() names this process by its number, and limits its address space:
 * what the program maps counts, not memsan's reserve
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

int main(void)
{
	struct rlimit r = { 400 << 20, 400 << 20 }, seen;
	void *m;
	char *p;

	if (prlimit(getpid(), RLIMIT_AS, &r, NULL) || prlimit(0, RLIMIT_AS, NULL, &seen) || seen.rlim_cur != r.rlim_cur)
		return 1;
	m = mmap(NULL, 50 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m == MAP_FAILED)
		return 2;
	p = malloc(50 << 20);
	if (!p)
		return 3;
	memset(p, 1, 50 << 20);
	free(p);
	puts("ok");
	return 0;
}
