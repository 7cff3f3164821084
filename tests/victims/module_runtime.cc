// SPDX-License-Identifier: BSD-2-Clause
/* tests/victims/module_runtime.cc - a library with operators of its own, to which its code is bound; for
 * clean_private_operators.cc */
#include <cstdlib>

void *operator new(std::size_t n)
{
	return malloc(n);
}

void operator delete(void *p) noexcept
{
	free(p);
}

void operator delete(void *p, std::size_t) noexcept
{
	free(p);
}

extern "C" int *module_new()
{
	return new int(5);
}

extern "C" void module_delete(int *p)
{
	delete p;
}
