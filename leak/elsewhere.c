/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/elsewhere.c - objects that slab knows nothing of, read through a view: fenced ones, and those of the program's own pools. */
#include "leak/leak_internal.h"

/* The slots of the fence are described by offsets (struct slab_slots), since they are another folder's; the pools' table is registered.c's.  A process
 * that was damaged may have anything there: what is not plausible is left out, and no list is followed for ever. */

#define SLOTS_AT_ONCE 64u
#define SLOT_SIZE_MAX 128u
#define SLOTS_MAX (1u << 24)
#define OBJECTS_MAX (1u << 22)

struct reading {
	const struct mem_view *mem;
	const struct slab_view *heap;
	void (*fn)(void *ctx, const struct slab_object *o, bool pooled);
	void *ctx;
};

static uint32_t field(const uint8_t *slot, uint32_t at)
{
	uint32_t value;

	mem_copy(&value, slot + at, sizeof(value));
	return value;
}

/* False: it was never used. */
static bool describe_slot(const struct slab_slots *l, const uint8_t *slot, uint32_t number, struct slab_object *o)
{
	uint32_t state = field(slot, l->state);
	struct fmt_buf b;
	uint64_t addr;

	mem_copy(&addr, slot + l->addr, sizeof(addr));
	*o = (struct slab_object){ .state = state == l->live ? SLAB_OBJ_LIVE : SLAB_OBJ_QUARANTINED, .tracked = true, .api = SLAB_API_MALLOC };
	o->addr = o->slot = addr;
	o->size = o->object_size = o->slot_size = field(slot, l->length);
	o->alloc_stack = field(slot, l->stack);
	o->alloc_thread = field(slot, l->thread);
	o->free_stack = field(slot, l->free_stack);
	o->free_thread = field(slot, l->free_thread);
	o->when = field(slot, l->when);
	fmt_init(&b, o->cache, sizeof(o->cache));
	fmt_printf(&b, "fence-#%u", number);
	return state && addr;
}

static void read_slot(const struct reading *x, const struct slab_slots *l, const uint8_t *slot, uint32_t number)
{
	struct slab_object o;

	if (describe_slot(l, slot, number, &o) && o.state == SLAB_OBJ_LIVE && o.size)
		x->fn(x->ctx, &o, false);
}

static bool layout_plausible(const struct slab_slots *l)
{
	const uint32_t at[] = { l->state, l->length, l->stack, l->thread, l->when, l->free_stack, l->free_thread };
	bool inside = l->addr + 8 <= l->slot_size;

	for (unsigned i = 0; i < ARRAY_SIZE(at); i++)
		inside = inside && at[i] < l->slot_size && at[i] + 4 <= l->slot_size;
	return inside && l->slot_size <= SLOT_SIZE_MAX && l->addr < l->slot_size && l->nr_ranges <= 16 && l->range_size <= 4096;
}

static void read_range(const struct reading *x, const struct slab_slots *l, uint64_t range)
{
	uint8_t slots[SLOTS_AT_ONCE * SLOT_SIZE_MAX];
	uint64_t table;
	uint32_t used;

	if (!view_read(x->mem, &table, range + l->table, sizeof(table)) || !view_read(x->mem, &used, range + l->used, sizeof(used)) ||
	    used > SLOTS_MAX)
		return;
	for (uint32_t first = 0; first < used; first += SLOTS_AT_ONCE) {
		uint32_t n = MIN(used - first, SLOTS_AT_ONCE);
		n = (uint32_t)(x->mem->read(x->mem, slots, table + (uint64_t)first * l->slot_size, (size_t)n * l->slot_size) / l->slot_size);
		for (uint32_t i = 0; i < n; i++)
			read_slot(x, l, slots + i * l->slot_size, first + i);
	}
}

/* Memory that was given back as a whole may have had objects in it that were not. */
static bool still_there(const struct reading *x, uint64_t addr)
{
	struct slab_object o;
	uint8_t byte;

	if (addr - x->heap->base < x->heap->used)
		return slab_view_object(x->heap, addr, &o) && o.state == SLAB_OBJ_LIVE;
	return view_read(x->mem, &byte, addr, 1);
}

static void read_pools(const struct reading *x, const struct leak_directory *r)
{
	uint64_t buckets = 0, at;
	struct leak_registered_object e;
	uint32_t seen = 0;

	if (r->pool_object_size != sizeof(e) || r->nr_pool_buckets != POOL_BUCKETS || !view_read(x->mem, &buckets, r->pools, sizeof(buckets)) || !buckets)
		return;
	for (uint32_t i = 0; i < POOL_BUCKETS; i++) {
		if (!view_read(x->mem, &at, buckets + i * sizeof(at), sizeof(at)))
			continue;
		for (; at && seen < OBJECTS_MAX && view_read(x->mem, &e, at, sizeof(e)); at = (uint64_t)(uintptr_t)e.next, seen++) {
			struct slab_object o, named;
			if (!e.addr || !e.size || !still_there(x, e.addr))
				continue;
			pool_describe(&e, &o);
			if (slab_view_mempool_at(x->heap, e.addr, &named)) /* one of memsan_pool_alloc's: its pool's name */
				str_copy(o.cache, named.cache, sizeof(o.cache));
			x->fn(x->ctx, &o, true);
		}
	}
}

static bool directory_read(const struct mem_view *mem, uint64_t root, struct leak_directory *r)
{
	return view_read(mem, r, root, sizeof(*r)) && mem_compare(r->magic, LEAK_DIRECTORY_MAGIC, sizeof(r->magic)) == 0 && r->version == LEAK_DIRECTORY_VERSION;
}

bool leak_elsewhere_each(const struct slab_view *heap, uint64_t root, void (*fn)(void *ctx, const struct slab_object *o, bool pooled), void *ctx)
{
	struct reading x = { heap->mem, heap, fn, ctx };
	struct leak_directory r;

	if (!directory_read(x.mem, root, &r))
		return false;
	read_pools(&x, &r);
	if (!layout_plausible(&r.slots))
		return false;
	for (uint32_t i = 0; i < r.slots.nr_ranges; i++)
		read_range(&x, &r.slots, r.slots.ranges + (uint64_t)i * r.slots.range_size);
	return true;
}

/* ---- whose an address of the fence's is --------------------------------------------------------------------------------------------------- */

struct fenced_range { uint64_t base, stride, table; uint32_t used; };

static bool slot_at(const struct mem_view *mem, const struct slab_slots *l, const struct fenced_range *g, uint64_t i, struct slab_object *o)
{
	uint8_t slot[SLOT_SIZE_MAX];

	return i < g->used && view_read(mem, slot, g->table + i * l->slot_size, l->slot_size) && describe_slot(l, slot, (uint32_t)i, o);
}

/* In a guard page: the nearer neighbour, a live one before a freed one, as the fence itself says it. */
static bool slot_beside_guard(const struct mem_view *mem, const struct slab_slots *l, const struct fenced_range *g, uint64_t i, uint64_t addr,
                              struct slab_object *o)
{
	struct slab_object left;
	bool right = slot_at(mem, l, g, i, o);

	if (!i || !slot_at(mem, l, g, i - 1, &left))
		return right;
	if (!right || (left.state == SLAB_OBJ_LIVE) > (o->state == SLAB_OBJ_LIVE) ||
	    (left.state == o->state && addr - (left.addr + left.size) < o->addr - addr))
		*o = left;
	return true;
}

bool leak_elsewhere_find(const struct mem_view *mem, uint64_t root, uint64_t addr, struct slab_object *o, bool *guard)
{
	struct leak_directory r;
	const struct slab_slots *l = &r.slots;

	if (!directory_read(mem, root, &r) || !layout_plausible(l))
		return false;
	for (uint32_t k = 0; k < l->nr_ranges; k++) {
		uint64_t range = l->ranges + (uint64_t)k * l->range_size, i;
		struct fenced_range g;
		if (!view_read(mem, &g.base, range + l->base, 8) || !view_read(mem, &g.stride, range + l->stride, 8) ||
		    !view_read(mem, &g.table, range + l->table, 8) || !view_read(mem, &g.used, range + l->used, 4) || g.stride < 2 * PAGE_SIZE ||
		    g.used > SLOTS_MAX || addr < g.base)
			continue;
		i = (addr - g.base) / g.stride;
		*guard = (addr - g.base) % g.stride < PAGE_SIZE;
		if (i > g.used || (i == g.used && !*guard))
			continue;
		return *guard ? slot_beside_guard(mem, l, &g, i, addr, o) : slot_at(mem, l, &g, i, o);
	}
	return false;
}
