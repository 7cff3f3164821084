/* SPDX-License-Identifier: BSD-2-Clause */
/* fence/report.c - reports about fenced objects, in KFENCE's words.  core.c finds the object and passes it in. */
#include "config.h"

#include "fence/fence_internal.h"

bool (*fence_hook_reported)(uintptr_t slot, size_t size);

static void tell(struct finding *f)
{
	__atomic_fetch_add(&live_counters.fence_bugs, 1, __ATOMIC_RELAXED);
	f->component = "fence";
	report_finding(f);
}

enum report_kind fenced_kind(const struct slab_object *o, bool write)
{
	if (o->state == SLAB_OBJ_LIVE)
		return write ? REPORT_OUT_OF_BOUNDS_WRITE : REPORT_OUT_OF_BOUNDS_READ;
	return write ? REPORT_USE_AFTER_FREE_WRITE : REPORT_USE_AFTER_FREE_READ;
}

void fence_report_corruption(struct slab_object *o, uintptr_t bad, size_t size, uint8_t found, const char *found_at,
                             const struct unwind_regs *regs)
{
	struct finding f = {
		.kind = REPORT_MEMORY_CORRUPTION,
		.addr = bad,
		.size = size,
		.access = ACCESS_WRITE,
		.found_at = found_at,
		.expected = canary_at(bad),
		.found = found,
		.regs = regs,
		.object = o,
		.memory_lo = o->slot,
		.memory_hi = o->slot + o->slot_size,
	};

	if (fence_hook_reported && fence_hook_reported(o->slot, o->slot_size))
		return;
	/* The object was live when the damage was done, although the free that finds the damage has begun. */
	o->state = SLAB_OBJ_LIVE;
	tell(&f);
}

void fence_report_bad_free(const struct slab_object *o, uintptr_t addr, enum slab_api api, const char *entry,
                           const struct unwind_regs *regs)
{
	bool twice = o && o->addr == addr && o->state != SLAB_OBJ_LIVE;
	struct finding f = {
		.kind = twice ? REPORT_DOUBLE_FREE : REPORT_INVALID_FREE,
		.addr = addr,
		.access = ACCESS_FREE,
		.entry = entry,
		.api_used = api,
		.regs = regs,
		.object = o,
	};

	tell(&f);
}

void fence_report_bad_query(const struct slab_object *o, uintptr_t addr, const char *entry,
                            const struct unwind_regs *regs)
{
	bool freed = o && o->addr == addr && o->state != SLAB_OBJ_LIVE;
	struct finding f = {
		.kind = freed ? REPORT_USE_AFTER_FREE_READ : REPORT_INVALID_POINTER,
		.addr = addr,
		.access = ACCESS_READ,
		.entry = entry,
		.regs = regs,
		.object = o,
	};

	tell(&f);
}

void fence_report_mismatch(const struct slab_object *o, enum report_kind kind, enum slab_api api, size_t size_given,
                           const struct unwind_regs *regs)
{
	struct finding f = {
		.kind = kind,
		.addr = o->addr,
		.access = ACCESS_FREE,
		.api_used = api,
		.size_given = size_given,
		.regs = regs,
		.object = o,
	};

	tell(&f);
}

void fence_report_access(const struct slab_object *o, const struct fence_access *a)
{
	bool live = o->state == SLAB_OBJ_LIVE;
	struct finding f = {
		.kind = fenced_kind(o, a->access == ACCESS_WRITE),
		.addr = a->addr,
		.size = a->size,
		.access = a->access,
		.bad = a->bad,
		.entry = a->entry,
		.regs = a->regs,
		.object = o,
		.memory_lo = live ? o->slot : 0,
		.memory_hi = live ? o->slot + o->slot_size : 0,
	};

	tell(&f);
}
