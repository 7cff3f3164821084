/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/fence_corruption_at_exit.c - a write before a fenced object that is never freed: the check at exit
 * finds the damaged canary
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
	p[-3] = 1;      /* WRITE */
	return 0;
}
