/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/underflow_at_slab_start.c - an access before the first object of a slab is that object's, and not that
 * of the large block in front of the slab
 *
 * expect: slab-out-of-bounds in=main entry=memset object=100 offset=-40 type=write
 */
#include <stdlib.h>
#include <string.h>

int main(void)
{
	char *volatile before = malloc(72704), *volatile p = malloc(100);

	memset(p - 40, 1, 8); /* BAD */
	free(before);
	free(p);
	return 0;
}
