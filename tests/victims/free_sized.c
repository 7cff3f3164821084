/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/free_sized.c - C23's sized frees: size and alignment must be the allocation's
 *
 * expect: below
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
	free_sized(small, 63);                /* expect: sized-delete-mismatch object=64 entry=free_sized */
	free_aligned_sized(aligned, 32, 128); /* expect: sized-delete-mismatch object=100 entry=free_aligned_sized */
	aligned = aligned_alloc(64, 128);
	free_aligned_sized(aligned, 32, 128); /* expect: sized-delete-mismatch object=128 entry=free_aligned_sized */
	aligned = aligned_alloc(64, 128);
	free_sized(aligned, 128); /* expect: alloc-dealloc-mismatch object=128 entry=free_sized */
	good = malloc(200);
	free_aligned_sized(good, 16, 200); /* expect: alloc-dealloc-mismatch object=200 entry=free_aligned_sized */
	aligned = aligned_alloc(64, 100032);
	free_aligned_sized(aligned, 128, 100032); /* expect: sized-delete-mismatch object=100032 */
	return 0;
}
