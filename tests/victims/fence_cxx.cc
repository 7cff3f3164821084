/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fence_cxx.cc - operator new is fenced too, and check mode reports an object that another family's
 * function frees
 *
 * expect: alloc-dealloc-mismatch in=main object=40
 * options: fence=all
 */
#include <cstdlib>
#include <new>
#include <vector>

int main()
{
	std::vector<int> v;
	for (int i = 0; i < 1000; i++)
		v.push_back(i);
	struct alignas(64) wide {
		char c[64];
	};
	wide *w = new wide;
	if ((unsigned long)w % 64)
		return 1;
	delete w;
	char *p = new char[40]; /* ALLOC */
	free(p);                /* BAD */
	return 0;
}
