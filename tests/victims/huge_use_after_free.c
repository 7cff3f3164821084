/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/huge_use_after_free.c - accesses to a freed object that is too large to be kept for reuse
 *
 * expect: use-after-free in=main type=read object=100000000 offset=5000
 * expect: use-after-free in=main type=write object=100000000 offset=90000000
 * modes: check production
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	volatile char *p = malloc(100000000); /* ALLOC */
	char c;
	p[5000] = 1;
	free((void *)p); /* FREE */
	c = p[5000];     /* BAD */
	p[90000000] = 1; /* BAD */
	return c;
}
