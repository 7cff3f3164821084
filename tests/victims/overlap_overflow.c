/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/overlap_overflow.c - a copy whose ranges overlap, and which runs past the end: both are reported
 *
 * flags: -fno-builtin -U_FORTIFY_SOURCE
 * options: multi_shot=on
 * expect: below
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	char *volatile p = malloc(50), *volatile q = malloc(20);

	memset(p, 'a', 50);
	memcpy(p + 5, p, 48); /* expect: param-overlap object=50 */ /* expect: slab-out-of-bounds object=50 access=48 */
	memset(q, 'a', 20);
	q[19] = 0;
	strcpy(q + 2, q); /* expect: param-overlap object=20 */ /* expect: slab-out-of-bounds object=20 access=20 */
	_exit(0);
}
