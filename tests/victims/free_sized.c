/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/free_sized.c - C23's sized frees: the size must be the allocation's
 *
 * expect: sized-delete-mismatch in=main object=64
 * expect: sized-delete-mismatch in=main object=100
 * ways: preload linked
 */
#include <stdlib.h>

/* libc may not have them yet. */
void free_sized(void *p, size_t size) __attribute__((weak));
void free_aligned_sized(void *p, size_t align, size_t size) __attribute__((weak));

int main(void)
{
	void *volatile good = malloc(64), *volatile small = malloc(64), *volatile aligned = aligned_alloc(32, 100);

	free_sized(good, 64);
	free_sized(NULL, 7);
	free_sized(small, 63);
	free_aligned_sized(aligned, 32, 128);
	return 0;
}
