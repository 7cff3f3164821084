/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/overflow_live_at_exit.c - the check at exit finds damage to an object that is never freed
 *
 * options: shadow=off
 * expect: right-redzone-overwritten object=24 offset=24 access=2
 */
#include <stdlib.h>
#include <string.h>

char *keep;

int main(void)
{
	keep = malloc(24);     /* ALLOC */
	memset(keep, 'x', 26); /* WRITE */
	return 3;
}
