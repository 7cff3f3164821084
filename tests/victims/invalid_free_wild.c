/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/invalid_free_wild.c - a number that is no address is freed
 *
 * expect: invalid-free in=main
 * modes: check production
 */
#include <stdlib.h>

int main(void)
{

	free((char *)0x4141414141414140); /* BAD */
	return 0;
}
