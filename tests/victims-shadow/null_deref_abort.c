/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/null_deref_abort.c - a null pointer is read, and the report ends the program
 *
 * expect: null-ptr-deref type=read access=4
 * only-form: gcc-asan clang-asan
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

struct s {
	int a, b;
};
static int look(volatile struct s *p)
{
	return p->b; /* BAD */
}
int main(void)
{
	return look(0) == 1000;
}
