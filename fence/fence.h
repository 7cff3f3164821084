/* SPDX-License-Identifier: BSD-2-Clause */
/* fence/fence.h - KFENCE for user programs: faults, what they mean, and the pages that make them.
 *
 *   gate.c         which allocations are fenced
 *   slots.c        pages between guard pages: fresh, live, freed
 *   layout.h, layout.c   how slots lie in memory; read by scans and tools as well
 *   canary.c       the bytes around an object
 *   core.c         fenced objects: allocated, freed, found
 *   covered.c      which allocation stacks have an object there
 *   filter.c         fence.only, fail.stack
 *   report.c       what is wrong with a fenced object
 */
#ifndef MEMSAN_FENCE_H
#define MEMSAN_FENCE_H

#include "lib/lib.h"

#include <signal.h>

#include "reports/reports.h"
#include "slab/slab.h"

/* ---- fenced objects, called by preload/ ------------------------------------------------------ */

/* After slab_init.  False: nothing is fenced (the option, or no address space). */
bool fence_init(void);
extern bool fence_sampling; /* something may be fenced; written once */
extern bool fence_all;      /* everything is; becomes false when the kernel gives no more mappings */
extern uintptr_t fence_base __attribute__((visibility("hidden")));
extern size_t fence_size __attribute__((visibility("hidden"))); /* 0: there is no pool */
__inline_hot bool fence_contains(const void *p)
{
	return (uintptr_t)p - fence_base < fence_size;
}
/* The process may map no more than `limit` bytes from now on: unused slots are given up when the pool is a large part
 * of it. */
void fence_limit_space(uint64_t limit);
/* Is this allocation one to be fenced?  For the slow path of every allocation. */
bool fence_gate(int32_t *ticks);
bool fence_gate_early(void); /* of a thread that has no cache yet */
__inline_hot bool fence_wanted(void)
{
	struct tcache *tc = tcache_self;

	return tc ? --tc->ticks < 0 && fence_gate(&tc->ticks) : fence_gate_early();
}
/* Zeroed memory, or NULL: not this one (too large, no slot, covered already).  regs as in slab_malloc. */
void *fence_alloc(size_t size, size_t align, enum slab_api api, const struct unwind_regs *regs);
/* p is in the pool; a bad pointer is reported.  size_given: as in slab_free. */
void fence_free(void *p, enum slab_api api, size_t size_given, const struct unwind_regs *regs);
/* A live fenced object is somebody's: of a cache that the program made.  0: nobody's in particular. */
void fence_set_owner(void *p, uint32_t owner);
uint32_t fence_owner(const void *p);
/* Size as requested, and its family; SIZE_MAX: p is no live object. */
size_t fence_usable_size(const void *p, enum slab_api *api);
/* p is in the pool and is no live object: `entry` ("realloc"; NULL: free) was called with it. */
void fence_report_bad_pointer(const void *p, const char *entry, const struct unwind_regs *regs);
/* p is in the pool: the first byte in [p, p+n) that belongs to no live fenced object, or 0 (also where there never was
 * one).  Signal-safe. */
uintptr_t fence_find_bad(const void *p, size_t n);
/* A libc function, or the kernel for it, is about to access [addr, addr+n), or has, and fence_find_bad gave `bad`.
 * What it will meet of guards is memory afterwards. */
void fence_report_range(uintptr_t addr, size_t n, uintptr_t bad, enum report_access access, const char *entry,
                        const struct unwind_regs *regs);
/* As fence_open_page, for what of [addr, addr+n) is guarded, up to a megabyte from addr on. */
void fence_open_range(uintptr_t addr, size_t n);
/* What a bad access to this object is called. */
enum report_kind fenced_kind(const struct slab_object *o, bool write);
/* The object at or nearest to addr, as slab_find_object; signal-safe. */
bool fence_find_object(uintptr_t addr, struct slab_object *obj);
/* After a report: the page at addr becomes memory, until its object is freed or its slot used again.  False: it is none
 * that is fenced.  Signal-safe. */
bool fence_open_page(uintptr_t addr);
/* Was damage in [slot, slot + size) reported at the write that did it?  Then the canaries there say nothing new.  NULL:
 * never.  Set once. */
extern bool (*fence_hook_reported)(uintptr_t slot, size_t size);
/* Does the stack hold what option fail.stack names?  Here because it is asked as fence.only is. */
bool fence_fail_matches(stack_handle stack);
/* Modules are gone: what is known of their functions is forgotten. */
void fence_after_dlclose(void);
/* At the end of the program: one line when option fence.only has matched nothing. */
void fence_only_summary(void);
/* Verifies every canary; how many objects were damaged. */
size_t fence_check_all(const char *found_at, const struct unwind_regs *regs);
/* Visits live objects; other threads may go on. */
void fence_for_each_live(void (*fn)(void *ctx, uintptr_t addr, size_t size), void *ctx);
struct fence_stats {
	uint64_t slots, live, allocs, frees, bugs, skipped_covered, skipped_capacity;
};
void fence_get_stats(struct fence_stats *s);

#endif
