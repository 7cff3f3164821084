// SPDX-License-Identifier: BSD-2-Clause
/* tests/victims/clean_own_malloc.cc - the program brings its own malloc, and C++ operators and libc functions build on
 * it
 *
 * expect: none
 * ways: preload linked
 * modes: check production
 * output: ok
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

static char memory[32 << 20];
static std::size_t used;

static bool is_ours(const void *p)
{
	return (const char *)p >= memory && (const char *)p < memory + sizeof(memory);
}

extern "C" void *malloc(std::size_t n)
{
	std::size_t *p = (std::size_t *)(memory + __atomic_fetch_add(&used, ((n + 15) & ~15ul) + 16, __ATOMIC_RELAXED));
	*p = n;
	return p + 2;
}

extern "C" void free(void *p)
{
	if (p && !is_ours(p))
		abort();
}

extern "C" void *calloc(std::size_t n, std::size_t size)
{
	return malloc(n * size);
}

extern "C" void *realloc(void *p, std::size_t n)
{
	void *q = malloc(n);
	if (p)
		memcpy(q, p, ((std::size_t *)p)[-2] < n ? ((std::size_t *)p)[-2] : n);
	free(p);
	return q;
}

int main()
{
	std::ostringstream out;
	std::vector<std::string> v;
	for (int i = 0; i < 1000; i++) {
		out << i;
		v.push_back(out.str());
	}
	int *plain = new int, *array = new int[100];
	if (!is_ours(plain) || !is_ours(array) || !is_ours(v[999].data()))
		return 1;
	free(plain);
	delete[] array;
	char *s = strdup("a string");
	if (!is_ours(s))
		return 2;
	s = (char *)reallocarray(s, 10, 10);
	if (!is_ours(s) || strcmp(s, "a string"))
		return 3;
	free(s);
	puts("ok");
	return 0;
}
