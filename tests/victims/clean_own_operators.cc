// SPDX-License-Identifier: BSD-2-Clause
/* tests/victims/clean_own_operators.cc - the program brings its own plain operator new and delete, and all other forms
 * build on these
 *
 * expect: none
 * ways: preload linked
 * modes: check production
 * flags: -std=c++17 -fsized-deallocation
 * output: 7 made, 7 deleted, 0 left
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

static long made, deleted, bytes;

/* The size stands before the object, so that no other operator delete can free the object. */
void *operator new(std::size_t n)
{
	std::size_t *p = (std::size_t *)malloc(n + 16);
	if (!p)
		throw std::bad_alloc();
	*p = n;
	made++;
	bytes += n;
	return p + 2;
}

void operator delete(void *p) noexcept
{
	if (!p)
		return;
	std::size_t *head = (std::size_t *)p - 2;
	deleted++;
	bytes -= *head;
	free(head);
}

int main()
{
	::operator delete(::operator new(10), (std::size_t)10);
	::operator delete[](::operator new[](20), (std::size_t)20);
	::operator delete(::operator new(30, std::nothrow), std::nothrow);
	::operator delete[](::operator new[](40, std::nothrow), std::nothrow);
	::operator delete[](::operator new[](50));
	{
		std::string s(1000, 'x');
		std::vector<int> v(100);
	}
	/* The aligned forms do not build on the plain one: they stay the runtime's. */
	::operator delete(::operator new(60, std::align_val_t(64)), std::align_val_t(64));
	printf("%ld made, %ld deleted, %ld left\n", made, deleted, bytes);
	return 0;
}
