/* SPDX-License-Identifier: BSD-2-Clause */
/* fence/report.c - what is wrong with a fenced object, in KFENCE's words. */
#include "config.h"

#include "fence/fence_internal.h"

bool (*fence_hook_reported)(uintptr_t slot, size_t size);

static const char *free_name(enum slab_api api)
{
	return api == SLAB_API_CACHE ? "memsan_cache_free" : api == SLAB_API_NEW ? "operator delete" : api == SLAB_API_NEW_ARRAY ? "operator delete[]" : "free";
}

static struct report_record *begin(enum report_kind kind)
{
	__atomic_fetch_add(&live_counters.fence_bugs, 1, __ATOMIC_RELAXED);
	return report_begin(kind, "fence");
}

enum report_kind fenced_kind(const struct slab_object *o, bool write)
{
	if (o->state == SLAB_OBJ_LIVE)
		return write ? REPORT_OUT_OF_BOUNDS_WRITE : REPORT_OUT_OF_BOUNDS_READ;
	return write ? REPORT_USE_AFTER_FREE_WRITE : REPORT_USE_AFTER_FREE_READ;
}

void fence_report_corruption(uintptr_t bad, uint8_t expected, uint8_t found, const char *found_at, const struct unwind_regs *regs)
{
	struct slab_object object;
	bool have = fence_find_object(bad, &object);
	struct report_record *r;

	if (have && fence_hook_reported && fence_hook_reported(object.slot, object.slot_size))
		return;
	r = begin(REPORT_MEMORY_CORRUPTION);
	if (!r)
		return;
	report_set_access(r, bad, 1, ACCESS_WRITE);
	r->found_at = report_string(r, found_at);
	r->expected = expected;
	r->found = found;
	if (regs)
		report_add_regs(r, STACK_NOTICED, regs, false);
	if (have) {
		/* It is on its way out of the program's hands, but was not freed when this was done. */
		object.state = SLAB_OBJ_LIVE;
		report_set_object(r, &object);
		report_set_memory(r, bad, object.slot, object.slot + object.slot_size);
	}
	report_end(r);
}

void fence_report_bad_free(uintptr_t addr, enum slab_api api, const struct unwind_regs *regs)
{
	struct slab_object object;
	bool have = fence_find_object(addr, &object);
	bool twice = have && object.addr == addr && object.state != SLAB_OBJ_LIVE;
	struct report_record *r = begin(twice ? REPORT_DOUBLE_FREE : REPORT_INVALID_FREE);

	if (!r)
		return;
	report_set_access(r, addr, 0, ACCESS_FREE);
	r->entry = report_string(r, free_name(api));
	if (regs)
		report_add_regs(r, STACK_ACCESS, regs, false);
	if (have)
		report_set_object(r, &object);
	report_end(r);
}

void fence_report_bad_pointer(const void *p, const struct unwind_regs *regs)
{
	fence_report_bad_free((uintptr_t)p, SLAB_API_MALLOC, regs);
}

static enum slab_api family(enum slab_api api)
{
	return api == SLAB_API_MEMALIGN ? SLAB_API_MALLOC : api;
}

void fence_check_api(const struct fence_slot *s, enum slab_api api, size_t size_given, const struct unwind_regs *regs)
{
	bool mismatch = family((enum slab_api)s->api) != family(api);
	struct slab_object object;
	struct report_record *r;
	char text[160];
	struct fmt_buf b;

	if (!mismatch && (size_given == SIZE_MAX || size_given == s->size))
		return;
	r = begin(mismatch ? REPORT_ALLOC_DEALLOC_MISMATCH : REPORT_SIZED_DELETE_MISMATCH);
	if (!r)
		return;
	report_set_access(r, s->addr, 0, ACCESS_FREE);
	r->entry = report_string(r, free_name(api));
	fmt_init(&b, text, sizeof(text));
	if (mismatch)
		fmt_printf(&b, "allocated with %s, freed with %s", report_alloc_name((enum slab_api)s->api), free_name(api));
	else
		fmt_printf(&b, "size given to %s: %zu; allocated: %u", free_name(api), size_given, s->size);
	r->detail = report_string(r, text);
	if (regs)
		report_add_regs(r, STACK_ACCESS, regs, false);
	if (fence_find_object(s->addr, &object))
		report_set_object(r, &object);
	report_end(r);
}
