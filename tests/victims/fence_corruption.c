/* SPDX-License-Identifier: BSD-2-Clause */
/* A write between the object and its page's end, which no guard sees: the canary does, on free.
 *
 * expect: memory-corruption in=main object=41 offset=42
 * modes: check production
 * options: fence=all
 */
#include <stdlib.h>

int main(void)
{
	char *volatile p = malloc(41); /* ALLOC */
	p[42] = 1;
	free(p); /* BAD */
	return 0;
}
