/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/uaf_write_quarantine.c - a write after free, found when the object leaves the quarantine
 *
 * expect: poison-overwritten object=500 offset=499 access=1
 * options: quarantine.size=64k
 */
#include <stdlib.h>

int main(void)
{
	char *p = malloc(500);         /* ALLOC */
	free(p);                       /* FREE */
	((volatile char *)p)[499] = 1; /* WRITE */
	for (int i = 0; i < 2000000; i++)
		free(malloc(500));
	return 0;
}
