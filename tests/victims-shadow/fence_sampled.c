/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/fence_sampled.c - a sampled object has shadow too
 *
 * options: fence.sample_rate=1:fence.side=left
 * expect: slab-out-of-bounds type=write object=100 offset=3000 access=1 in=touch alloc=make
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

static char *make(void)
{
	return malloc(100); /* ALLOC */
}
static void touch(volatile char *p)
{
	p[3000] = 1; /* BAD */
}
int main(void)
{
	char *p = make();
	/* The first few allocations decide when the first sample is taken.  Past an object of the heap, in place of a
	 * sample, there would be another object. */
	for (int i = 0; i < 10; i++) {
		free(p);
		p = make();
	}
	memset(p, 0, 100);
	touch(p);
	free(p);
	return 0;
}
