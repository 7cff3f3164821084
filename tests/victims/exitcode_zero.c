/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/exitcode_zero.c - exitcode=0 leaves the program's own status
 *
 * expect: double-free in=main object=8
 * options: exitcode=0
 * status: 7
 */
#include <stdlib.h>

int main(void)
{
	char *p = malloc(8); /* ALLOC */
	free(p);             /* FREE */
	free(p);             /* BAD */
	return 7;
}
