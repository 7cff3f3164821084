/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/given_back.c - under a small limit of address space, a pointer leads to memory that was freed and went
 * back to the kernel; the blocks around it live
 *
 * expect: use-after-free in=look
 * modes: production
 * ways: preload linked
 * status-linked: -11
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NR 40
#define SIZE 1000000

static int look(const volatile char *p)
{
	return p[SIZE / 2]; /* BAD */
}

int main(int argc, char **argv)
{
	struct rlimit limit = { 100 << 20, 100 << 20 };
	char *again[] = { argv[0], "again", NULL }, *p[NR];

	if (argc == 1) {
		setrlimit(RLIMIT_AS, &limit);
		execv("/proc/self/exe", again);
		return 2;
	}
	for (int i = 0; i < NR; i++) {
		p[i] = malloc(SIZE);
		if (!p[i])
			return 3;
		memset(p[i], 1, SIZE);
	}
	for (int i = 8; i < NR - 8; i++)
		free(p[i]);
	return look(p[NR / 2]);
}
