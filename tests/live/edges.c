/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/live/edges.c - every allocating function with sizes and alignments at the edges: what it returns, errno, and
 * whether free keeps errno.  tests/command compares the output with a run without memsan.  Left out is what differs on
 * purpose: errno after a failed posix_memalign (POSIX leaves it open, memsan keeps it), and the slack that
 * malloc_usable_size tells (memsan has none to tell). */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
static void *volatile keep;
static const size_t sizes[] = { 0,
	                        1,
	                        10,
	                        4096,
	                        100000,
	                        PTRDIFF_MAX - 65536,
	                        PTRDIFF_MAX - 4096,
	                        PTRDIFF_MAX - 16,
	                        PTRDIFF_MAX,
	                        (size_t)PTRDIFF_MAX + 1,
	                        SIZE_MAX - 4096,
	                        SIZE_MAX - 16,
	                        SIZE_MAX };
static const size_t aligns[] = { 0,
	                         1,
	                         2,
	                         3,
	                         4,
	                         8,
	                         16,
	                         24,
	                         32,
	                         48,
	                         4096,
	                         12288,
	                         1 << 20,
	                         (size_t)1 << 62,
	                         (size_t)1 << 63,
	                         ((size_t)1 << 63) + 1,
	                         SIZE_MAX };
static void tell(const char *f, size_t a, size_t s, void *p, int r, size_t want)
{
	if (r)
		errno = 0; /* posix_memalign */
	printf("%s(%zx,%zx): %s ret=%d errno=%d align=%d\n", f, a, s, p ? "pointer" : "NULL", r, errno,
	       p ? ((uintptr_t)p & (want - 1)) == 0 : -1);
	errno = 77;
	free(p);
	if (errno != 77)
		printf("free changed errno\n");
}
static size_t want(size_t a)
{
	size_t w = 16;
	if (a > (size_t)1 << 62)
		return 16;
	while (w < a)
		w <<= 1;
	return w;
}
#define N(a) (sizeof(a) / sizeof(a[0]))
int main(void)
{
	for (size_t i = 0; i < N(aligns); i++)
		for (size_t k = 0; k < N(sizes); k++) {
			size_t a = aligns[i], s = sizes[k];
			void *p;
			int r;
			errno = 7;
			p = aligned_alloc(a, s);
			tell("aligned_alloc", a, s, p, 0, want(a));
			errno = 7;
			p = memalign(a, s);
			tell("memalign", a, s, p, 0, want(a));
			errno = 7;
			p = (void *)-1;
			r = posix_memalign((void **)&p, a, s);
			if (r) {
				printf("unchanged=%d ", p == (void *)-1);
				p = NULL;
			}
			tell("posix_memalign", a, s, p, r, want(a));
		}
	for (size_t k = 0; k < N(sizes); k++) {
		size_t s = sizes[k];
		void *p;
		errno = 7;
		p = malloc(s);
		tell("malloc", 0, s, p, 0, 16);
		errno = 7;
		p = valloc(s);
		tell("valloc", 0, s, p, 0, 4096);
		errno = 7;
		p = pvalloc(s);
		tell("pvalloc", 0, s, p, 0, 4096);
		errno = 7;
		p = realloc(NULL, s);
		tell("realloc(NULL)", 0, s, p, 0, 16);
		keep = malloc(20);
		errno = 7;
		p = realloc(keep, s);
		printf("realloc(p,%zx): %s errno=%d\n", s, p ? "pointer" : "NULL", errno);
		free(p ? p : s ? keep : NULL);
		for (size_t i = 0; i < N(sizes); i++) {
			errno = 7;
			p = calloc(sizes[i], s);
			tell("calloc", sizes[i], s, p, 0, 16);
			errno = 7;
			p = reallocarray(NULL, sizes[i], s);
			tell("reallocarray(NULL)", sizes[i], s, p, 0, 16);
			keep = malloc(20);
			errno = 7;
			p = reallocarray(keep, sizes[i], s);
			printf("reallocarray(p,%zx,%zx): %s errno=%d\n", sizes[i], s, p ? "pointer" : "NULL", errno);
			free(p ? p : sizes[i] && s ? keep : NULL);
		}
	}
	errno = 7;
	printf("usable(NULL)=%zu errno=%d\n", malloc_usable_size(NULL), errno);
	errno = 7;
	free(NULL);
	printf("free(NULL) errno=%d\n", errno);
	keep = malloc(0);
	printf("usable(malloc(0))>=0 %d\n", malloc_usable_size(keep) < 100);
	free(keep);
	return 0;
}
