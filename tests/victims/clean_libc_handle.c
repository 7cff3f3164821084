/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_libc_handle.c - the program looks libc's functions up in libc itself, as Python's ctypes and
 * other languages do
 *
 * expect: none
 * ways: preload linked
 * modes: check production
 * output: ok
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW), *again = NULL;
	__typeof__(malloc) *its_malloc = (__typeof__(malloc) *)dlsym(libc, "malloc");
	__typeof__(realloc) *its_realloc = (__typeof__(realloc) *)dlsym(libc, "realloc");
	__typeof__(free) *its_free = (__typeof__(free) *)dlsym(libc, "free");
	__typeof__(strdup) *its_strdup = (__typeof__(strdup) *)dlsym(libc, "strdup");
	__typeof__(memcpy) *its_memcpy = (__typeof__(memcpy) *)dlsym(libc, "memcpy");
	__typeof__(malloc_usable_size) *its_usable_size = (__typeof__(malloc_usable_size) *)dlsym(libc,
	                                                                                          "malloc_usable_size");
	char *line = NULL;
	size_t size = 0;

	for (int n = 1; n < 200000; n = n * 3 / 2 + 1) {
		char *p = its_memcpy(its_malloc(n), memset(malloc(n), 1, n), n);
		if (its_usable_size(p) < (size_t)n)
			return 1;
		free(its_realloc(p, n * 2));
		its_free(realloc(malloc(n), n * 3));
	}
	its_free(its_strdup("its own"));
	its_free(strdup("ours"));
	free(its_strdup("to us"));
	FILE *f = fopen("/proc/self/status", "r");
	if (!f || getline(&line, &size, f) < 0)
		return 1;
	its_free(line);
	fclose(f);
	/* Another copy of libc keeps its own malloc, and frees its own pointers. */
	void *other = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);
	if (other) {
		again = ((void *(*)(size_t))dlsym(other, "malloc"))(100);
		((void (*)(void *))dlsym(other, "free"))(again);
	}
	puts("ok");
	return 0;
}
