/* SPDX-License-Identifier: BSD-2-Clause */
/* fence/only.c - fence.only: is a name among the functions or modules of an allocation's stack? */
#include "config.h"

#include "fence/fence_internal.h"

void only_init(void)
{
}

bool only_matches(stack_handle stack)
{
	(void)stack;
	return true;
}
