/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/clean_fail_aligned.c - fail.cache means the cache that serves an allocation, which its alignment has a
 * part in
 *
 * expect: none
 * modes: production
 * options: fail.probability=100:fail.times=-1:fail.cache=malloc-4096,aligned-4096
 * output: malloc(100): memory; aligned to a page: none; malloc(4000): none
 */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	void *volatile p = malloc(100);
	void *volatile q = aligned_alloc(4096, 100);
	void *volatile r = malloc(4000);

	printf("malloc(100): %s; aligned to a page: %s; malloc(4000): %s\n", p ? "memory" : "none",
	       q ? "memory" : "none", r ? "memory" : "none");
	free(p);
	return 0;
}
