/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/panic.c - fault=panic ends the program at the first report
 *
 * expect: double-free in=main object=8
 * options: fault=panic:exitcode=42
 * status: 42
 * output: began
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
	char *p = malloc(8); /* ALLOC */
	write(1, "began\n", 6);
	free(p); /* FREE */
	free(p); /* BAD */
	write(1, "still here\n", 11);
	return 0;
}
