/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/api.c - the public functions of memsan.h. */
#include "preload/preload.h"

#include "preload/memsan.h"

MEMSAN_EXPORT size_t memsan_check_all(void)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	runtime_ensure();
	return runtime_state_now == RUNTIME_READY ? slab_check_all(SLAB_AT_CHECK_ALL, &regs) + fence_check_all("by memsan_check_all", &regs) : 0;
}

MEMSAN_EXPORT unsigned memsan_report_count(void)
{
	return report_count();
}

MEMSAN_EXPORT const char *memsan_version(void)
{
	return PACKAGE_VERSION;
}
