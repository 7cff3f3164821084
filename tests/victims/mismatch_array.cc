/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/mismatch_array.cc - delete gets memory from new[]
 *
 * expect: alloc-dealloc-mismatch in=main object=40
 * flags: -std=c++11
 */
int main()
{
	int *volatile p = new int[10]; /* ALLOC */
	delete p;                      /* BAD */
	return 0;
}
