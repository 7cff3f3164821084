/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/multi_shot.c - memsan reports every bad access
 *
 * options: multi_shot=on
 * not-form: gcc-asan clang-asan
 * expect: slab-out-of-bounds type=read
 * expect: slab-out-of-bounds type=write
 * expect: slab-use-after-free type=read
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

int main(void)
{
	volatile char *p = malloc(10);
	int r = p[10];
	p[-1] = 1;
	free((void *)p);
	r += p[3];
	return r == 1000;
}
