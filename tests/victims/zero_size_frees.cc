/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/zero_size_frees.cc - wrong frees of objects of 0 bytes
 *
 * expect: double-free object=0 in=main
 * expect: invalid-free in=main
 * expect: alloc-dealloc-mismatch object=0 in=main
 * expect-production: double-free object=0 in=main
 * expect-production: invalid-free in=main
 * modes: check production
 */
#include <cstdlib>

static char *volatile p;
static char *volatile array;

int main()
{
	p = (char *)malloc(0);
	array = new char[0];
	free(p);
	free(p);
	free(array + 16);
	delete array;
	return 0;
}
