/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_malloc_family.c - every function does what C, POSIX and glibc's manual promise, and no such use
 * is reported
 *
 * expect: none
 * options: impossible_size=off
 * modes: check production
 * ways: preload linked static
 * output: ok
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(x)                                               \
	do {                                                   \
		if (!(x)) {                                    \
			printf("line %d: %s\n", __LINE__, #x); \
			return 1;                              \
		}                                              \
	} while (0)

static volatile size_t huge = PTRDIFF_MAX;

static int sizes(void)
{
	void *p = malloc(0), *q = malloc(0);
	CHECK(p && q && p != q);
	free(p);
	free(q);
	free(NULL);
	errno = 0;
	CHECK(!malloc(huge) && errno == ENOMEM);
	errno = 0;
	CHECK(!malloc(huge + 1) && errno == ENOMEM);
	errno = 0;
	CHECK(!malloc(SIZE_MAX) && errno == ENOMEM);
	errno = 0;
	CHECK(!calloc(huge, 3) && errno == ENOMEM);
	errno = 0;
	CHECK(!calloc(SIZE_MAX, SIZE_MAX) && errno == ENOMEM);
	errno = 0;
	CHECK(!reallocarray(NULL, SIZE_MAX / 2, 3) && errno == ENOMEM);
	p = calloc(0, 8);
	CHECK(p);
	free(p);
	p = malloc(10);
	memset(p, 7, 10);
	errno = 0;
	CHECK(!realloc(p, huge) && errno == ENOMEM && ((char *)p)[9] == 7);
	errno = 123;
	free(p);
	CHECK(errno == 123);
	return 0;
}

static int alignments(void)
{
	void *p = &p;
	for (size_t a = 8; a <= 1u << 22; a <<= 1)
		for (size_t n = 0; n < 100000; n = n * 3 + 1) {
			CHECK(posix_memalign(&p, a, n) == 0 && p && (uintptr_t)p % a == 0);
			memset(p, 1, n);
			CHECK(malloc_usable_size(p) >= n);
			free(p);
			p = aligned_alloc(a, n);
			CHECK(p && (uintptr_t)p % a == 0);
			memset(p, 1, n);
			p = realloc(p, n + 50);
			CHECK(p && (n == 0 || ((char *)p)[n - 1] == 1));
			free(p);
		}
	void *same = p = (void *)0x1234;
	CHECK(posix_memalign(&p, 0, 8) == EINVAL && p == same);
	CHECK(posix_memalign(&p, 3, 8) == EINVAL && posix_memalign(&p, 4, 8) == EINVAL);
	CHECK(posix_memalign(&p, 24, 8) == EINVAL);
	errno = 0;
	CHECK(posix_memalign(&p, 16, huge) == ENOMEM && p == same && errno == 0);
	errno = 0;
	CHECK(!aligned_alloc(((size_t)1 << 63) + 1, 9) && errno == EINVAL);
	errno = 0;
	CHECK(!aligned_alloc((size_t)1 << 62, 1) && errno == ENOMEM);
	errno = 0;
	CHECK(!memalign((size_t)1 << 45, 1) && errno == ENOMEM);
	p = memalign(24, 10);
	CHECK(p && (uintptr_t)p % 32 == 0);
	free(p);
	p = valloc(1);
	CHECK((uintptr_t)p % 4096 == 0);
	free(p);
	p = pvalloc(1);
	CHECK((uintptr_t)p % 4096 == 0 && malloc_usable_size(p) >= 4096);
	free(p);
	p = pvalloc(0);
	CHECK((uintptr_t)p % 4096 == 0 && malloc_usable_size(p) >= 4096);
	memset(p, 0, 4096);
	free(p);
	return 0;
}

static int contents(void)
{
	size_t sizes[] = { 1, 15, 16, 17, 100, 1000, 4096, 32767, 32768, 32769, 65536, 1000000, 20000000, 300, 3 };
	char *p = NULL;
	size_t had = 0;
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		p = realloc(p, sizes[i]);
		CHECK(p && ((uintptr_t)p & 15) == 0);
		size_t both = had < sizes[i] ? had : sizes[i];
		for (size_t k = 0; k < both; k++)
			CHECK(p[k] == (char)(k * 7 + i - 1));
		had = sizes[i];
		for (size_t k = 0; k < had; k++)
			p[k] = (char)(k * 7 + i);
	}
	CHECK(realloc(p, 0) == NULL);
	for (size_t n = 1; n < 500000; n = n * 2 + 1) {
		unsigned char *z = malloc(n);
		memset(z, 0xff, n);
		free(z);
		z = calloc(n, 1);
		for (size_t k = 0; k < n; k++)
			CHECK(z[k] == 0);
		free(z);
	}
	p = malloc(1);
	size_t usable = malloc_usable_size(p);
	CHECK(usable >= 1 && malloc_usable_size(NULL) == 0);
	memset(p, 1, usable); /* a program may use all of the usable size */
	free(p);
	return 0;
}

static int statistics(void)
{
	struct mallinfo2 before = mallinfo2();
	void *p = malloc(100000), *q = malloc(1000);
	struct mallinfo2 after = mallinfo2();
	CHECK(after.uordblks + after.hblkhd >= before.uordblks + before.hblkhd + 100000);
	free(p);
	free(q);
	CHECK(mallopt(M_MMAP_THRESHOLD, 65536) == 1);
	malloc_trim(0);
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	CHECK(malloc_info(0, f) == 0 && malloc_info(1, f) == EINVAL);
	fclose(f);
	CHECK(strstr(text, "<malloc version=") && strstr(text, "</malloc>"));
	free(text);
	return 0;
}

int main(void)
{
	if (sizes() || alignments() || contents() || statistics())
		return 1;
	puts("ok");
	return 0;
}
