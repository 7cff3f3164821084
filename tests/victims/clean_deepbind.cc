// SPDX-License-Identifier: BSD-2-Clause
/* tests/victims/clean_deepbind.cc - objects pass between the program and a library opened with RTLD_DEEPBIND, which
 * would otherwise use libc's malloc
 *
 * expect: none
 * ways: preload linked
 * modes: check production
 * module: module_deep.cc
 * module-libs: -lstdc++
 * output: ok
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <string>

static void *library;

template <typename F> static F *find(const char *name)
{
	return (F *)dlsym(library, name);
}

int main()
{
	library = dlopen(getenv("VICTIM_MODULE"), RTLD_NOW | RTLD_DEEPBIND);
	auto module_malloc = find<void *(size_t)>("module_malloc");
	auto module_free = find<void(void *)>("module_free");
	auto module_realloc = find<void *(void *, size_t)>("module_realloc");
	auto module_strdup = find<char *(const char *)>("module_strdup");
	auto module_new = find<int *(bool)>("module_new");
	auto module_delete = find<void(int *, bool)>("module_delete");
	for (int n = 1; n < 200000; n = n * 3 / 2 + 1) {
		void *p = module_realloc(malloc(n), n * 2);
		memset(p, 1, n * 2);
		free(realloc(module_malloc(n), n * 3));
		module_free(p);
		free(module_strdup(std::string(n, 'x').c_str()));
		module_free(strdup("abc"));
		for (bool array : { false, true }) {
			module_delete(array ? new int[9] : new int, array);
			if (array)
				delete[] module_new(array);
			else
				delete module_new(array);
		}
	}
	puts("ok");
	return 0;
}
