/* SPDX-License-Identifier: BSD-2-Clause */
/* The same in an object that is never freed: found at exit.
 *
 * expect: memory-corruption object=41 offset=-3
 * modes: check production
 * options: fence=all
 */
#include <stdlib.h>

char *volatile p;

int main(void)
{
	p = malloc(41); /* ALLOC */
	p[-3] = 1;
	return 0;
}
