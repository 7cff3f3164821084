/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/invalid_free_code.c - a function is freed
 *
 * expect: invalid-free in=main
 * modes: check production
 */
#include <stdlib.h>

int main(void)
{

	free((char *)main); /* BAD */
	return 0;
}
