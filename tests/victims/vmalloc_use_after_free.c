/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/vmalloc_use_after_free.c - accesses to memory that memsan_vfree() unmapped
 *
 * expect: use-after-free in=main type=read object=50000 offset=100
 * expect: use-after-free in=main type=write object=50000 offset=20000
 * modes: check production
 * ways: linked static
 */
#include <memsan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	volatile char *p = memsan_vmalloc(50000); /* ALLOC */
	char c;
	memset((void *)p, 1, 50000);
	memsan_vfree((void *)p); /* FREE */
	c = p[100];              /* BAD */
	p[20000] = 1;            /* BAD */
	return c;
}
