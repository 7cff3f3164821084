/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/invalid_free_global.c - a global variable is freed; its symbol names it
 *
 * expect: invalid-free in=main place=global+0x0/0x40
 * modes: check production
 */
#include <stdlib.h>

int main(void)
{
	static char global[64];
	free(global); /* BAD */
	return 0;
}
