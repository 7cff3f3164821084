/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/dispatch.c - turns slab's findings into findings for reports.  slab may not include reports, and shadow knows
 * which damage was reported already.  Only preload sees all three. */
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
	[SLAB_UNALLOCATED] = REPORT_UNALLOCATED,
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
	[SLAB_AT_USABLE_SIZE] = "by malloc_usable_size",
};

/* Was the damage done by an earlier, unseen write?  The other kinds are about the call that is running now. */
static bool found_afterwards(enum slab_finding_kind kind)
{
	return kind == SLAB_LEFT_REDZONE || kind == SLAB_RIGHT_REDZONE || kind == SLAB_POISON_OVERWRITTEN ||
	       kind == SLAB_UNALLOCATED;
}

/* The name of the called function, if the object's family does not tell; else NULL. */
static const char *entry_of(const struct slab_finding *f)
{
	if (f->kind == SLAB_OBJECT_REMAINS)
		return f->api_used == SLAB_API_POOL ? "memsan_pool_destroy" : "memsan_cache_destroy";
	if (f->at == SLAB_AT_USABLE_SIZE)
		return "malloc_usable_size";
	return f->at == SLAB_AT_REALLOC ? "realloc" : NULL;
}

static enum report_kind report_kind_of(const struct slab_finding *f)
{
	if (f->at == SLAB_AT_USABLE_SIZE) /* nothing is freed */
		return f->kind == SLAB_DOUBLE_FREE ? REPORT_SLAB_USE_AFTER_FREE : REPORT_INVALID_POINTER;
	return kind_of[f->kind];
}

/* Says which variable a pointer leads to that is none of the heap's. */
static void describe(struct report_record *r, const struct finding *f)
{
	if (!f->object)
		shadow_describe(r, f->addr, f->regs);
}

#define POISONED_POINTER (POISON_FREE * 0x0101010101010101ul)

static void put_detail(struct fmt_buf *b, const struct slab_finding *f)
{
	if (f->kind == SLAB_WRONG_CACHE)
		fmt_printf(b, "wrong cache: freed to %s, but the object is from %s", f->cache,
		           f->have_object ? f->object.cache : "?");
	else if (f->kind == SLAB_CACHE_DESTROYED)
		fmt_printf(b, f->cache[0] ? "the cache %s was destroyed" : "there is no such cache or pool", f->cache);
	else if (f->kind == SLAB_OBJECT_REMAINS)
		fmt_printf(b, "Objects remaining in %s on %s(): %llu", f->cache, entry_of(f),
		           (unsigned long long)f->nr);
	else if (f->kind == SLAB_WRONG_ORDER)
		fmt_printf(b, "wrong order: freed with order %llu, allocated with order %llu",
		           (unsigned long long)f->nr, (unsigned long long)f->nr_allocated);
	else if (f->kind == SLAB_TAIL_PAGE)
		fmt_printf(b, "tail page: page %llu of an allocation of order %llu", (unsigned long long)f->nr,
		           (unsigned long long)f->nr_allocated);
	else if (f->kind == SLAB_INVALID_FREE && f->addr == POISONED_POINTER)
		fmt_printf(b, "The pointer was read from freed memory, which memsan fills with 0x6b.");
}

/* Was the damage reported when it was done? */
static bool was_reported(const struct slab_finding *f)
{
	if (f->kind == SLAB_UNALLOCATED)
		return shadow_write_was_reported(f->addr, f->size);
	return f->have_object && shadow_was_reported(f->object.slot, f->object.slot_size);
}

void dispatch_finding(const struct slab_finding *s)
{
	bool late = found_afterwards(s->kind), in_arena = arena_contains((void *)s->addr);
	char detail[160];
	struct fmt_buf b;
	enum report_outcome outcome;
	const struct finding f = {
		.kind = report_kind_of(s),
		.component = "slab",
		.addr = s->addr,
		.size = late ? s->size : 0,
		.access = late                           ? ACCESS_WRITE
		          : s->at == SLAB_AT_USABLE_SIZE ? ACCESS_READ
		                                         : ACCESS_FREE,
		.found_at = late ? found_at_text[s->at] : NULL,
		.expected = s->expected,
		.found = s->found,
		.entry = late ? NULL : entry_of(s),
		.api_used = s->api_used,
		.size_given = s->size,
		.detail = detail,
		.regs = s->have_regs ? &s->regs : NULL,
		.object = s->have_object ? &s->object : NULL,
		.fill = describe,
		/* For a pointer outside the arena, the report shows the bytes at the pointer. */
		.memory_lo = in_arena ? arena_base : 0,
		.memory_hi = in_arena ? arena_base + arena_size : UINTPTR_MAX,
	};

	/* The write that did this damage was reported when it happened. */
	if (late && was_reported(s))
		return;
	fmt_init(&b, detail, sizeof(detail));
	put_detail(&b, s);
	outcome = report_finding(&f);
	/* A program that ends by itself does so with its output and the option exitcode. */
	if (s->attack && s->at != SLAB_AT_EXIT && options.harden_fault == FAULT_PANIC && outcome != REPORT_SUPPRESSED)
		report_panic();
}
