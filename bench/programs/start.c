/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/programs/start.c - the least a program can do: what is measured is everything before and after it. */
#include <stdlib.h>

int main(void)
{
	free(malloc(1));
	return 0;
}
