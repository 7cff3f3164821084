/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel/fail/fail.h - memsan_fail: shared by its files. */
#ifndef MEMSAN_FAIL_H
#define MEMSAN_FAIL_H

#include <linux/types.h>

/* Shall this call of a wrapped function fail?  `caller` is its return address; flags and size are 0 where the function
 * has none. */
bool memsan_fail_now(const char *function, unsigned long caller, unsigned long flags, unsigned long size);

#endif
