/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/clean_locate.c - sanitizer/asan_interface.h says where an address is, and which stacks
 * allocated and freed it
 *
 * expect: none
 * output: ok
 * stderr: any
 * needs: compiler
 * ways: linked
 */
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int global_array[10];

static int is(const char *what, const char *variable, void *at, void *start, size_t size)
{
	char name[64];
	void *region = NULL;
	size_t n = 0;
	const char *where = __asan_locate_address(at, name, sizeof(name), &region, &n);
	if (strcmp(where, what) == 0 && strcmp(name, variable) == 0 && region == start && n == size)
		return 1;
	printf("%s: %s '%s' %p %zu\n", what, where, name, region, n);
	return 0;
}
int main(void)
{
	void *trace[30];
	int thread = -1;
	char local[20], *volatile p = malloc(100), *volatile behind = local + 22;
	int other[5] = { 0 };

	memset(local, 0, sizeof(local));
	if (!is("heap", "", p + 20, p, 100) ||
	    !is("global", "global_array", global_array + 3, global_array, sizeof(global_array)) ||
	    !is("stack", "local", local + 3, local, 20) || !is("stack", "other", other, other, sizeof(other)) ||
	    !is("stack", "local", behind, local, 20) || !is("unknown", "", (void *)0x123456789000, NULL, 0))
		return 1;
	__asan_describe_address(local + 3);
	if (__asan_get_alloc_stack(p, trace, 30, &thread) < 2 || thread < 0 ||
	    __asan_get_free_stack(p, trace, 30, &thread) != 0)
		return 2;
	free(p);
	if (__asan_get_alloc_stack(p, trace, 30, &thread) < 2 || __asan_get_free_stack(p, trace, 1, &thread) != 1)
		return 3;
	if (__asan_get_alloc_stack(global_array, trace, 30, &thread) != 0)
		return 4;
	puts("ok");
	return 0;
}
