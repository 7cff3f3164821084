/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/programs/start.c - does next to nothing, so that only a process's start and end are measured. */
#include <stdlib.h>

int main(void)
{
	free(malloc(1));
	return 0;
}
