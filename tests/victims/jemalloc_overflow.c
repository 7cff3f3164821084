/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/jemalloc_overflow.c - jemalloc's own functions are checked as malloc's are
 *
 * expect: below
 * ways: preload linked
 */
#include <stdlib.h>

void *mallocx(size_t size, int flags) __attribute__((weak));
void dallocx(void *p, int flags) __attribute__((weak));
void sdallocx(void *p, size_t size, int flags) __attribute__((weak));

int main(void)
{
	char *volatile p = mallocx(60, 0), *volatile q = malloc(100);

	p[60] = 1;          /* WRITE */
	sdallocx(p, 60, 0); /* expect: right-redzone-overwritten object=60 */
	dallocx(q, 0);
	dallocx(q, 0); /* expect: double-free object=100 */
	return 0;
}
