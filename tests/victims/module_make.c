/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/module_make.c - a library that allocates; for dlclosed.c */
#include <stdlib.h>

void *module_make(void)
{
	return malloc(77);
}
