/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/mismatch_malloc_delete.cc - operator delete gets memory from malloc
 *
 * expect: alloc-dealloc-mismatch in=main object=4
 */
#include <cstdlib>

int main()
{
	int *p = (int *)malloc(sizeof(int)); /* ALLOC */
	::operator delete(p);                /* BAD */
	return 0;
}
