/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/memalign_overflow.c - a write past the end of an aligned block
 *
 * expect: right-redzone-overwritten in=main object=100 offset=100 access=1
 */
#include <stdlib.h>

int main(void)
{
	char *p;
	if (posix_memalign((void **)&p, 256, 100)) /* ALLOC */
		return 1;
	p[100] = 1; /* WRITE */
	free(p);    /* BAD */
	return 0;
}
