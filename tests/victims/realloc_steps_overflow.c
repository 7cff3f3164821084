/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/realloc_steps_overflow.c - a buffer that realloc grew in small steps: its red zone is exact at the last
 * size, and the guard lies behind its last page
 *
 * expect: below
 * options: shadow=off
 * ways: preload
 */
#include <stdio.h>
#include <stdlib.h>

#define PAGE 4096

int main(void)
{
	char *p = malloc(20 * PAGE), *old = p;
	size_t n = 20 * PAGE;

	p = realloc(p, n + 1);
	if (p == old)
		return 1; /* the first step moves the buffer */
	for (n++; n < 22 * PAGE - 5; n++)
		p = realloc(p, n + 1);
	p[n] = 1;              /* WRITE */
	p = realloc(p, n + 1); /* expect: right-redzone-overwritten in=main object=90107 offset=90107 access=1 */
	for (n++; n < 22 * PAGE; n++)
		p = realloc(p, n + 1);
	*(volatile char *)&p[n] = 1; /* expect: vmalloc-out-of-bounds in=main object=90112 */
	free(p);
	return 0;
}
