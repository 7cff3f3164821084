/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_fork_fenced.c - under fence=all a child of fork gets no page tables of slots that are freed:
 * their copy would take tens of milliseconds. Freed slots that gave theirs back are used again, in parent and child,
 * while threads fork and allocate
 *
 * expect: none
 * modes: check production
 * ways: preload static
 * options: fence=all:fence.held_size=6M
 * output: ok
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEPT 500
#define MADV_GUARD 102 /* MADV_GUARD_INSTALL: without it freed slots are mappings, and have fewer page tables */

static long page_tables(void)
{
	char line[200];
	long kb = -1;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmPTE: %ld kB", &kb);
	if (f)
		fclose(f);
	return kb;
}

static int churn(unsigned seed, int times)
{
	unsigned char *kept[KEPT] = { 0 };
	size_t size[KEPT] = { 0 };
	int bad = 0;

	for (int i = 0; i < times; i++) {
		int k = rand_r(&seed) % KEPT;

		for (size_t at = 0; kept[k] && at < size[k]; at++)
			bad |= kept[k][at] != (unsigned char)k;
		free(kept[k]);
		size[k] = 1 + rand_r(&seed) % (i % 64 ? 100 : 20000);
		kept[k] = malloc(size[k]);
		memset(kept[k], k, size[k]);
	}
	for (int k = 0; k < KEPT; k++)
		free(kept[k]);
	return bad;
}

static int forks(unsigned seed)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(churn(seed, 2000));
	return pid < 0 || waitpid(pid, &status, 0) != pid || status != 0;
}

static void *thread(void *arg)
{
	long bad = 0;

	for (unsigned i = 0; i < 6; i++)
		bad |= churn(i + *(unsigned *)arg, 3000) | forks(i);
	return (void *)bad;
}

int main(void)
{
	unsigned seeds[3] = { 10, 20, 30 };
	long small = 0, before, in_child;
	int pair[2];
	pthread_t t[3];
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *bad = NULL, *one;

	/* More than the budget for freed slots: the oldest are used again. */
	for (int i = 0; i < 100000; i++)
		free(malloc(20 + i % 50));
	before = page_tables();
	if (pipe(pair) != 0)
		return 1;
	if (fork() == 0) {
		small = page_tables();
		_exit(write(pair[1], &small, sizeof(small)) != sizeof(small));
	}
	if (read(pair[0], &in_child, sizeof(in_child)) != sizeof(in_child))
		return 1;
	if (madvise(page, 4096, MADV_GUARD) == 0 && (before < 1200 || in_child > before / 2))
		printf("page tables: %ld kB, in the child %ld kB\n", before, in_child);
	for (int i = 0; i < 3; i++)
		if (pthread_create(&t[i], NULL, thread, &seeds[i]))
			return 1;
	for (int i = 0; i < 3; i++) {
		pthread_join(t[i], &one);
		bad = bad ? bad : one;
	}
	puts(bad ? "an object lost its bytes, or a child failed" : "ok");
	return 0;
}
