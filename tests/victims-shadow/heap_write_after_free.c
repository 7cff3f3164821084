/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims-shadow/heap_write_after_free.c - a freed object is written: one report, and no other one at exit for
 * the poison
 *
 * expect: slab-use-after-free type=write object=100 offset=8 access=4
 * ways: linked
 */
#include <stdlib.h>
#include <string.h>

static void hit(volatile int *p)
{
	p[2] = 7; /* BAD */
}
int main(void)
{
	void *p = malloc(100); /* ALLOC */
	free(p);               /* FREE */
	hit(p);
	return 0;
}
