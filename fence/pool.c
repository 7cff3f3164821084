/* SPDX-License-Identifier: BSD-2-Clause */
/* fence/pool.c - slots: pages between guard pages, each for one object.
 *
 *     | guard | data | guard | data | guard | …            slot i: guard i, data i; its right guard is slot i+1's left one
 *             ^ canary, object flush left or right, canary
 *
 * There is a range of slots for objects of 1, 2, 4 and 8 pages; sampling uses the first alone, with fence.num_objects slots.  All pages start
 * as guards, installed for megabytes at once, so an allocation is one system call (data becomes memory) and a free one (data becomes
 * guard again, and its memory goes back).  Free slots queue up and are taken oldest first: sampling uses every slot once before the first comes
 * again; fence=all keeps at least HELD slots in the queue, so that a stale pointer meets a guard for long.
 *
 * Without guard regions (before Linux 6.13) pages are protected instead.  Each open slot then is a mapping of its own, and when the kernel
 * gives no more (vm.max_map_count) fence=all becomes sampling, with one line.
 *
 * State of a slot: UNUSED ─► LIVE ─► FREED ─► LIVE …  An atomic exchange out of LIVE decides who frees it.
 */
#include "config.h"

#include "fence/fence_internal.h"

#define ALL_HELD 65536u
#define ALL_SLOTS ((size_t)4 << 20)
#define STEP_BYTES ((size_t)4 << 20)

uintptr_t fence_base;
size_t fence_size;
bool fence_all, fence_sampling;

struct slot_range {
	uintptr_t base;
	size_t stride, nr_max;
	unsigned pages;                 /* of data */
	struct os_stepped slots;        /* struct fence_slot each */
	uintptr_t ready;                /* pages below are usable; under pool_lock */
	uint32_t fresh;                 /* slots from here on were never used; under pool_lock, read without */
	uint32_t first, last, nr_free;  /* queue of freed slots, index + 1; under pool_lock */
};
static struct slot_range ranges[FENCE_RANGES];

/* Guards fresh slots and the queues.  System calls that make pages usable are made under it, nothing else. */
static struct ranked_lock pool_lock = RANKED_LOCK_INIT(LOCK_RANK_LEAF);

static bool told_no_mappings; /* atomic */

/* ---- addresses ---------------------------------------------------------------------------------------------------------------- */

static struct slot_range *range_of(uintptr_t addr)
{
	for (unsigned k = 0; k < FENCE_RANGES; k++)
		if (ranges[k].nr_max && addr - ranges[k].base < ranges[k].nr_max * ranges[k].stride + PAGE_SIZE)
			return &ranges[k];
	return NULL;
}

static struct fence_slot *slot_at(const struct slot_range *r, size_t i)
{
	return (struct fence_slot *)r->slots.base + i;
}

static uintptr_t slot_data(const struct slot_range *r, const struct fence_slot *s)
{
	return r->base + (size_t)(s - slot_at(r, 0)) * r->stride + PAGE_SIZE;
}

static bool slot_known(const struct slot_range *r, size_t i)
{
	return i < __atomic_load_n(&r->fresh, __ATOMIC_ACQUIRE);
}

/* The slot whose data pages or left guard hold addr; *guard: it is the guard. */
static struct fence_slot *slot_of(uintptr_t addr, struct slot_range **range, bool *guard)
{
	struct slot_range *r = range_of(addr);
	size_t i;

	if (!r)
		return NULL;
	*range = r;
	i = (addr - r->base) / r->stride;
	*guard = (addr - r->base) % r->stride < PAGE_SIZE;
	return slot_known(r, i) ? slot_at(r, i) : NULL;
}

/* ---- pages -------------------------------------------------------------------------------------------------------------------- */

static bool page_open(struct slot_range *r, uintptr_t p, size_t n)
{
	(void)r;
	if (os_guard_supported())
		return os_guard_remove((void *)p, n);
	return os_unprotect((void *)p, n);
}

/* Its memory goes back.  Locked pages cannot become guards; they are not the program's any more. */
static void page_close(uintptr_t p, size_t n)
{
	if (os_guard_install((void *)p, n))
		return;
	os_decommit((void *)p, n);
	if (os_guard_supported() && os_guard_install((void *)p, n))
		return;
	os_protect_none((void *)p, n);
}

/* Under pool_lock: pages up to `end` are usable, and guards. */
static bool range_reach(struct slot_range *r, uintptr_t end)
{
	size_t n;

	if (end <= r->ready)
		return true;
	n = MIN(ALIGN_UP(end - r->ready, STEP_BYTES), r->base + r->nr_max * r->stride + PAGE_SIZE - r->ready);
	if (os_guard_supported() && (!os_commit((void *)r->ready, n, false) || !os_guard_install((void *)r->ready, n)))
		return false;
	r->ready += n;
	return true;
}

/* ---- slots -------------------------------------------------------------------------------------------------------------------- */

static struct fence_slot *slot_fresh(struct slot_range *r)
{
	size_t i = r->fresh;

	if (i == r->nr_max || !os_stepped_reach(&r->slots, (i + 1) * sizeof(struct fence_slot)) ||
	    !range_reach(r, r->base + (i + 1) * r->stride + PAGE_SIZE))
		return NULL;
	__atomic_store_n(&r->fresh, (uint32_t)i + 1, __ATOMIC_RELEASE);
	return slot_at(r, i);
}

static struct fence_slot *slot_oldest(struct slot_range *r)
{
	struct fence_slot *s = r->first ? slot_at(r, r->first - 1) : NULL;

	if (!s)
		return NULL;
	r->first = s->next;
	if (!r->first)
		r->last = 0;
	r->nr_free--;
	return s;
}

static struct fence_slot *slot_take(struct slot_range *r)
{
	struct fence_slot *s = NULL;

	lock_acquire(&pool_lock);
	if (!fence_all || r->nr_free < ALL_HELD)
		s = slot_fresh(r);
	if (!s)
		s = slot_oldest(r);
	lock_release(&pool_lock);
	return s;
}

static void slot_put(struct slot_range *r, struct fence_slot *s)
{
	uint32_t index = (uint32_t)(s - slot_at(r, 0)) + 1;

	lock_acquire(&pool_lock);
	s->next = 0;
	if (r->last)
		slot_at(r, r->last - 1)->next = index;
	else
		r->first = index;
	r->last = index;
	r->nr_free++;
	lock_release(&pool_lock);
}

/* ---- canaries ------------------------------------------------------------------------------------------------------------------ */

/* KFENCE's: 0xaa, with the low bits of the address in it. */
static uint8_t canary_at(uintptr_t addr)
{
	return (uint8_t)(0xaa ^ (addr & 7));
}
#define CANARY_WORD 0xadacafaea9a8abaau

typedef uint64_t canary_word __attribute__((may_alias));
#define CANARY_BLOCK (8 * sizeof(canary_word))

static void canary_fill(uintptr_t from, uintptr_t to)
{
	for (; from < to && (from & 7); from++)
		*(uint8_t *)from = canary_at(from);
	for (; from + 8 <= to; from += 8)
		*(canary_word *)from = CANARY_WORD;
	for (; from < to; from++)
		*(uint8_t *)from = canary_at(from);
}

static bool canary_block_good(const canary_word *w)
{
	const canary_word c = CANARY_WORD;

	return (((w[0] ^ c) | (w[1] ^ c)) | ((w[2] ^ c) | (w[3] ^ c)) | ((w[4] ^ c) | (w[5] ^ c)) | ((w[6] ^ c) | (w[7] ^ c))) == 0;
}

/* The first byte in [from, to) that is no canary; `bytes` are what is there, as aligned as `from`. */
static uintptr_t canary_find_bad(uintptr_t from, uintptr_t to, const uint8_t *bytes)
{
	for (uintptr_t at = from; at < to;) {
		if (!(at & 7) && at + CANARY_BLOCK <= to && canary_block_good((const canary_word *)(bytes + (at - from)))) {
			at += CANARY_BLOCK;
			continue;
		}
		if (bytes[at - from] != canary_at(at))
			return at;
		at++;
	}
	return 0;
}

/* KFENCE fills the whole page.  When every allocation is fenced that would be a tenth of its time, for damage that lies far off. */
#define CANARY_SPAN_ALL 512

static uintptr_t canary_start(const struct slot_range *r, const struct fence_slot *s)
{
	uintptr_t data = slot_data(r, s);

	return s->short_canary && s->addr - data > CANARY_SPAN_ALL ? s->addr - CANARY_SPAN_ALL : data;
}

static uintptr_t canary_end(const struct slot_range *r, const struct fence_slot *s)
{
	uintptr_t end = slot_data(r, s) + (r->pages << PAGE_SHIFT), object = s->addr + s->size;

	return s->short_canary && end - object > CANARY_SPAN_ALL ? object + CANARY_SPAN_ALL : end;
}

static bool canary_check(const struct slot_range *r, const struct fence_slot *s, const char *found_at, const struct unwind_regs *regs)
{
	uintptr_t start = canary_start(r, s), bad = canary_find_bad(start, s->addr, (uint8_t *)start);

	if (!bad)
		bad = canary_find_bad(s->addr + s->size, canary_end(r, s), (uint8_t *)(s->addr + s->size));
	if (bad)
		fence_report_corruption(bad, canary_at(bad), *(uint8_t *)bad, found_at, regs);
	return bad == 0;
}

/* ---- allocation ----------------------------------------------------------------------------------------------------------------- */

/* Where in its pages an object of that size goes. */
static uintptr_t slot_place(const struct slot_range *r, uintptr_t data, size_t size, size_t align)
{
	bool right = options.fence_side == FENCE_SIDE_RIGHT;

	if (options.fence_side == FENCE_SIDE_AUTO)
		right = fence_all || (gate_random() & 1);
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

	if (size > max || align > PAGE_SIZE)
		return NULL;
	for (unsigned k = 0; k < FENCE_RANGES; k++)
		if (size <= ranges[k].pages << PAGE_SHIFT && ranges[k].nr_max)
			return &ranges[k];
	return NULL;
}

static void pool_without_mappings(void)
{
	if (!fence_all || __atomic_exchange_n(&told_no_mappings, true, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&fence_all, false, __ATOMIC_RELAXED);
	report_line("fence=all: the kernel gives no more mappings (vm.max_map_count) after %llu fenced objects; the rest is sampled",
	            (unsigned long long)live_counters.fence_live);
}

static void slot_stamp(struct fence_slot *s, uintptr_t addr, size_t size, enum slab_api api, stack_handle stack)
{
	s->addr = addr;
	s->size = (uint32_t)size;
	s->api = (uint8_t)api;
	s->opened = 0;
	s->short_canary = fence_all;
	s->alloc_stack = stack;
	s->free_stack = 0;
	s->alloc_thread = thread_index();
	s->free_thread = 0;
	s->when = jiffies_now();
}

/* The pool is that full (percent), and this stack has an object in it already. */
static bool skip_covered(stack_handle stack)
{
	const struct slot_range *r = &ranges[0];
	uint64_t live = __atomic_load_n(&live_counters.fence_live, __ATOMIC_RELAXED);

	if (fence_all || live * 100 < options.fence_skip_covered_thresh * r->nr_max || !covered_has(stack))
		return false;
	__atomic_fetch_add(&live_counters.fence_skipped_covered, 1, __ATOMIC_RELAXED);
	return true;
}

static bool slot_ready(struct slot_range *r, struct fence_slot *s)
{
	uintptr_t data = slot_data(r, s);

	/* Opened after a report: what was written there since goes. */
	if (s->opened & SLOT_OPENED_DATA)
		page_close(data, r->pages << PAGE_SHIFT);
	return page_open(r, data, r->pages << PAGE_SHIFT);
}

void *fence_alloc(size_t size, size_t align, enum slab_api api, const struct unwind_regs *regs)
{
	struct slot_range *r = range_for(size, align);
	struct fence_slot *s;
	stack_handle stack;
	uintptr_t data, addr;

	if (!r)
		return NULL;
	stack = regs ? unwind_save(regs) : 0;
	if (skip_covered(stack) || !only_matches(stack))
		return NULL;
	s = slot_take(r);
	if (!s) {
		__atomic_fetch_add(&live_counters.fence_skipped_capacity, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	if (!slot_ready(r, s)) {
		slot_put(r, s);
		pool_without_mappings();
		return NULL;
	}
	data = slot_data(r, s);
	addr = slot_place(r, data, size, align);
	slot_stamp(s, addr, size, api, stack);
	canary_fill(canary_start(r, s), addr);
	canary_fill(addr + size, canary_end(r, s));
	covered_add(stack, 1);
	__atomic_fetch_add(&live_counters.fence_live, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&live_counters.fence_allocs, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&s->state, SLOT_LIVE, __ATOMIC_RELEASE);
	return (void *)addr;
}

/* ---- free -------------------------------------------------------------------------------------------------------------------------- */

static void slot_close(struct slot_range *r, struct fence_slot *s)
{
	uintptr_t data = slot_data(r, s);
	size_t n = r->pages << PAGE_SHIFT;

	page_close(data, n);
	if (s->opened & SLOT_OPENED_LEFT)
		page_close(data - PAGE_SIZE, PAGE_SIZE);
	if (s->opened & SLOT_OPENED_RIGHT)
		page_close(data + n, PAGE_SIZE);
	s->opened = 0;
}

static struct fence_slot *slot_live(const void *p, struct slot_range **r)
{
	bool guard;
	struct fence_slot *s = slot_of((uintptr_t)p, r, &guard);

	return s && !guard && s->addr == (uintptr_t)p && __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == SLOT_LIVE ? s : NULL;
}

void fence_free(void *p, enum slab_api api, size_t size_given, const struct unwind_regs *regs)
{
	struct slot_range *r;
	struct fence_slot *s = slot_live(p, &r);
	uint32_t live = SLOT_LIVE;

	if (s && options.mode == MODE_CHECK)
		fence_check_api(s, api, size_given, regs);
	if (!s || !__atomic_compare_exchange_n(&s->state, &live, SLOT_FREED, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
		fence_report_bad_free((uintptr_t)p, api, regs);
		return;
	}
	canary_check(r, s, "on free", regs);
	s->free_stack = regs ? unwind_save(regs) : 0;
	s->free_thread = thread_index();
	s->when = jiffies_now();
	covered_add(s->alloc_stack, -1);
	slot_close(r, s);
	__atomic_fetch_sub(&live_counters.fence_live, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&live_counters.fence_frees, 1, __ATOMIC_RELAXED);
	slot_put(r, s);
}

size_t fence_usable_size(const void *p, enum slab_api *api)
{
	struct slot_range *r;
	const struct fence_slot *s = slot_live(p, &r);

	if (s && api)
		*api = (enum slab_api)s->api;
	return s ? s->size : SIZE_MAX;
}

/* ---- views -------------------------------------------------------------------------------------------------------------------------- */

static void slot_describe(const struct slot_range *r, const struct fence_slot *s, struct slab_object *obj)
{
	struct fmt_buf b;

	mem_set(obj, 0, sizeof(*obj));
	obj->state = __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == SLOT_LIVE ? SLAB_OBJ_LIVE : SLAB_OBJ_QUARANTINED;
	obj->addr = s->addr;
	obj->size = s->size;
	obj->object_size = r->pages << PAGE_SHIFT;
	obj->slot = slot_data(r, s);
	obj->slot_size = obj->object_size;
	fmt_init(&b, obj->cache, sizeof(obj->cache));
	fmt_printf(&b, "fence-#%zu", (size_t)(s - slot_at(r, 0)));
	obj->tracked = true;
	obj->api = (enum slab_api)s->api;
	obj->alloc_stack = s->alloc_stack;
	obj->free_stack = s->free_stack;
	obj->alloc_thread = s->alloc_thread;
	obj->free_thread = s->free_thread;
	obj->when = s->when;
}

/* In a guard page: the nearer neighbour, a live one before a freed one. */
static struct fence_slot *slot_nearest(const struct slot_range *r, uintptr_t addr)
{
	size_t i = (addr - r->base) / r->stride;
	struct fence_slot *right = slot_known(r, i) ? slot_at(r, i) : NULL, *left = i && slot_known(r, i - 1) ? slot_at(r, i - 1) : NULL;

	if (right && !__atomic_load_n(&right->state, __ATOMIC_ACQUIRE))
		right = NULL;
	if (left && !__atomic_load_n(&left->state, __ATOMIC_ACQUIRE))
		left = NULL;
	if (!left || !right)
		return left ? left : right;
	if ((left->state == SLOT_LIVE) != (right->state == SLOT_LIVE))
		return left->state == SLOT_LIVE ? left : right;
	return addr - (left->addr + left->size) < right->addr - addr ? left : right;
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

bool fence_open_page(uintptr_t addr)
{
	struct slot_range *r = NULL;
	struct fence_slot *s = slot_for(addr, &r);
	uintptr_t page = ALIGN_DOWN(addr, PAGE_SIZE), data;

	if (!r || page >= __atomic_load_n(&r->ready, __ATOMIC_RELAXED))
		return false;
	if (s) {
		data = slot_data(r, s);
		__atomic_fetch_or(&s->opened, page < data ? SLOT_OPENED_LEFT : page < data + (r->pages << PAGE_SHIFT) ? SLOT_OPENED_DATA
		                                                                                              : SLOT_OPENED_RIGHT,
		                  __ATOMIC_RELAXED);
	}
	return page_open(r, page, PAGE_SIZE);
}

void fence_for_each_live(void (*fn)(void *ctx, uintptr_t addr, size_t size), void *ctx)
{
	for (unsigned k = 0; k < FENCE_RANGES; k++)
		for (size_t i = 0; slot_known(&ranges[k], i); i++) {
			const struct fence_slot *s = slot_at(&ranges[k], i);

			if (__atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == SLOT_LIVE)
				fn(ctx, s->addr, s->size);
		}
}

/* Another thread may free the object meanwhile, so the bytes are read as one reads memory that may go away. */
static bool slot_verify(const struct slot_range *r, const struct fence_slot *s, const char *found_at, const struct unwind_regs *regs)
{
	uint8_t bytes[512] __attribute__((aligned(8)));
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
			uintptr_t bad = parts[k][0] < parts[k][1] ? canary_find_bad(parts[k][0], parts[k][1], bytes + (parts[k][0] - at)) : 0;

			if (!bad || __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) != SLOT_LIVE)
				continue;
			fence_report_corruption(bad, canary_at(bad), bytes[bad - at], found_at, regs);
			return false;
		}
	}
	return true;
}

size_t fence_check_all(const char *found_at, const struct unwind_regs *regs)
{
	size_t bad = 0;

	for (unsigned k = 0; k < FENCE_RANGES; k++)
		for (size_t i = 0; slot_known(&ranges[k], i); i++) {
			const struct fence_slot *s = slot_at(&ranges[k], i);

			if (__atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == SLOT_LIVE && !slot_verify(&ranges[k], s, found_at, regs))
				bad++;
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

/* ---- start-up -------------------------------------------------------------------------------------------------------------------------- */

static size_t range_bytes(size_t slots, unsigned pages)
{
	return slots * ((pages + 1) << PAGE_SHIFT) + PAGE_SIZE;
}

static size_t slots_of(unsigned k, size_t slots)
{
	return k == 0 ? slots : fence_all && (size_t)PAGE_SIZE << (k - 1) < options.fence_max_size ? slots >> k : 0;
}

/* All ranges in one reserve, so that "is it ours" is one compare. */
static bool pool_reserve(size_t slots)
{
	size_t total = 0, at;
	void *p;

	for (unsigned k = 0; k < FENCE_RANGES; k++)
		total += range_bytes(slots_of(k, slots), 1u << k);
	p = os_reserve(total, PAGE_SIZE);
	if (!p)
		return false;
	at = (uintptr_t)p;
	for (unsigned k = 0; k < FENCE_RANGES; k++) {
		struct slot_range *r = &ranges[k];

		r->nr_max = slots_of(k, slots);
		if (r->nr_max && !os_stepped_init(&r->slots, ALIGN_UP(r->nr_max * sizeof(struct fence_slot), PAGE_SIZE),
		                                  fence_all ? (size_t)64 << 10 : PAGE_SIZE))
			r->nr_max = 0;
		r->pages = 1u << k;
		r->stride = (r->pages + 1) << PAGE_SHIFT;
		r->base = r->ready = at;
		at += range_bytes(slots_of(k, slots), r->pages);
	}
	fence_base = (uintptr_t)p;
	fence_size = total;
	return true;
}

bool fence_init(void)
{
	uint64_t room = os_address_space_limit();
	size_t slots;

	fence_all = options.fence == FENCE_ALL;
	if (options.fence == FENCE_OFF || (!fence_all && !options.fence_sample_interval && !options.fence_sample_rate))
		return false;
	slots = fence_all ? ALL_SLOTS : options.fence_num_objects;
	/* Under a limit of address space a pool must leave the program its own. */
	while (slots > 16 && range_bytes(slots, 1) * 4 > room)
		slots /= 2;
	while (!pool_reserve(slots) && slots > 16)
		slots /= 2;
	if (!fence_size)
		return false;
	lock_register_for_fork(&pool_lock);
	covered_init(fence_all ? 0 : slots);
	only_init();
	gate_init();
	for (unsigned k = 0; k < FENCE_RANGES; k++)
		live_counters.fence_slots += ranges[k].nr_max;
	fence_sampling = true;
	return true;
}
