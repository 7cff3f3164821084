/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/realloc_freed_fenced.c - realloc of fenced memory that was freed: the report names realloc, and errno
 * is set as for any realloc that fails
 *
 * expect: double-free in=main object=40 entry=realloc
 * options: fence=all
 * modes: check production
 * output: null, ENOMEM
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	char *p = malloc(40), *q; /* ALLOC */
	free(p);                  /* FREE */
	errno = 0;
	q = realloc(p, 80); /* BAD */
	printf("%s, %s\n", q ? "memory" : "null", errno == ENOMEM ? "ENOMEM" : "errno is not set");
	return 0;
}
