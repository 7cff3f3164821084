/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/pages_wrong.c - pages are freed with another order, through a tail page, and twice
 *
 * expect: page-order-mismatch in=main entry=memsan_free_pages object=16384
 * expect: tail-page-free in=main object=8192 offset=4096
 * expect: double-free in=main
 * modes: check production
 * ways: linked static
 */
#include <memsan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	char *p = memsan_alloc_pages(2), *q = memsan_alloc_pages(1); /* ALLOC */
	memsan_free_pages(p, 1);                                     /* BAD */
	memsan_free_pages(q + 4096, 0);                              /* BAD */
	memsan_free_pages(q, 1);
	memsan_free_pages(q, 1); /* BAD */
	return 0;
}
