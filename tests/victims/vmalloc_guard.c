/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/vmalloc_guard.c - an access past memsan_vmalloc()'s last page
 *
 * expect: vmalloc-out-of-bounds in=main type=read object=5000
 * modes: check production
 * ways: linked static
 */
#include <memsan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	volatile char *p = memsan_vmalloc(5000); /* ALLOC */
	char c = p[8192];                        /* BAD */
	memsan_vfree((void *)p);
	return c;
}
