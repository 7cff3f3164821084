/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fence_corruption.c - a write between an object and the end of its page: no guard page sees that, but
 * the canary does when the object is freed
 *
 * expect: memory-corruption in=main object=41 offset=42
 * modes: check production
 * options: fence=all
 */
#include <stdlib.h>

int main(void)
{
	char *volatile p = malloc(41); /* ALLOC */
	p[42] = 1;                     /* WRITE */
	free(p);                       /* BAD */
	return 0;
}
