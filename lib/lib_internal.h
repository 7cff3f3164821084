/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/lib_internal.h - shared between the files of lib/ only. */
#ifndef MEMSAN_LIB_INTERNAL_H
#define MEMSAN_LIB_INTERNAL_H

#include "lib/lib.h"

/* Most calls have few arguments. */
static inline long os_syscall4(long nr, long a, long b, long c, long d)
{
	return arch_syscall6(nr, a, b, c, d, 0, 0);
}

#endif
