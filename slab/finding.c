/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/finding.c - findings on their way to the hook; the diagnosis of a pointer that cannot be freed. */
#include "slab/arena.h"
#include "slab/finding.h"
#include "slab/slab.h"

static slab_report_fn report_hook; /* set once before the program's first allocation */

void slab_set_report_hook(slab_report_fn fn)
{
	__atomic_store_n(&report_hook, fn, __ATOMIC_RELEASE);
}

void finding_init(struct slab_finding *f, enum slab_finding_kind kind, enum slab_found_at at, uintptr_t addr,
                  const struct unwind_regs *regs)
{
	mem_set(f, 0, sizeof(*f));
	f->kind = kind;
	f->at = at;
	f->addr = addr;
	f->have_regs = regs != NULL;
	if (regs)
		f->regs = *regs;
}

void finding_init_damage(struct slab_finding *f, enum slab_finding_kind kind, enum slab_found_at at,
                         const struct damage *d, const struct unwind_regs *regs)
{
	finding_init(f, kind, at, d->addr, regs);
	f->size = d->size;
	f->expected = d->expected;
	f->found = d->found;
	f->have_object = true;
}

static void report_deep(void *f)
{
	LOAD_ACQUIRE(report_hook)(f);
}

void finding_report(const struct slab_finding *f)
{
	if (LOAD_ACQUIRE(report_hook))
		deep_run(report_deep, (void *)f);
}

/* The kind of a bad pointer. At the start of a freed object: a double free. At the start of a live object of the
 * program's pool: the wrong function. Anywhere else: an invalid free. Pages that were given back keep a mark that
 * objects were in them (of a large area only the first pages do). */
static enum slab_finding_kind classify_bad_pointer(uintptr_t addr, bool have, const struct slab_object *obj)
{
	if (have && obj->api == SLAB_API_POOL && obj->state == SLAB_OBJ_LIVE && obj->addr == addr)
		return SLAB_ALLOC_DEALLOC_MISMATCH;
	if (addr & 15 || !arena_usable(addr))
		return SLAB_INVALID_FREE;
	if (have)
		return obj->addr == addr && obj->state != SLAB_OBJ_NONE ? SLAB_DOUBLE_FREE : SLAB_INVALID_FREE;
	return arena_owner(addr) & OWNER_USED_BEFORE ? SLAB_DOUBLE_FREE : SLAB_INVALID_FREE;
}

void finding_report_bad_pointer(uintptr_t addr, enum slab_api api, enum slab_found_at at,
                                const struct unwind_regs *regs)
{
	struct slab_finding f;

	finding_init(&f, SLAB_INVALID_FREE, at, addr, regs);
	f.have_object = slab_find_object(addr, &f.object);
	f.kind = classify_bad_pointer(addr, f.have_object, &f.object);
	f.have_object &= f.object.state != SLAB_OBJ_NONE;
	f.api_used = api;
	finding_report(&f);
}

void finding_report_bad_state(uintptr_t addr)
{
	struct slab_finding f;

	finding_init(&f, SLAB_BAD_STATE, SLAB_AT_FREE, addr, NULL);
	f.have_object = slab_find_object(addr, &f.object);
	finding_report(&f);
}
