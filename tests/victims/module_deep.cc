// SPDX-License-Identifier: BSD-2-Clause
/* tests/victims/module_deep.cc - a library whose symbols are bound to its own dependencies first; for
 * clean_deepbind.cc and deepbind_copy.c */
#include <cstdlib>
#include <cstring>

extern "C" void *module_malloc(size_t n)
{
	return malloc(n);
}

extern "C" void module_free(void *p)
{
	free(p);
}

extern "C" void *module_realloc(void *p, size_t n)
{
	return realloc(p, n);
}

extern "C" char *module_strdup(const char *s)
{
	return strdup(s);
}

extern "C" int *module_new(bool array)
{
	return array ? new int[9] : new int;
}

extern "C" void module_delete(int *p, bool array)
{
	if (array)
		delete[] p;
	else
		delete p;
}

extern "C" void module_copy(char *to, const char *from, size_t n)
{
	memcpy(to, from, n);
}

/* Memory from libc's strdup is freed while the library is still being loaded. */
struct loaded {
	loaded()
	{
		free(strdup("loaded"));
	}
};
static loaded at_start;
