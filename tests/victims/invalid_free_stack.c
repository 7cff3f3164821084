/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/invalid_free_stack.c - an automatic variable is freed
 *
 * expect: invalid-free in=main frame=main place=stack
 * modes: check production
 */
#include <stdlib.h>

int main(void)
{
	char local[64];
	local[0] = 1;
	free(local); /* BAD */
	return 0;
}
