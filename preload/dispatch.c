/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/dispatch.c - what slab/ found becomes a report record.  Slab knows objects and reports knows layout; only here do they
 * meet. */
#include "preload/preload.h"

static const enum report_kind kind_of[] = {
	[SLAB_DOUBLE_FREE] = REPORT_DOUBLE_FREE,
	[SLAB_INVALID_FREE] = REPORT_INVALID_FREE,
	[SLAB_ALLOC_DEALLOC_MISMATCH] = REPORT_ALLOC_DEALLOC_MISMATCH,
	[SLAB_SIZED_DELETE_MISMATCH] = REPORT_SIZED_DELETE_MISMATCH,
	[SLAB_LEFT_REDZONE] = REPORT_LEFT_REDZONE,
	[SLAB_RIGHT_REDZONE] = REPORT_RIGHT_REDZONE,
	[SLAB_POISON_OVERWRITTEN] = REPORT_POISON,
	[SLAB_BAD_STATE] = REPORT_BAD_STATE,
	[SLAB_WRONG_CACHE] = REPORT_CACHE_MISMATCH,
	[SLAB_CACHE_DESTROYED] = REPORT_CACHE_DESTROYED,
	[SLAB_OBJECT_REMAINS] = REPORT_OBJECTS_REMAINING,
	[SLAB_WRONG_ORDER] = REPORT_PAGE_ORDER,
	[SLAB_TAIL_PAGE] = REPORT_TAIL_PAGE,
};
_Static_assert(ARRAY_SIZE(kind_of) == SLAB_TAIL_PAGE + 1, "each finding has a report kind");

static const char *const found_at_text[] = {
	[SLAB_AT_FREE] = "on free",
	[SLAB_AT_REALLOC] = "on realloc",
	[SLAB_AT_QUARANTINE_EXIT] = "on leaving the quarantine",
	[SLAB_AT_CHECK_ALL] = "by memsan_check_all",
	[SLAB_AT_EXIT] = "at exit",
	[SLAB_AT_ALLOC] = "on allocation",
};

static const char *const free_name[SLAB_API_NR] = {
	[SLAB_API_MALLOC] = "free",
	[SLAB_API_NEW] = "operator delete",
	[SLAB_API_NEW_ARRAY] = "operator delete[]",
	[SLAB_API_MEMALIGN] = "free",
	[SLAB_API_CACHE] = "memsan_cache_free",
	[SLAB_API_VMALLOC] = "memsan_vfree",
	[SLAB_API_PAGES] = "memsan_free_pages",
	[SLAB_API_POOL] = "memsan_pool_free",
};

/* Damage was done by a write that nobody saw; the other kinds are about the call that is being made. */
static bool found_afterwards(enum slab_finding_kind kind)
{
	return kind == SLAB_LEFT_REDZONE || kind == SLAB_RIGHT_REDZONE || kind == SLAB_POISON_OVERWRITTEN;
}

static const char *entry_of(const struct slab_finding *f)
{
	if (f->kind == SLAB_OBJECT_REMAINS)
		return f->api_used == SLAB_API_POOL ? "memsan_pool_destroy" : "memsan_cache_destroy";
	return f->at == SLAB_AT_REALLOC ? "realloc" : free_name[f->api_used];
}

static void fill_detail(struct report_record *r, const struct slab_finding *f)
{
	char text[160];
	struct fmt_buf b;
	fmt_init(&b, text, sizeof(text));
	if (f->kind == SLAB_ALLOC_DEALLOC_MISMATCH && f->have_object)
		fmt_printf(&b, "allocated with %s, freed with %s", report_alloc_name(f->object.api), free_name[f->api_used]);
	else if (f->kind == SLAB_SIZED_DELETE_MISMATCH && f->have_object)
		fmt_printf(&b, "size given to %s: %zu; allocated: %zu", free_name[f->api_used], f->size, f->object.size);
	else if (f->kind == SLAB_WRONG_CACHE)
		fmt_printf(&b, "wrong cache: freed to %s, but the object is from %s", f->cache, f->have_object ? f->object.cache : "?");
	else if (f->kind == SLAB_CACHE_DESTROYED)
		fmt_printf(&b, f->cache[0] ? "the cache %s was destroyed" : "there is no such cache or pool", f->cache);
	else if (f->kind == SLAB_OBJECT_REMAINS)
		fmt_printf(&b, "Objects remaining in %s on %s(): %llu", f->cache, entry_of(f), (unsigned long long)f->nr);
	else if (f->kind == SLAB_WRONG_ORDER)
		fmt_printf(&b, "wrong order: freed with order %llu, allocated with order %llu", (unsigned long long)f->nr,
		           (unsigned long long)f->nr_allocated);
	else if (f->kind == SLAB_TAIL_PAGE)
		fmt_printf(&b, "tail page: page %llu of an allocation of order %llu", (unsigned long long)f->nr,
		           (unsigned long long)f->nr_allocated);
	if (b.len)
		r->detail = report_string(r, text);
}

/* The object with what lies around it; a stray pointer shows the rows at itself. */
static void fill_memory(struct report_record *r, const struct slab_finding *f)
{
	uintptr_t lo = 0, hi = UINTPTR_MAX;
	if (arena_contains((void *)f->addr)) {
		lo = arena_base;
		hi = arena_base + arena_size;
	}
	report_set_memory(r, f->addr, lo, hi);
}

void dispatch_finding(const struct slab_finding *f)
{
	bool late = found_afterwards(f->kind);
	/* What was told at the access itself is no news. */
	if (late && f->have_object && shadow_was_reported(f->object.slot, f->object.slot_size))
		return;
	struct report_record *r = report_begin(kind_of[f->kind], "slab");
	if (!r)
		return;
	report_set_access(r, f->addr, late ? f->size : 0, late ? ACCESS_WRITE : ACCESS_FREE);
	if (late) {
		r->found_at = report_string(r, found_at_text[f->at]);
		r->expected = f->expected;
		r->found = f->found;
	} else {
		r->entry = report_string(r, entry_of(f));
	}
	if (f->have_regs)
		report_add_regs(r, late ? STACK_NOTICED : STACK_ACCESS, &f->regs, false);
	if (f->have_object)
		report_set_object(r, &f->object);
	fill_detail(r, f);
	fill_memory(r, f);
	report_end(r);
}
