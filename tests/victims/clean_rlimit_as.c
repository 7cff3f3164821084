/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_rlimit_as.c - under a limit of address space allocation fails with ENOMEM, nothing crashes, and
 * freed memory can be allocated again
 *
 * expect: none
 * modes: check production
 * ways: preload static
 * output: ok
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static int exhaust(void)
{
	static void *keep[100000];
	for (size_t size = 64 << 20; size >= 10000; size /= 4) {
		int n = 0;
		errno = 0;
		while (n < 100000 && (keep[n] = malloc(size)) != NULL)
			n++;
		if (n < 100000 && errno != ENOMEM)
			return 1;
		while (n > 0)
			free(keep[--n]);
	}
	void *p = malloc(20 << 20);
	if (!p)
		return 2;
	memset(p, 1, 20 << 20);
	free(p);
	/* The rest of the process still has room. */
	void *m = mmap(NULL, 50 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return m == MAP_FAILED ? 3 : 0;
}
int main(int argc, char **argv)
{
	struct rlimit r = { 512 << 20, 512 << 20 };
	if (argc == 1) {
		setrlimit(RLIMIT_AS, &r);
		execl("/proc/self/exe", argv[0], "again", NULL);
		return 9;
	}
	int ret = exhaust();
	printf(ret ? "failed %d\n" : "ok\n", ret);
	return ret;
}
