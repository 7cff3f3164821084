/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/tables.c - a scan's tables: they are made from the heap's maps, and tell which object is at an address. */
#include "leak/leak_internal.h"

/* A picture of the tables is in mark.c. */

#define STACK_SHARE 1000
#define STACK_MIN ((size_t)256 << 10)
/* entries above max_stack, for the rest of large objects, which goes back to the stack however full it is */
#define STACK_SLACK (BATCH + 8u)
#define MEMORY_SHARE 50 /* what all tables may take of the heap: 2 % */
#define MEMORY_MIN ((uint64_t)4 << 20)
#define FAR (2 * PAGE_SIZE)
#define LEAN 50000u

/* ---- tables ---------------------------------------------------------------------------------- */

static void count_run(void *ctx, const struct slab_view_run *r)
{
	struct leak_scan *s = ctx;

	s->max_areas += r->cache == 0;
}

static void add_area(struct leak_scan *s, const struct slab_view_run *r)
{
	uint64_t off = r->addr - s->base;
	uint32_t i, first, last;

	/* A copy of the process does not change, but another process may. */
	if (s->nr_areas == s->max_areas || off % 16)
		return;
	s->areas[s->nr_areas] = (struct scan_area){ .start = off, .size = r->size, .noted = false };
	first = (uint32_t)(off >> PAGE_SHIFT);
	last = (uint32_t)((off + MAX(r->size, 1) - 1) >> PAGE_SHIFT);
	for (i = first; i <= last; i++)
		s->pages[i] = PAGE_AREA | s->nr_areas;
	/* A pointer one past the end, unless something else lies there. */
	if (r->size && (off + r->size) % PAGE_SIZE == 0 && off + r->size < s->used && !s->pages[last + 1])
		s->pages[last + 1] = PAGE_AREA | s->nr_areas;
	s->nr_areas++;
	scan_bit_set(s->white, off);
	s->stats.live++;
}

static void add_run(void *ctx, const struct slab_view_run *r)
{
	struct leak_scan *s = ctx;
	bool displaced;

	if (!r->cache) {
		add_area(s, r);
		return;
	}
	s->stats.live += slab_view_live_map(&s->heap, r, &s->white[(uint64_t)r->page * (PAGE_SIZE / 1024)], &displaced);
	for (uint32_t i = 0; i < r->nr_pages; i++)
		s->pages[r->page + i] = r->cache | i << PAGE_IN_SLAB_SHIFT |
		                        (displaced || s->caches[r->cache].empty ? PAGE_DISPLACED : 0);
}

static void copy_caches(struct leak_scan *s)
{
	for (uint32_t i = 1; i < s->heap.nr_caches; i++) {
		const struct slab_view_cache *c = &s->heap.caches[i];
		s->caches[i] = (struct scan_cache){ .reciprocal = c->reciprocal,
			                            .slot_size = c->slot_size,
			                            .offset = c->offset,
			                            .lead = c->lead,
			                            .object_size = c->object_size,
			                            .empty = c->user_size == 0,
			                            .nr_objects = c->nr_objects };
	}
}

/* One piece of memory holds all tables; pages that are never written cost nothing. */
static bool allocate_tables(struct leak_scan *s)
{
	size_t pages = ALIGN_UP((s->end >> PAGE_SHIFT) * sizeof(uint32_t) + 64, PAGE_SIZE);
	size_t bits = ALIGN_UP((s->end >> 7) + 64, PAGE_SIZE);
	size_t outside = ALIGN_UP(s->max_outside * sizeof(struct outside_object), PAGE_SIZE);
	size_t areas = ALIGN_UP((s->max_areas + s->max_outside + 1) * sizeof(struct scan_area), PAGE_SIZE);
	size_t notes = ALIGN_UP(SCAN_NOTES_MAX * sizeof(struct scan_note), PAGE_SIZE);
	size_t closed = s->mem->read_forced ? SCAN_CLOSED_MAX * sizeof(struct scan_span) : 0;
	size_t inner_pages = ALIGN_UP((s->end >> INNER_PAGE_SHIFT) + 1, PAGE_SIZE);
	size_t stack = ALIGN_UP(MAX(STACK_MIN, s->used / STACK_SHARE), PAGE_SIZE);
	size_t total = pages + inner_pages + 2 * bits + areas + outside + notes + closed + stack + SCAN_CHUNK;
	char *p = os_reserve(total, PAGE_SIZE);

	if (!p || !os_commit(p, total, s->used > ((uint64_t)64 << 20))) {
		if (p)
			os_release(p, total);
		return false;
	}
	s->memory = p;
	s->memory_size = total;
	s->white = (uint64_t *)p;
	s->pages = (uint32_t *)(p += bits);
	s->stack = (struct scan_span *)(p += pages);
	s->max_stack = stack / sizeof(struct scan_span) - STACK_SLACK;
	s->areas = (struct scan_area *)(p += stack);
	s->outside = (struct outside_object *)(p += areas);
	s->notes = (struct scan_note *)(p += outside);
	s->closed = (struct scan_span *)(p += notes);
	s->buffer = p += closed;
	s->inner_pages = (uint8_t *)(p += SCAN_CHUNK);
	s->inner = (uint64_t *)(p + inner_pages);
	return true;
}

struct leak_scan *leak_scan_create(const struct mem_view *mem, uint64_t root, const char **why)
{
	return leak_scan_create_with(mem, root, 0, why);
}

struct leak_scan *leak_scan_create_with(const struct mem_view *mem, uint64_t root, uint32_t nr_outside,
                                        const char **why)
{
	size_t size = ALIGN_UP(sizeof(struct leak_scan), PAGE_SIZE);
	struct leak_scan *s = os_reserve(size, PAGE_SIZE);

	*why = "no memory for the scan";
	if (!s)
		return NULL;
	if (!os_commit(s, size, false)) {
		os_release(s, size);
		return NULL;
	}
	s->mem = mem;
	s->far = FAR;
	s->lean_limit = LEAN;
	*why = slab_view_open(&s->heap, mem, root);
	if (!*why) {
		s->base = s->heap.base;
		s->used = s->heap.known;
		s->max_outside = nr_outside;
		s->outside_off = ALIGN_UP(s->used, (uint64_t)1 << 16);
		s->end = nr_outside ? ALIGN_UP(s->outside_off + ((uint64_t)nr_outside << PAGE_SHIFT), (uint64_t)1 << 16)
		                    : s->used;
		copy_caches(s);
		slab_view_runs(&s->heap, count_run, s);
		*why = allocate_tables(s) ? NULL : "no memory for the scan";
		scan_filter_set(s);
	}
	if (*why) {
		leak_scan_destroy(s);
		return NULL;
	}
	slab_view_runs(&s->heap, add_run, s);
	return s;
}

void leak_scan_destroy(struct leak_scan *s)
{
	if (s->memory)
		os_release(s->memory, s->memory_size);
	os_release(s, ALIGN_UP(sizeof(struct leak_scan), PAGE_SIZE));
}

const struct slab_view *leak_scan_heap(const struct leak_scan *s)
{
	return &s->heap;
}

uint64_t scan_resident(const struct leak_scan *s)
{
	return os_resident(s->memory, s->memory_size) +
	       (s->speculation ? os_resident(s->speculation, s->speculate_size) : 0);
}

bool scan_can_afford(const struct leak_scan *s, uint64_t bytes)
{
	return scan_resident(s) + bytes <= MAX(s->used / MEMORY_SHARE, MEMORY_MIN);
}

void leak_scan_get_stats(const struct leak_scan *s, struct leak_scan_stats *stats)
{
	mem_copy(stats, &s->stats, sizeof(*stats));
	stats->heap_bytes = s->used;
	stats->table_bytes = MAX(s->stats.table_bytes, scan_resident(s));
}

/* ---- from a word to an object ---------------------------------------------------------------- */

void scan_filter_set(struct leak_scan *s)
{
	uint64_t lo = s->base, hi = s->base + s->used - 1;

	if (s->nr_outside) {
		lo = MIN(lo, s->outside_from);
		hi = MAX(hi, s->outside_from + s->outside_span - 1);
	}
	arch_filter_set(&s->filter, (uint32_t)(lo >> 32), (uint32_t)(MIN(hi, (uint64_t)UINT32_MAX << 31) >> 32));
}

uint64_t scan_locate_whole(const struct leak_scan *s, uint64_t off)
{
	uint32_t info = s->pages[off >> PAGE_SHIFT];
	struct slab_object o;
	uint64_t start;
	bool cut = info & PAGE_AREA ? s->areas[info & ~PAGE_AREA].cut : (info & PAGE_CUT) != 0;

	if (!cut && off % 16 == 0 && scan_bit(s->white, off))
		return off | SCAN_FOUND;
	if (!slab_view_object(&s->heap, s->base + off, &o) || o.state != SLAB_OBJ_LIVE)
		return 0;
	start = o.addr - s->base;
	if (off < start || (cut && off - start >= MAX(o.size, 1)))
		return 0;
	return start | SCAN_FOUND | (off != start ? SCAN_INTERIOR : 0);
}

uint64_t scan_object_size(const struct leak_scan *s, uint64_t off)
{
	uint32_t info = s->pages[off >> PAGE_SHIFT];
	const struct scan_cache *c;
	uint64_t in_slab;

	if (info & PAGE_AREA)
		return s->areas[info & ~PAGE_AREA].size;
	c = &s->caches[PAGE_CACHE(info)];
	if (likely(!(info & PAGE_DISPLACED)))
		return c->object_size;
	if (c->empty)
		return 0;
	in_slab = scan_in_slab(c, info, off);
	return c->object_size - (in_slab - c->offset - ((in_slab * c->reciprocal) >> 40) * c->slot_size);
}

/* ---- the results: objects, one by one -------------------------------------------------------- */

void scan_visit(struct leak_scan *s, uint64_t off, enum leak_class class)
{
	s->visiting_outside = off >= s->used;
	s->visit(s->visit_ctx, scan_address(s, off), class);
}

bool leak_scan_visits_outside(const struct leak_scan *s)
{
	return s->visiting_outside;
}

void leak_scan_each(struct leak_scan *s, leak_visit_fn visit, void *ctx)
{
	s->visit = visit;
	s->visit_ctx = ctx;
	for (uint64_t i = 0; i < s->end >> 10; i++)
		for (uint64_t bits = s->white[i]; bits; bits &= bits - 1)
			scan_visit(s, i << 10 | (uint64_t)__builtin_ctzll(bits) << 4, LEAK_REACHABLE);
}
