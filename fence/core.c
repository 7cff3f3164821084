/* SPDX-License-Identifier: BSD-2-Clause */
/* fence/core.c - fenced objects: allocated into slots (slots.c) between canaries (canary.c), freed, found again.
 *
 * State of a slot: UNUSED ─► LIVE ─► FREED ─► LIVE …  An atomic exchange out of LIVE decides who frees it.
 */
#include "config.h"

#include "fence/fence_internal.h"

/* As many slots as fit into 64 GiB of addresses. */
#define ALL_SLOTS ((size_t)8 << 20)

static bool told_no_mappings; /* atomic */

static bool slot_told(const struct fence_slot *s)
{
	return __atomic_load_n(&s->opened, __ATOMIC_RELAXED) & SLOT_TOLD;
}

/* How many bytes of the canary a store overwrote that began at `bad`: up to the last bad byte before `to`. */
static size_t damage_size(uintptr_t bad, uintptr_t to)
{
	uint8_t bytes[512] __attribute__((aligned(8)));
	uintptr_t last = bad, found;

	for (uintptr_t at = ALIGN_DOWN(bad, sizeof(bytes)); at < to; at += sizeof(bytes)) {
		uintptr_t from = MAX(at, bad), end = MIN(at + sizeof(bytes), to);

		if (os_safe_read(bytes, (void *)from, end - from) != end - from)
			break;
		found = canary_find_last_bad(from, end, bytes);
		last = found ? found : last;
	}
	return last - bad + 1;
}

static bool canary_check(const struct slot_range *r, const struct fence_slot *s, const char *found_at,
                         const struct unwind_regs *regs)
{
	uintptr_t start = canary_start(r, s), end = canary_end(r, s), bad;
	struct slab_object object;

	if (slot_told(s))
		return false;
	bad = canary_find_bad(start, s->addr, (uint8_t *)start);
	if (!bad)
		bad = canary_find_bad(s->addr + s->size, end, (uint8_t *)(s->addr + s->size));
	if (bad && fence_find_object(bad, &object))
		fence_report_corruption(&object, bad, damage_size(bad, bad < s->addr ? s->addr : end), *(uint8_t *)bad,
		                        found_at, regs);
	return bad != 0;
}

/* ---- allocation ------------------------------------------------------------------------------ */

/* With fence=all, how often each allocation stack has had an object; stacks share counters.  Two threads that count at
 * once may have one turn both, which costs nothing but a turn. */
#define TURNS 4096u
static __large_bss uint8_t turns[TURNS];

/* A guard page stands on one side of an object only.  So that one run sees both sides of what a place in the program
 * allocates, one object in four of each stack lies at the left, beginning with its second; the others lie at the right,
 * because programs run over the end of an object more often than over its beginning. */
static bool turn_is_right(stack_handle stack)
{
	uint8_t *turn = &turns[(uint32_t)(stack * 0x9e3779b9u) >> 20], n = READ_ONCE(*turn);

	WRITE_ONCE(*turn, (uint8_t)(n + 1));
	return n % 4 != 1;
}

/* The address in its slot's pages at which an object of that size is placed. */
static uintptr_t slot_place(const struct slot_range *r, uintptr_t data, size_t size, size_t align, stack_handle stack)
{
	bool right = options.fence_side == FENCE_SIDE_RIGHT;

	if (options.fence_side == FENCE_SIDE_AUTO)
		right = fence_all ? turn_is_right(stack) : gate_random() & 1;
	else if (options.fence_side == FENCE_SIDE_RANDOM)
		right = gate_random() & 1;
	if (!right)
		return data;
	align = align > 16 ? MAX(align, options.fence_align) : options.fence_align;
	return ALIGN_DOWN(data + (r->pages << PAGE_SHIFT) - MAX(size, 1), align);
}

static struct slot_range *range_for(size_t size, size_t align)
{
	size_t max = fence_all ? options.fence_max_size : PAGE_SIZE;

	/* slab's objects of 0 bytes lie against guards anyway. */
	if (size == 0 || size > max || align > PAGE_SIZE)
		return NULL;
	for (unsigned k = 0; k < FENCE_RANGES; k++)
		if (size <= fence_ranges[k].pages << PAGE_SHIFT && fence_ranges[k].nr_max)
			return &fence_ranges[k];
	return NULL;
}

static void pool_without_mappings(void)
{
	if (!fence_all || __atomic_exchange_n(&told_no_mappings, true, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&fence_all, false, __ATOMIC_RELAXED);
	report_line("fence=all: %s after %llu fenced objects; the rest is sampled",
	            os_filter_set() ? "the program's filter of system calls forbids guard pages"
	                            : "the kernel gives no more mappings (vm.max_map_count)",
	            (unsigned long long)live_counters.fence_live);
}

static void slot_stamp(struct fence_slot *s, uintptr_t addr, size_t size, size_t align, enum slab_api api,
                       stack_handle stack)
{
	s->addr = addr;
	s->size = (uint32_t)size;
	s->owner = 0;
	s->api = (uint8_t)api & 0xf;
	s->align = (unsigned)(__builtin_ctzl(align) - 4) & 0xf;
	s->opened = 0;
	s->short_canary = fence_all;
	s->alloc_stack = stack;
	s->free_stack = 0;
	s->alloc_thread = thread_index();
	s->free_thread = 0;
	s->when = jiffies_now();
}

/* Makes the object's shadow good, for instrumented code.  Bytes to its left in its first granule become good too; only
 * the canary guards those. */
static void slot_shadow_live(const struct slot_range *r, const struct fence_slot *s)
{
	uintptr_t data = slot_data(r, s), start = ALIGN_DOWN(s->addr, 8);

	slab_shadow->live(data, data + (r->pages << PAGE_SHIFT), start, s->addr + s->size - start, false);
}

/* Is the pool as full as fence.skip_covered_thresh says, and does it already hold an object of this stack? */
static bool skip_covered(stack_handle stack)
{
	const struct slot_range *r = &fence_ranges[0];
	uint64_t live = __atomic_load_n(&live_counters.fence_live, __ATOMIC_RELAXED);

	if (fence_all || live * 100 < options.fence_skip_covered_thresh * r->nr_max || !covered_has(stack))
		return false;
	__atomic_fetch_add(&live_counters.fence_skipped_covered, 1, __ATOMIC_RELAXED);
	return true;
}

void *fence_alloc(size_t size, size_t align, enum slab_api api, const struct unwind_regs *regs)
{
	struct slot_range *r = range_for(size, align);
	struct fence_slot *s;
	stack_handle stack;
	uintptr_t data, addr;
	bool no_mappings;

	if (!r)
		return NULL;
	stack = regs ? unwind_save(regs) : 0;
	if (skip_covered(stack) || !filter_matches_only(stack))
		return NULL;
	s = slot_take(r, &no_mappings);
	if (!s) {
		if (no_mappings)
			pool_without_mappings();
		return NULL;
	}
	data = slot_data(r, s);
	addr = slot_place(r, data, size, align, stack);
	slot_stamp(s, addr, size, align, api, stack);
	canary_fill(canary_start(r, s), addr);
	canary_fill(addr + size, canary_end(r, s));
	/* A stale pointer may have written to a slot that was opened ahead. */
	if (fence_all && r->pages == 1)
		mem_set((void *)addr, 0, size);
	slot_shadow_live(r, s);
	covered_add(stack, 1);
	__atomic_store_n(&s->state, SLOT_LIVE, __ATOMIC_RELEASE);
	return (void *)addr;
}

/* ---- free ------------------------------------------------------------------------------------ */

/* False: the program changed the pages, and the kernel gives no others. */
static bool slot_close(struct slot_range *r, struct fence_slot *s)
{
	uintptr_t data = slot_data(r, s);
	size_t n = r->pages << PAGE_SHIFT;
	bool usable = likely(!(s->opened & SLOT_CHANGED)) || os_renew((void *)data, n, false);

	page_close(data, n);
	if (s->opened & SLOT_OPENED_LEFT)
		page_close(data - PAGE_SIZE, PAGE_SIZE);
	if (s->opened & SLOT_OPENED_RIGHT)
		page_close(data + n, PAGE_SIZE);
	if (s->opened)
		slab_guard_count_closed();
	s->opened = 0;
	return usable;
}

static struct fence_slot *slot_live(const void *p, struct slot_range **r)
{
	bool guard;
	struct fence_slot *s = slot_of((uintptr_t)p, r, &guard);

	return s && !guard && s->addr == (uintptr_t)p && __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == SLOT_LIVE
	               ? s
	               : NULL;
}

static void report_bad_free(const void *p, enum slab_api api, const char *entry, const struct unwind_regs *regs)
{
	struct slab_object object;
	bool have = fence_find_object((uintptr_t)p, &object);

	fence_report_bad_free(have ? &object : NULL, (uintptr_t)p, api, entry, regs);
}

void fence_report_bad_pointer(const void *p, const char *entry, const struct unwind_regs *regs)
{
	report_bad_free(p, SLAB_API_MALLOC, entry, regs);
}

void fence_report_bad_size_query(const void *p, const struct unwind_regs *regs)
{
	struct slab_object object;
	bool have = fence_find_object((uintptr_t)p, &object);

	fence_report_bad_query(have ? &object : NULL, (uintptr_t)p, "malloc_usable_size", regs);
}

static enum slab_api family(enum slab_api api)
{
	return api == SLAB_API_MEMALIGN ? SLAB_API_MALLOC : api;
}

/* In production slab cannot tell malloc's objects from new's, so fence does not compare those families then either.
 * The other families are compared in both modes. */
static bool family_matters(enum slab_api a, enum slab_api b)
{
	return options.mode == MODE_CHECK || a >= SLAB_API_CACHE || b >= SLAB_API_CACHE;
}

/* Is the object freed by another family's function, or with another size? */
static void check_api(const struct fence_slot *s, enum slab_api api, size_t size_given, const struct unwind_regs *regs)
{
	enum slab_api own = family((enum slab_api)s->api);
	bool aligned = s->align && (api == SLAB_API_NEW || api == SLAB_API_NEW_ARRAY);
	bool mismatch = api != SLAB_API_CHECKED && (own != family(api) || aligned) && family_matters(own, api);
	struct slab_object object;

	if (!mismatch && (options.mode != MODE_CHECK || size_given == SIZE_MAX || size_given == s->size))
		return;
	if (fence_find_object(s->addr, &object))
		fence_report_mismatch(&object, mismatch ? REPORT_ALLOC_DEALLOC_MISMATCH : REPORT_SIZED_DELETE_MISMATCH,
		                      api, size_given, regs);
}

void fence_free(void *p, enum slab_api api, size_t size_given, const struct unwind_regs *regs)
{
	struct slot_range *r;
	struct fence_slot *s;
	uint32_t live = SLOT_LIVE;
	stack_handle stack;

	/* Prefetches the canaries: they arrive while the stack is walked. */
	if (fence_all)
		canary_prefetch((uintptr_t)p);
	s = slot_live(p, &r);
	if (s)
		check_api(s, api, size_given, regs);
	if (!s ||
	    !__atomic_compare_exchange_n(&s->state, &live, SLOT_FREED, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
		report_bad_free(p, api, NULL, regs);
		return;
	}
	stack = regs ? unwind_save(regs) : 0;
	canary_check(r, s, "on free", regs);
	s->free_stack = stack;
	s->free_thread = thread_index();
	s->when = jiffies_now();
	covered_add(s->alloc_stack, -1);
	slab_shadow->bad(slot_data(r, s), r->pages << PAGE_SHIFT, SLAB_MARK_FREED);
	if (likely(slot_close(r, s)))
		slot_put(r, s);
	else
		slot_lose();
}

/* The slot remembers that its damage was reported, so the free does not report it again. */
void fence_verify_moving(const void *p, const struct unwind_regs *regs)
{
	struct slot_range *r;
	struct fence_slot *s = slot_live(p, &r);

	if (s && canary_check(r, s, "on realloc", regs))
		__atomic_fetch_or(&s->opened, SLOT_TOLD, __ATOMIC_RELAXED);
}

size_t fence_usable_size(const void *p, enum slab_api *api)
{
	struct slot_range *r;
	const struct fence_slot *s = slot_live(p, &r);

	if (s && api)
		*api = (enum slab_api)s->api;
	return s ? s->size : SIZE_MAX;
}

/* ---- views ----------------------------------------------------------------------------------- */

static void slot_describe(const struct slot_range *r, const struct fence_slot *s, struct slab_object *obj)
{
	fence_slot_describe(r, s, (size_t)(s - slot_at(r, 0)), obj);
}

/* addr is in a guard page. */
static struct fence_slot *slot_nearest(const struct slot_range *r, uintptr_t addr)
{
	size_t i = (addr - r->base) / r->stride;

	return fence_slot_nearest(i && slot_known(r, i - 1) ? slot_at(r, i - 1) : NULL,
	                          slot_known(r, i) ? slot_at(r, i) : NULL, addr);
}

static struct fence_slot *slot_for(uintptr_t addr, struct slot_range **r)
{
	bool guard = false;
	struct fence_slot *s = slot_of(addr, r, &guard);

	if (guard && *r)
		return slot_nearest(*r, addr);
	return s && __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) ? s : NULL;
}

bool fence_find_object(uintptr_t addr, struct slab_object *obj)
{
	struct slot_range *r = NULL;
	const struct fence_slot *s = slot_for(addr, &r);

	if (s)
		slot_describe(r, s, obj);
	return s != NULL;
}

void fence_note_changed(uintptr_t addr, size_t n, bool mapping)
{
	uintptr_t page = MAX(ALIGN_DOWN(addr, PAGE_SIZE), fence_base);
	uintptr_t end = addr + n < addr ? UINTPTR_MAX : addr + n;

	for (; page < end && fence_contains((void *)page); page += PAGE_SIZE) {
		struct slot_range *r = NULL;
		bool guard = false;
		struct fence_slot *s = slot_of(page, &r, &guard);

		if (s && !guard && __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == SLOT_LIVE)
			__atomic_fetch_or(&s->opened, mapping ? SLOT_CHANGED | SLOT_TOLD : SLOT_TOLD, __ATOMIC_RELAXED);
	}
}

bool fence_is_data(uintptr_t addr, bool *certain)
{
	struct slot_range *r = NULL;
	const struct fence_slot *s;
	bool guard = false;

	s = slot_of(addr, &r, &guard);
	if (!s || guard || __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) != SLOT_LIVE)
		return false;
	*certain = __atomic_load_n(&s->opened, __ATOMIC_RELAXED) & SLOT_CHANGED;
	return true;
}

bool fence_open_page(uintptr_t addr)
{
	struct slot_range *r = NULL;
	struct fence_slot *s = slot_for(addr, &r);
	uintptr_t page = ALIGN_DOWN(addr, PAGE_SIZE), data;

	if (!r || page >= __atomic_load_n(&r->ready, __ATOMIC_RELAXED))
		return false;
	if (s) {
		data = slot_data(r, s);
		__atomic_fetch_or(&s->opened,
		                  page < data                              ? SLOT_OPENED_LEFT
		                  : page < data + (r->pages << PAGE_SHIFT) ? SLOT_OPENED_DATA
		                                                           : SLOT_OPENED_RIGHT,
		                  __ATOMIC_RELAXED);
	}
	/* A guard that does not go away would fault again, at the same instruction: a new page takes its place. */
	return (slot_reach_page(page) && page_open(page, PAGE_SIZE)) || os_renew((void *)page, PAGE_SIZE, false);
}

/* ---- ranges: what libc's functions and the kernel are told to access ------------------------- */

uintptr_t fence_find_bad(const void *p, size_t n)
{
	uintptr_t addr = (uintptr_t)p, end;
	struct slot_range *r = NULL;
	const struct fence_slot *s;
	bool guard = false;

	if (n == 0)
		return 0;
	s = slot_of(addr, &r, &guard);
	if (guard && r)
		return slot_nearest(r, addr) ? addr : 0;
	if (!s || !__atomic_load_n(&s->state, __ATOMIC_ACQUIRE))
		return 0;
	end = s->addr + s->size;
	if (__atomic_load_n(&s->state, __ATOMIC_ACQUIRE) != SLOT_LIVE || addr < s->addr || addr >= end)
		return addr;
	return n > end - addr ? end : 0;
}

#define OPEN_AT_ONCE ((size_t)1 << 20)

void fence_open_range(uintptr_t addr, size_t n)
{
	uintptr_t end = addr + MIN(n, OPEN_AT_ONCE);

	for (uintptr_t page = ALIGN_DOWN(addr, PAGE_SIZE); page < end && fence_contains((void *)page);
	     page += PAGE_SIZE) {
		struct slot_range *r = NULL;
		bool guard = false;
		const struct fence_slot *s = slot_of(page, &r, &guard);

		if (r && (guard || !s || __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) != SLOT_LIVE))
			fence_open_page(page);
	}
}

void fence_report_range(uintptr_t addr, size_t n, uintptr_t bad, enum report_access access, const char *entry,
                        const struct unwind_regs *regs)
{
	struct slot_range *r = NULL;
	struct fence_slot *s = slot_for(bad, &r);
	const struct fence_access a = {
		.addr = addr,
		.size = n,
		.bad = bad,
		.access = access,
		.entry = entry,
		.regs = regs,
	};
	struct slab_object object;

	/* A fault in the same call may have reported this already. */
	if (s && !report_was_fault(bad, n - (bad - addr))) {
		slot_describe(r, s, &object);
		fence_report_access(&object, &a);
	}
	if (s && access == ACCESS_WRITE)
		__atomic_fetch_or(&s->opened, SLOT_TOLD, __ATOMIC_RELAXED);
	fence_open_range(bad, n - (bad - addr));
	/* A search should have stopped at this byte.  libc's own search goes on until it finds what it looks for,
	 * through the canary and into the guard behind it. */
	if (s && access == ACCESS_READ && bad == addr + n - 1 && bad >= s->addr)
		fence_open_range(slot_data(r, s) + (r->pages << PAGE_SHIFT), PAGE_SIZE);
}

void fence_set_owner(void *p, uint32_t owner)
{
	struct slot_range *r = NULL;
	struct fence_slot *s = slot_for((uintptr_t)p, &r);

	if (s)
		__atomic_store_n(&s->owner, owner, __ATOMIC_RELAXED);
}

uint32_t fence_owner(const void *p)
{
	struct slot_range *r = NULL;
	const struct fence_slot *s = slot_for((uintptr_t)p, &r);

	return s && s->addr == (uintptr_t)p && __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == SLOT_LIVE
	               ? __atomic_load_n(&s->owner, __ATOMIC_RELAXED)
	               : 0;
}

void fence_for_each_live(void (*fn)(void *ctx, uintptr_t addr, size_t size), void *ctx)
{
	for (unsigned k = 0; k < FENCE_RANGES; k++)
		for (size_t i = 0; slot_known(&fence_ranges[k], i); i++) {
			const struct fence_slot *s = slot_at(&fence_ranges[k], i);

			if (__atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == SLOT_LIVE)
				fn(ctx, s->addr, s->size);
		}
}

/* Another thread may free the object meanwhile, so the bytes are read by reads that may fail. */
static bool slot_verify(const struct slot_range *r, const struct fence_slot *s, const char *found_at,
                        const struct unwind_regs *regs)
{
	uint8_t bytes[512] __attribute__((aligned(8)));
	struct slab_object object;
	uintptr_t data = slot_data(r, s), end = data + (r->pages << PAGE_SHIFT);

	for (uintptr_t at = data; at < end; at += sizeof(bytes)) {
		uintptr_t hi = at + sizeof(bytes);
		uintptr_t parts[2][2] = { { MAX(at, canary_start(r, s)), MIN(hi, s->addr) },
			                  { MAX(at, s->addr + s->size), MIN(hi, canary_end(r, s)) } };

		if (parts[0][0] >= parts[0][1] && parts[1][0] >= parts[1][1])
			continue;
		if (os_safe_read(bytes, (void *)at, sizeof(bytes)) != sizeof(bytes))
			return true;
		for (unsigned k = 0; k < 2; k++) {
			uintptr_t bad = parts[k][0] < parts[k][1]
			                        ? canary_find_bad(parts[k][0], parts[k][1], bytes + (parts[k][0] - at))
			                        : 0;

			if (!bad || __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) != SLOT_LIVE || slot_told(s))
				continue;
			slot_describe(r, s, &object);
			fence_report_corruption(&object, bad, damage_size(bad, k ? canary_end(r, s) : s->addr),
			                        bytes[bad - at], found_at, regs);
			return false;
		}
	}
	return true;
}

/* The short canaries of many live objects, read by one system call. Alone, each object takes three. */
#define BATCH 16u
_Static_assert(2 * BATCH <= OS_COPIES_MAX, "a call reads both canaries of a batch");

struct batch {
	uint32_t n;
	const struct fence_slot *slots[BATCH];
	struct os_copy copies[2 * BATCH];
	uint8_t bytes[2 * BATCH][CANARY_SPAN_ALL + 8] __attribute__((aligned(8)));
};
static __large_bss struct batch batch;
static bool batch_taken; /* atomic. It stays set in a fork's child if another thread had taken it. */

/* As in memory, so that whole words are compared. */
static void batch_part(struct batch *b, uint32_t k, uintptr_t from, uintptr_t to)
{
	b->copies[k] = (struct os_copy){ b->bytes[k] + from % 8, (void *)from, to - from };
}

static bool batch_part_good(const struct batch *b, uint32_t k)
{
	uintptr_t from = (uintptr_t)b->copies[k].src;

	return !canary_find_bad(from, from + b->copies[k].n, b->copies[k].dst);
}

/* What is not known to be good is looked at alone. */
static size_t batch_verify(const struct slot_range *r, struct batch *b, const char *found_at,
                           const struct unwind_regs *regs)
{
	size_t bad = 0, copied = os_safe_read_many(b->copies, (size_t)b->n * 2);

	for (uint32_t i = 0; i < b->n; i++)
		if (i >= copied / 2 || !batch_part_good(b, 2 * i) || !batch_part_good(b, 2 * i + 1))
			bad += !slot_verify(r, b->slots[i], found_at, regs);
	b->n = 0;
	return bad;
}

static bool batch_add(const struct slot_range *r, struct batch *b, const struct fence_slot *s)
{
	uintptr_t addr = s->addr, start = canary_start(r, s), end = canary_end(r, s), after = addr + s->size;

	/* Another thread may change the slot. */
	if (!s->short_canary || addr - start > CANARY_SPAN_ALL || end - after > CANARY_SPAN_ALL)
		return false;
	b->slots[b->n] = s;
	batch_part(b, 2 * b->n, start, addr);
	batch_part(b, 2 * b->n + 1, after, end);
	b->n++;
	return true;
}

static size_t range_verify(const struct slot_range *r, struct batch *b, const char *found_at,
                           const struct unwind_regs *regs)
{
	size_t bad = 0;

	for (size_t i = 0; slot_known(r, i); i++) {
		const struct fence_slot *s = slot_at(r, i);

		if (__atomic_load_n(&s->state, __ATOMIC_ACQUIRE) != SLOT_LIVE)
			continue;
		if (!b || !batch_add(r, b, s))
			bad += !slot_verify(r, s, found_at, regs);
		else if (b->n == BATCH)
			bad += batch_verify(r, b, found_at, regs);
	}
	return bad + (b ? batch_verify(r, b, found_at, regs) : 0);
}

size_t fence_check_all(const char *found_at, const struct unwind_regs *regs)
{
	bool many = fence_all && __atomic_load_n(&live_counters.fence_live, __ATOMIC_RELAXED) > BATCH;
	struct batch *b = many && !__atomic_exchange_n(&batch_taken, true, __ATOMIC_ACQUIRE) ? &batch : NULL;
	size_t bad = 0;

	for (unsigned k = 0; k < FENCE_RANGES; k++)
		bad += range_verify(&fence_ranges[k], b, found_at, regs);
	if (b) {
		/* In a static program this is a root of a scan for leaks. */
		mem_set(b, 0, sizeof(*b));
		__atomic_store_n(&batch_taken, false, __ATOMIC_RELEASE);
	}
	return bad;
}

void fence_get_stats(struct fence_stats *s)
{
	s->live = __atomic_load_n(&live_counters.fence_live, __ATOMIC_RELAXED);
	s->allocs = __atomic_load_n(&live_counters.fence_allocs, __ATOMIC_RELAXED);
	s->frees = __atomic_load_n(&live_counters.fence_frees, __ATOMIC_RELAXED);
	s->bugs = __atomic_load_n(&live_counters.fence_bugs, __ATOMIC_RELAXED);
	s->skipped_covered = __atomic_load_n(&live_counters.fence_skipped_covered, __ATOMIC_RELAXED);
	s->skipped_capacity = __atomic_load_n(&live_counters.fence_skipped_capacity, __ATOMIC_RELAXED);
	s->slots = live_counters.fence_slots;
}

/* ---- start-up -------------------------------------------------------------------------------- */

static const struct object_source source = {
	.find = fence_find_object,
	.open = fence_open_page,
	.layout = {
		.name = FENCE_LAYOUT,
		.state = (uintptr_t)fence_ranges,
		.nr = FENCE_RANGES,
		.state_size = sizeof(struct slot_range),
		.object_size = sizeof(struct fence_slot),
	},
};

bool fence_init(void)
{
	size_t slots;

	fence_all = options.fence == FENCE_ALL;
	if (options.fence == FENCE_OFF || (!fence_all && !options.fence_sample_interval && !options.fence_sample_rate))
		return false;
	slots = slots_init(fence_all ? ALL_SLOTS : options.fence_num_objects);
	if (!slots)
		return false;
	live_counters.fence_slots = slots;
	if (!fence_all)
		covered_init(fence_ranges[0].nr_max);
	filter_init();
	gate_init();
	object_source_register(&source);
	fence_sampling = true;
	return true;
}
