/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/overlap.c - memcpy within a local array, source and destination overlap
 *
 * expect: param-overlap entry=memcpy access=20 frame=main place='local
 * needs: compiler
 * ways: linked
 */
#include <string.h>

static void copy(char *volatile to, char *volatile from, volatile size_t n)
{
	memcpy(to, from, n); /* BAD */
}

int main(void)
{
	char local[40] = { 1 };

	copy(local, local, 40);
	copy(local + 20, local, 20);
	copy(local + 10, local, 20);
	return local[30] == 77;
}
