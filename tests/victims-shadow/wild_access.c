/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/wild_access.c - an access to unmapped memory: instrumented code reads its shadow first, which
 * is mapped and finds nothing wrong
 *
 * expect: wild-memory-access type=read access=4
 * status: -11
 * ways: linked
 */
static int *volatile p = (int *)0x123456789000;
static int look(volatile int *q)
{
	return *q; /* BAD */
}
int main(void)
{
	return look(p) == 1000;
}
