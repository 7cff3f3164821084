/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_libc_handle.c - libc's functions asked of libc itself, as Python's ctypes and other languages do
 *
 * expect: none
 * ways: preload linked
 * modes: check production
 * output: ok
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW), *again = NULL;
	void *(*its_malloc)(size_t) = (void *(*)(size_t))dlsym(libc, "malloc");
	void *(*its_realloc)(void *, size_t) = (void *(*)(void *, size_t))dlsym(libc, "realloc");
	void (*its_free)(void *) = (void (*)(void *))dlsym(libc, "free");
	char *(*its_strdup)(const char *) = (char *(*)(const char *))dlsym(libc, "strdup");
	void *(*its_memcpy)(void *, const void *, size_t) = (void *(*)(void *, const void *, size_t))dlsym(libc, "memcpy");
	size_t (*its_usable_size)(void *) = (size_t (*)(void *))dlsym(libc, "malloc_usable_size");
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
	/* Another copy of libc keeps its own malloc; its pointers are its own affair. */
	void *other = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);
	if (other) {
		again = ((void *(*)(size_t))dlsym(other, "malloc"))(100);
		((void (*)(void *))dlsym(other, "free"))(again);
	}
	puts("ok");
	return 0;
}
