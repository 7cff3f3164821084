/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/invalid_free_global.c - a global variable is freed
 *
 * expect: invalid-free in=main place=invalid_free_global
 * modes: check production
 */
#include <stdlib.h>

int main(void)
{
	static char global[64];
	free(global); /* BAD */
	return 0;
}
