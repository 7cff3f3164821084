/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_tcmalloc.c - a program for tcmalloc frees by malloc's functions what tcmalloc's returned, and the
 * other way round; the library itself is not needed
 *
 * expect: none
 * modes: check production
 * ways: preload linked
 * output: ok
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *tc_malloc(size_t size) __attribute__((weak));
void *tc_calloc(size_t n, size_t size) __attribute__((weak));
void *tc_realloc(void *p, size_t size) __attribute__((weak));
void *tc_memalign(size_t align, size_t size) __attribute__((weak));
int tc_posix_memalign(void **p, size_t align, size_t size) __attribute__((weak));
void *tc_valloc(size_t size) __attribute__((weak));
void *tc_pvalloc(size_t size) __attribute__((weak));
size_t tc_malloc_size(void *p) __attribute__((weak));
void tc_free(void *p) __attribute__((weak));
void tc_cfree(void *p) __attribute__((weak));
void tc_free_sized(void *p, size_t size) __attribute__((weak));
void *tc_new(size_t size) __attribute__((weak));
void *tc_newarray_nothrow(size_t size, const void *nothrow) __attribute__((weak));
void tc_delete_sized(void *p, size_t size) __attribute__((weak));
void tc_deletearray(void *p) __attribute__((weak));

static void must(int holds, int line)
{
	if (!holds)
		printf("line %d\n", line);
}

int main(void)
{
	void *p;

	if (!tc_malloc) {
		puts("ok"); /* without memsan */
		return 0;
	}
	for (size_t n = 0; n < 300000; n = 2 * n + 1) {
		free(memset(tc_malloc(n), 1, n));
		tc_free(memset(malloc(n), 1, n));
		tc_cfree(tc_calloc(n, 1));
		tc_free_sized(tc_malloc(n), n);
		p = tc_realloc(malloc(n), n + 100);
		must(tc_malloc_size(p) >= n + 100, __LINE__);
		free(realloc(p, n + 200));
		p = tc_memalign(256, n);
		must((uintptr_t)p % 256 == 0, __LINE__);
		free(p);
		must(tc_posix_memalign(&p, 64, n) == 0 && (uintptr_t)p % 64 == 0, __LINE__);
		tc_free(p);
		must(tc_posix_memalign(&p, 3, n) == EINVAL, __LINE__);
		free(tc_valloc(n));
		tc_free(tc_pvalloc(n));
		tc_delete_sized(tc_new(n), n);
		tc_deletearray(tc_newarray_nothrow(n, &p));
	}
	puts("ok");
	return 0;
}
