/* SPDX-License-Identifier: BSD-2-Clause */
/* fence/fence.h - KFENCE for user programs: sampled objects between guard pages.  The meaning of a fault in a guard is
 * fault/'s.
 *
 *   gate.c              the sampling gate: which allocations are fenced
 *   slots.c             pages between guard pages: fresh, live, freed
 *   layout.h, layout.c  how slots lie in memory; read by scans and tools as well
 *   canary.c            the canary bytes around an object
 *   core.c              fenced objects: allocated, freed, found
 *   covered.c           which allocation stacks have an object in the pool
 *   filter.c            options fence.only and fail.stack
 *   report.c            reports about fenced objects
 *   fence_internal.h    shared between the files of fence/
 */
#ifndef MEMSAN_FENCE_H
#define MEMSAN_FENCE_H

#include "lib/lib.h"

#include <signal.h>

#include "reports/reports.h"
#include "slab/slab.h"

/* ---- fenced objects, called by preload/ ------------------------------------------------------ */

/* After slab_init.  False: nothing is fenced, because of the option or for lack of address space. */
bool fence_init(void);
extern bool fence_sampling; /* objects may be fenced; written once */
extern bool fence_all;      /* every allocation is; false once the kernel refuses more mappings */
extern uintptr_t fence_base __attribute__((visibility("hidden")));
extern size_t fence_size __attribute__((visibility("hidden"))); /* 0: there is no pool */
__inline_hot bool fence_contains(const void *p)
{
	return (uintptr_t)p - fence_base < fence_size;
}
/* From now on the process may map no more than `limit` bytes.  When the pool is a large part of that, unused slots are
 * given up. */
void fence_limit_space(uint64_t limit);
/* From now on the process may have no more than `limit` bytes of data: objects beyond a small share are not fenced. */
void fence_limit_data(uint64_t limit);
/* Before the process forks: freed memory that costs page tables gives them back. */
void fence_fork_prepare(void);
/* Is this allocation to be fenced?  Called on the slow path of every allocation. */
bool fence_gate(int32_t *ticks);
bool fence_gate_early(void); /* for a thread without a thread cache */
__inline_hot bool fence_wanted(void)
{
	struct tcache *tc = tcache_own;

	return tc ? --tc->ticks < 0 && fence_gate(&tc->ticks) : fence_gate_early();
}
/* Returns zeroed memory.  NULL: this object is not fenced (it is too large, there is no free slot, or its stack is
 * covered or not in fence.only).  regs as in slab_malloc. */
void *fence_alloc(size_t size, size_t align, enum slab_api api, const struct unwind_regs *regs);
/* p is in the pool.  Reports a bad pointer.  size_given as in slab_free. */
void fence_free(void *p, enum slab_api api, size_t size_given, const struct unwind_regs *regs);
/* The live object p is about to be moved by realloc: reports damage of its canaries. */
void fence_verify_moving(const void *p, const struct unwind_regs *regs);
/* The owner of a live fenced object: the id of the program's cache that it came from; 0: none. */
void fence_set_owner(void *p, uint32_t owner);
uint32_t fence_owner(const void *p);
/* The size requested, and the family in *api unless that is NULL.  SIZE_MAX: p is not the start of a live object. */
size_t fence_usable_size(const void *p, enum slab_api *api);
/* Reports that `entry` ("realloc"; NULL: free) was called with p, which is in the pool and not a live object. */
void fence_report_bad_pointer(const void *p, const char *entry, const struct unwind_regs *regs);
/* The same for malloc_usable_size. */
void fence_report_bad_size_query(const void *p, const struct unwind_regs *regs);
/* p is in the pool.  The first byte in [p, p+n) that belongs to no live fenced object; 0: none, or no object was ever
 * there.  Signal-safe. */
uintptr_t fence_find_bad(const void *p, size_t n);
/* Reports an access to [addr, addr+n) by a libc function, or by the kernel for it, before or after the access.  `bad`
 * is the result of fence_find_bad.  Opens the guard pages in the range, so the access does not fault. */
void fence_report_range(uintptr_t addr, size_t n, uintptr_t bad, enum report_access access, const char *entry,
                        const struct unwind_regs *regs);
/* fence_open_page for each guarded page in [addr, addr+n), for at most a megabyte. */
void fence_open_range(uintptr_t addr, size_t n);
/* The report kind of a bad access to this object. */
enum report_kind fenced_kind(const struct slab_object *o, bool write);
/* The object at or nearest to addr, as slab_find_object.  Signal-safe. */
bool fence_find_object(uintptr_t addr, struct slab_object *obj);
/* The program is about to change how [addr, addr + n) is mapped. `mapping` false: it only drops the bytes. Called for
 * any range; cheap outside of the pool. */
void fence_note_changed(uintptr_t addr, size_t n, bool mapping);
/* Is addr in a page of a live object, and not in a guard? *certain: the program has changed the page, so a fault there
 * is its own. Signal-safe. */
bool fence_is_data(uintptr_t addr, bool *certain);
/* After a report: makes the page at addr accessible until its object is freed or its slot is used again.  False: the
 * page is not in a slot, or the kernel refused.  Signal-safe. */
bool fence_open_page(uintptr_t addr);
/* Was damage in [slot, slot + size) already reported, at the write that did it?  If so, damaged canaries there are not
 * reported.  NULL: no.  Set once. */
extern bool (*fence_hook_reported)(uintptr_t slot, size_t size);
/* Does the stack match option fail.stack?  Here because fence.only is matched in the same way. */
bool fence_fail_matches(stack_handle stack);
/* Modules were unloaded: forgets the code ranges of their functions. */
void fence_after_dlclose(void);
/* At the end of the program: prints one line when option fence.only matched nothing. */
void fence_only_summary(void);
/* Verifies every canary.  Returns the number of damaged objects. */
size_t fence_check_all(const char *found_at, const struct unwind_regs *regs);
/* Visits live objects while other threads may run. */
void fence_for_each_live(void (*fn)(void *ctx, uintptr_t addr, size_t size), void *ctx);
struct fence_stats {
	uint64_t slots, live, allocs, frees, bugs, skipped_covered, skipped_capacity;
};
void fence_get_stats(struct fence_stats *s);

#endif
