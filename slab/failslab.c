/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/failslab.c - allocations that fail on purpose. */
#include "slab/slab_internal.h"

bool failslab_on;

bool failslab_should(const char *cache, size_t size, const struct unwind_regs *regs)
{
	(void)cache, (void)size, (void)regs;
	return false;
}
