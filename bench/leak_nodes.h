/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/leak_nodes.h - what leak_heap.c and leak_lost.c share: nodes, LeakSanitizer's function for a scan, random
 * numbers, and processor time */
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>

__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

struct node {
	struct node *a, *b;
	char rest[48];
};
_Static_assert(sizeof(struct node) == 64, "64 bytes a node");

static double ms(struct timeval t)
{
	return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

/* Processor time, in ms, of `who` (RUSAGE_SELF or RUSAGE_THREAD) and of the child processes that scanned for it. */
static double cpu_ms(int who)
{
	struct rusage self, children;

	getrusage(who, &self);
	getrusage(RUSAGE_CHILDREN, &children);
	return ms(self.ru_utime) + ms(self.ru_stime) + ms(children.ru_utime) + ms(children.ru_stime);
}

/* xorshift64 of George Marsaglia, "Xorshift RNGs", 2003. */
static uint64_t next_random(void)
{
	static uint64_t seed = 88172645463325252u;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}
