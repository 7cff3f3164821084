/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/invalid_free_low.c - a small number is freed
 *
 * expect: invalid-free in=main
 * modes: check production
 */
#include <stdlib.h>

int main(void)
{

	free((char *)16); /* BAD */
	return 0;
}
