/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/shadow.h - KASAN for user programs: one shadow byte for eight bytes of memory, checks of ranges, the compilers' ABI, and what a
 * bad shadow byte means.
 */
#ifndef MEMSAN_SHADOW_H
#define MEMSAN_SHADOW_H

#include "lib/lib.h"
#include "reports/reports.h"
#include "slab/slab.h"

#define SHADOW_OFFSET 0x7fff8000ul
#define SHADOW_SCALE 3
#define SHADOW_GRANULE ((uintptr_t)1 << SHADOW_SCALE)

/* Shadow of the heap is kept: true in check mode once the arena's shadow is mapped.  Read-only after start-up, except that a
 * detector that finds itself broken turns it off. */
extern bool shadow_on;
/* Shadow of the whole address space is mapped (an instrumented module is present): pointers outside the arena are checked too. */
extern bool shadow_everywhere;

/* Is a range starting at p checked at all?  The one compare that a libc call on foreign memory pays. */
__inline_hot bool shadow_covers(const void *p)
{
	return shadow_on && (arena_contains(p) || shadow_everywhere);
}

/* The first byte in [p, p+n) that may not be accessed, or 0 when all may.  n may be 0 (nothing is bad).  Never faults. */
uintptr_t shadow_find_bad(const void *p, size_t n);

/* A libc function (or other interposed call) is about to access [p, p+n) and shadow_find_bad gave `bad`: reports it with `entry`
 * ("memcpy", …) as the first word of the access and the caller's stack from `regs`.  is_write: 0 read, 1 write. */
void shadow_report_range(const void *p, size_t n, uintptr_t bad, unsigned is_write, const char *entry, const struct unwind_regs *regs);

#endif
