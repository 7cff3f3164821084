/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/invalid_free_misaligned.c - a pointer one byte into an object is freed
 *
 * expect: invalid-free in=main object=100 offset=1
 * expect-production: invalid-free in=main
 * modes: check production
 */
#include <stdlib.h>

int main(void)
{
	char *p = malloc(100); /* ALLOC */
	free(p + 1);           /* BAD */
	free(p);
	return 0;
}
