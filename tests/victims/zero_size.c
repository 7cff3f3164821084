/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/zero_size.c - accesses to objects of 0 bytes, of every function and alignment
 *
 * expect: below
 * modes: check production
 * ways: preload linked static
 */
#include <malloc.h>
#include <stdlib.h>

static volatile char *volatile p;
static void *aligned;

int main(void)
{
	char c = 0;

	p = malloc(0);
	*p = 1; /* expect: slab-out-of-bounds in=main object=0 cache=malloc-0 type=write alloc=main */
	p = calloc(0, 8);
	c += *p; /* expect: slab-out-of-bounds in=main object=0 cache=malloc-0 type=read alloc=main */
	p = realloc(NULL, 0);
	c += p[1]; /* expect: slab-out-of-bounds in=main object=0 cache=malloc-0 type=read alloc=main */
	p = aligned_alloc(4096, 0);
	*p = 1; /* expect: slab-out-of-bounds in=main object=0 cache=malloc-0-4096 type=write alloc=main */
	p = posix_memalign(&aligned, 32768, 0) == 0 ? aligned : NULL;
	*p = 1; /* expect: vmalloc-out-of-bounds in=main object=0 type=write */
	free((void *)p);
	p = valloc(0);
	p[-1] = 1; /* expect: slab-out-of-bounds in=main object=0 cache=malloc-0-4096 type=write alloc=main */
	p = aligned_alloc(64, 0);
	p[-1] = 1; /* expect: slab-out-of-bounds in=main object=0 cache=malloc-0 type=write alloc=main */
	p = malloc(0);
	free((void *)p);
	c += *p; /* expect: use-after-free in=main object=0 cache=malloc-0 type=read alloc=main free=main */
	return c & 0;
}
