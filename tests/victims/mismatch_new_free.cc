/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/mismatch_new_free.cc - free() gets memory from operator new
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
