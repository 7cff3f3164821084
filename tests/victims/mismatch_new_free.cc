/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/mismatch_new_free.cc - memory from operator new given to free
 *
 * expect: alloc-dealloc-mismatch in=main object=24
 * expect-production: none
 * modes: check production
 */
#include <cstdlib>

int main()
{
	void *p = ::operator new(24); /* ALLOC */
	free(p);                      /* BAD */
	return 0;
}
