/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/one_shot.c - memsan reports only the first bad access
 *
 * not-form: gcc-asan clang-asan
 * expect: slab-out-of-bounds type=read
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

int main(void)
{
	volatile char *p = malloc(10);
	int r = p[10]; /* BAD */
	r += p[11];
	free((void *)p);
	r += p[3];
	return r == 1000;
}
