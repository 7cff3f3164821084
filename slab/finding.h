/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/finding.h - findings: filled in, and reported to the hook. */
#ifndef MEMSAN_SLAB_FINDING_H
#define MEMSAN_SLAB_FINDING_H

#include "slab/slab.h"

/* Damaged bytes: [addr, addr + size). `size` is 0 when there are none. */
struct damage {
	uintptr_t addr;
	size_t size;
	uint8_t expected, found;
	uintptr_t near; /* in slots that never had an object: the nearest object's address; 0: none */
};

/* Starts a finding at `addr`. The caller describes the object. */
void finding_init(struct slab_finding *f, enum slab_finding_kind kind, enum slab_found_at at, uintptr_t addr,
                  const struct unwind_regs *regs);
/* The same for damaged bytes. */
void finding_init_damage(struct slab_finding *f, enum slab_finding_kind kind, enum slab_found_at at,
                         const struct damage *d, const struct unwind_regs *regs);
void finding_report(const struct slab_finding *f);
/* Is it wrong to free memory of the family `allocated` with a function of the family `freed`? */
static inline bool mismatch_of_apis(enum slab_api allocated, enum slab_api freed)
{
	if (allocated == SLAB_API_MEMALIGN)
		allocated = SLAB_API_MALLOC;
	if (freed == SLAB_API_MEMALIGN)
		freed = SLAB_API_MALLOC;
	return allocated != freed && freed != SLAB_API_CHECKED;
}
/* Was the object made by a form of operator new that takes an alignment? The same form of delete passes
 * SLAB_API_CHECKED, so here another one is at work. */
static inline bool mismatch_of_forms(enum slab_api freed, bool aligned)
{
	return aligned && (freed == SLAB_API_NEW || freed == SLAB_API_NEW_ARRAY);
}
/* What realloc returns is no longer aligned_alloc's. */
static inline enum slab_api api_resized(enum slab_api api)
{
	return api == SLAB_API_MEMALIGN ? SLAB_API_MALLOC : api;
}
/* Reports a pointer that was passed to free or realloc, and at which no live object starts. */
void finding_report_bad_pointer(uintptr_t addr, enum slab_api api, enum slab_found_at at,
                                const struct unwind_regs *regs);
void finding_report_bad_state(uintptr_t addr);

#endif
