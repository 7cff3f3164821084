/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/overflow_wide_zone.c - red zones grow with the object: a store 200 bytes past 4096, between live
 * neighbours, hits no other object
 *
 * expect: right-redzone-overwritten object=4096 offset=4296 found=free
 */
#include <stdlib.h>

int main(void)
{
	volatile char *volatile p[3];

	for (int i = 0; i < 3; i++)
		p[i] = malloc(4096);
	p[1][4296] = 1; /* WRITE */
	for (int i = 0; i < 3; i++)
		free((void *)p[i]);
	return 0;
}
