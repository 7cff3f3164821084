/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/libc_old_memcpy.c - a program from the days when memcpy was memmove: memsan reports its overlap, and
 * copies as memmove
 *
 * expect: param-overlap entry=memcpy object=11 access=9
 * output: 0012345678
 */
#include <stdio.h>
#include <stdlib.h>

void *old_memcpy(void *, const void *, size_t);
__asm__(".symver old_memcpy, memcpy@GLIBC_2.2.5");

int main(void)
{
	char *p = malloc(11);
	for (int i = 0; i < 10; i++)
		p[i] = '0' + i;
	p[10] = 0;
	old_memcpy(p + 1, p, 9); /* BAD */
	puts(p);
	return 0;
}
