// SPDX-License-Identifier: GPL-2.0-only
/* kernel/fail/wrappers.c - memsan_fail: a wrapper for each function of fail.def that this kernel has.
 *
 * memsan renames the functions that a module calls: kmalloc_trace becomes memsan_fail_kmalloc_trace.  A wrapper passes
 * on the registers that may hold arguments, whatever the function's parameters are.  This file includes no header that
 * declares a wrapped function, and gives each another name. */
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/kernel.h>

#include "fail.h"

#define RESULT_NULL 0
#define RESULT_ZERO 0
#define RESULT_ERROR ((unsigned long)-ENOMEM)
#define RESULT_ENOMEM ((unsigned long)-ENOMEM)
#define RESULT_XARRAY (((unsigned long)-ENOMEM << 2) | 2)

#ifdef CONFIG_ARM64
#define PARAMETERS                                                                                            \
	unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e, unsigned long f, \
		unsigned long g, unsigned long h
#define ARGUMENTS a, b, c, d, e, f, g, h
#else
#define PARAMETERS unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e, unsigned long f
#define ARGUMENTS a, b, c, d, e, f
#endif

#define ARGUMENT(n) ((n) == 0 ? a : (n) == 1 ? b : (n) == 2 ? c : (n) == 3 ? d : (n) == 4 ? e : 0)

#define WRAP(name, result, flags, size, export_it)                                     \
	extern unsigned long real_##name(PARAMETERS) asm(#name);                       \
	unsigned long memsan_fail_##name(PARAMETERS);                                  \
	unsigned long memsan_fail_##name(PARAMETERS)                                   \
	{                                                                              \
		if (memsan_fail_now(#name, _RET_IP_, ARGUMENT(flags), ARGUMENT(size))) \
			return RESULT_##result;                                        \
		return real_##name(ARGUMENTS);                                         \
	}                                                                              \
	export_it(memsan_fail_##name);
#include "wrapped.inc"
