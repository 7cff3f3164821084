/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/sources.c - the objects of other sources than slab, read through a view: in a scan's copy of the process, in
 * another process, in a core file (both halves). */
#include "leak/leak_internal.h"

#include "fence/layout.h"

/* A source (slab/source.h) is known here by its layout's name, and read by the functions that this file has for that
 * name.  A process that was damaged may have anything in its tables: what is not plausible is left out, and no list is
 * followed for ever. */

#define OBJECTS_MAX (1u << 22)

/* ---- registered objects: registered.c's table ------------------------------------------------ */

static bool registered_known(const struct object_layout *l)
{
	return l->nr == REGISTERED_BUCKETS && l->state_size == sizeof(uint64_t) &&
	       l->object_size == sizeof(struct leak_registered_object);
}

/* Memory that was given back as a whole may have had objects in it that were not.  Without the heap's maps every object
 * counts. */
static bool still_there(const struct leak_sources *x, uint64_t addr)
{
	struct slab_object o;
	uint8_t byte;

	if (!x->heap)
		return true;
	if (addr - x->heap->base < x->heap->used)
		return slab_view_object(x->heap, addr, &o) && o.state == SLAB_OBJ_LIVE;
	/* A view of this very process loads from any address. */
	return x->mem->here ? os_page_readable((void *)(uintptr_t)addr) : view_read(x->mem, &byte, addr, 1);
}

static void describe(const struct leak_sources *x, const struct leak_registered_object *e, struct slab_object *o)
{
	struct slab_object named;

	registered_describe(e, o);
	if (x->heap && slab_view_mempool_at(x->heap, e->addr, &named)) /* one of memsan_pool_alloc's: its pool's name */
		str_copy(o->cache, named.cache, sizeof(o->cache));
}

static bool entry_read(const struct leak_sources *x, uint64_t at, uint32_t *seen, struct leak_registered_object *e)
{
	return at && ++*seen <= OBJECTS_MAX && view_read(x->mem, e, at, sizeof(*e));
}

static uint64_t next_entry(const struct leak_registered_object *e)
{
	return (uint64_t)(uintptr_t)e->next;
}

static void registered_each(const struct leak_sources *x, const struct object_layout *l, leak_source_fn fn, void *ctx)
{
	uint64_t buckets = 0, at;
	struct leak_registered_object e;
	struct slab_object o;
	uint32_t seen = 0;

	if (!view_read(x->mem, &buckets, l->state, sizeof(buckets)) || !buckets)
		return;
	for (uint32_t i = 0; i < REGISTERED_BUCKETS; i++) {
		if (!view_read(x->mem, &at, buckets + i * sizeof(at), sizeof(at)))
			continue;
		for (; entry_read(x, at, &seen, &e); at = next_entry(&e)) {
			if (!e.addr || !e.size || !still_there(x, e.addr))
				continue;
			describe(x, &e, &o);
			fn(ctx, &o, true);
		}
	}
}

static bool registered_at(const struct leak_sources *x, const struct object_layout *l, uint64_t addr,
                          struct slab_object *o)
{
	struct leak_registered_object e;
	uint64_t buckets = 0, at = 0;
	uint32_t seen = 0;

	if (!view_read(x->mem, &buckets, l->state, sizeof(buckets)) || !buckets)
		return false;
	view_read(x->mem, &at, buckets + registered_bucket(addr) * sizeof(at), sizeof(at));
	for (; entry_read(x, at, &seen, &e); at = next_entry(&e))
		if (e.addr == addr) {
			describe(x, &e, o);
			return true;
		}
	return false;
}

/* ---- fenced objects -------------------------------------------------------------------------- */

struct each {
	leak_source_fn fn;
	void *ctx;
};

static void fenced_object(void *ctx, const struct slab_object *o)
{
	const struct each *x = ctx;

	x->fn(x->ctx, o, false);
}

static void fenced_each(const struct leak_sources *x, const struct object_layout *l, leak_source_fn fn, void *ctx)
{
	struct each each = { fn, ctx };

	fence_view_each(x->mem, l, fenced_object, &each);
}

static bool fenced_at(const struct leak_sources *x, const struct object_layout *l, uint64_t addr, struct slab_object *o)
{
	bool guard;

	return fence_view_find(x->mem, l, addr, o, &guard) && o->addr == addr && o->state == SLAB_OBJ_LIVE;
}

static bool fenced_near(const struct leak_sources *x, const struct object_layout *l, uint64_t addr,
                        struct slab_object *o, bool *guard)
{
	return fence_view_find(x->mem, l, addr, o, guard);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static const struct reader {
	const char *name;
	bool (*known)(const struct object_layout *l);
	void (*each)(const struct leak_sources *x, const struct object_layout *l, leak_source_fn fn, void *ctx);
	bool (*at)(const struct leak_sources *x, const struct object_layout *l, uint64_t addr, struct slab_object *o);
	bool (*near)(const struct leak_sources *x, const struct object_layout *l, uint64_t addr, struct slab_object *o,
	             bool *guard);
} readers[LEAK_SOURCES] = {
	{ REGISTERED_LAYOUT, registered_known, registered_each, registered_at, NULL },
	{ FENCE_LAYOUT, fence_layout_known, fenced_each, fenced_at, fenced_near },
};

bool leak_sources_open(struct leak_sources *x, const struct mem_view *mem, const struct slab_view *heap, uint64_t root)
{
	struct leak_directory r;
	struct object_layout l;

	*x = (struct leak_sources){ .mem = mem, .heap = heap };
	if (!leak_directory_read(mem, root, &r))
		return false;
	for (uint32_t i = 0; i < OBJECT_SOURCES_MAX; i++) {
		if (!view_read(mem, &l, r.layouts + i * sizeof(l), sizeof(l)))
			return false;
		l.name[sizeof(l.name) - 1] = '\0';
		for (unsigned k = 0; k < LEAK_SOURCES; k++)
			if (str_equal(l.name, readers[k].name) && readers[k].known(&l))
				x->layouts[k] = l;
	}
	return true;
}

static bool is_there(const struct leak_sources *x, unsigned k)
{
	return x->layouts[k].name[0] != '\0';
}

void leak_sources_each(const struct leak_sources *x, leak_source_fn fn, void *ctx)
{
	for (unsigned k = 0; k < LEAK_SOURCES; k++)
		if (is_there(x, k))
			readers[k].each(x, &x->layouts[k], fn, ctx);
}

bool leak_sources_at(void *sources, uint64_t addr, struct slab_object *o)
{
	const struct leak_sources *x = sources;

	for (unsigned k = 0; k < LEAK_SOURCES; k++)
		if (is_there(x, k) && readers[k].at(x, &x->layouts[k], addr, o))
			return true;
	return false;
}

bool leak_sources_near(const struct leak_sources *x, uint64_t addr, struct slab_object *o, bool *guard)
{
	for (unsigned k = 0; k < LEAK_SOURCES; k++)
		if (is_there(x, k) && readers[k].near && readers[k].near(x, &x->layouts[k], addr, o, guard))
			return true;
	return false;
}
