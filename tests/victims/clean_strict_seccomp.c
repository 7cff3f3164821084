/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_strict_seccomp.c - a program has the memory that it needs, and enters strict mode, in which only
 * read, write, exit and the return from a signal handler are allowed
 *
 * expect: none
 * modes: check production
 * ways: preload linked
 * options: fence.sample_rate=3
 * output: ok
 */
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void work(int rounds)
{
	void *p[20];

	while (rounds--) {
		for (int i = 0; i < 20; i++) {
			p[i] = malloc((size_t)i * 30 + 1);
			memset(p[i], i, (size_t)i * 30 + 1);
		}
		p[3] = realloc(p[3], 150);
		for (int i = 0; i < 20; i++)
			free(p[i]);
		free(calloc(5, 20));
	}
}

/* A stack that was not seen before. */
static int deep(int n)
{
	volatile char room[900];

	room[0] = (char)n;
	if (n == 0)
		work(3);
	return n == 0 ? room[0] : deep(n - 1) + room[0];
}

int main(void)
{
	work(50);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
		return 3;
	work(50);
	deep(20);
	if (write(1, "ok\n", 3) != 3)
		syscall(SYS_exit, 4);
	syscall(SYS_exit, 0);
}
