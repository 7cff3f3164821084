/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/null_deref_first.c - address 0 itself is written.  An inline check that ends the program has no
 * code behind its call: the report must end it
 *
 * expect: null-ptr-deref type=write access=8
 * only-form: gcc-asan clang-asan
 * ways: linked
 */
#include <stddef.h>

static void store(volatile long *p)
{
	*p = 1; /* BAD */
}
int main(void)
{
	store(NULL);
	return 0;
}
