/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/fence_told_then_again.c - a write past a fenced object is reported, so its damaged canary is
 * not; then unchecked code damages the next object in that slot, and the canary reports that
 *
 * options: fence.sample_rate=1:fence.num_objects=1:fence.side=left
 * not-form: gcc-asan clang-asan
 * expect: slab-out-of-bounds type=write object=100 offset=3000 access=1 in=touch alloc=make
 * expect: memory-corruption object=100 offset=100 alloc=make
 * ways: linked
 */
#include <stdlib.h>

static char *make(void)
{
	return malloc(100);
}
static void touch(volatile char *p)
{
	p[3000] = 1;
	p[100] = 1;
}
__attribute__((noinline, no_sanitize("address"), no_sanitize("kernel-address"))) static void touch_unseen(
	volatile char *p)
{
	p[100] = 1;
}
int main(void)
{
	char *p = make();
	/* The first few allocations decide when the first sample is taken. */
	for (int i = 0; i < 10; i++) {
		free(p);
		p = make();
	}
	touch(p);
	free(p);
	p = make();
	touch_unseen(p);
	free(p);
	return 0;
}
