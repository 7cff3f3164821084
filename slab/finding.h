/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/finding.h - findings, on their way to the hook. */
#ifndef MEMSAN_SLAB_FINDING_H
#define MEMSAN_SLAB_FINDING_H

#include "slab/slab.h"

/* Where damage was: [addr, addr + size), `size` 0 when there was none. */
struct damage {
	uintptr_t addr;
	size_t size;
	uint8_t expected, found;
};

/* Starts a finding at `addr`, with the object there or nearby. */
void finding_init(struct slab_finding *f, enum slab_finding_kind kind, enum slab_found_at at, uintptr_t addr,
                  const struct unwind_regs *regs);
/* The same for damage. The caller describes the object. */
void finding_init_damage(struct slab_finding *f, enum slab_finding_kind kind, enum slab_found_at at,
                         const struct damage *d, const struct unwind_regs *regs);
void finding_report(const struct slab_finding *f);
/* May memory of `allocated` not be given back through `freed`? */
static inline bool mismatch_of_apis(enum slab_api allocated, enum slab_api freed)
{
	if (allocated == SLAB_API_MEMALIGN)
		allocated = SLAB_API_MALLOC;
	if (freed == SLAB_API_MEMALIGN)
		freed = SLAB_API_MALLOC;
	return allocated != freed;
}
/* A pointer that is no live object's start was passed to free or realloc. */
void finding_report_bad_pointer(uintptr_t addr, enum slab_api api, enum slab_found_at at,
                                const struct unwind_regs *regs);
void finding_report_bad_state(uintptr_t addr);

#endif
