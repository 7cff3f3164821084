/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/invalid_free_interior.c - a pointer into the middle of an object is freed
 *
 * expect: invalid-free in=main object=100 offset=32
 * expect-production: invalid-free in=main
 * modes: check production
 * ways: preload linked
 */
#include <stdlib.h>

int main(void)
{
	char *p = malloc(100); /* ALLOC */
	free(p + 32);          /* BAD */
	free(p);
	return 0;
}
