/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/invalid_free_large_interior.c - a pointer into a large area is freed
 *
 * expect: invalid-free in=main object=200000 offset=4096 cache=vmalloc
 * expect-production: invalid-free in=main
 * modes: check production
 */
#include <stdlib.h>

int main(void)
{
	char *p = malloc(200000); /* ALLOC */
	free(p + 4096);           /* BAD */
	free(p);
	return 0;
}
