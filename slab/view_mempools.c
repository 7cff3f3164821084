/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/view_mempools.c - objects of the program's pools (mempool.c), read through a view. */
#include "slab/mempool.h"
#include "slab/slab.h"

/* A process may change while it is read, and a core file may contain anything. So a table must have a plausible size,
 * and no probe goes around more than once. Of an entry's pointers only the one to its pool is followed. */

#define SLOTS_AT_ONCE 256u
#define TABLE_MAX (1u << 26)

struct reading {
	const struct slab_view *view;
	uint64_t slots;
	uint32_t size;
	uint64_t mempool_at;
	struct slab_mempool pool;
};

static bool table_open(const struct slab_view *v, struct reading *x)
{
	struct mempool_table t;
	uint64_t at;

	*x = (struct reading){ .view = v };
	if (!v->directory.pools || !view_read(v->mem, &at, v->directory.pools, sizeof(at)) || !at ||
	    !view_read(v->mem, &t, at, sizeof(t)))
		return false;
	x->slots = at + sizeof(t);
	x->size = t.size;
	return t.size && t.size <= TABLE_MAX && (t.size & (t.size - 1)) == 0;
}

static bool entry_read(struct reading *x, uint64_t at, struct mempool_object *o)
{
	uint64_t pool;

	if (at <= MEMPOOL_TOMBSTONE || !view_read(x->view->mem, o, at, sizeof(*o)))
		return false;
	pool = (uint64_t)(uintptr_t)o->pool;
	if (pool != x->mempool_at && !view_read(x->view->mem, &x->pool, pool, sizeof(x->pool)))
		return false;
	x->mempool_at = pool;
	x->pool.name[sizeof(x->pool.name) - 1] = 0;
	return true;
}

/* The byte read may have any value, which a bool may not. */
static bool entry_live(const struct mempool_object *o)
{
	uint8_t live;

	mem_copy(&live, &o->live, sizeof(live));
	return live != 0;
}

bool slab_view_mempool_at(const struct slab_view *v, uint64_t addr, struct slab_object *obj)
{
	struct mempool_object o;
	struct reading x;
	uint64_t at;

	if (!table_open(v, &x))
		return false;
	for (uint32_t i = mempool_table_slot(x.size, addr), n = 0; n < x.size; i = (i + 1) & (x.size - 1), n++) {
		if (!view_read(v->mem, &at, x.slots + (uint64_t)i * sizeof(at), sizeof(at)) || !at)
			return false;
		if (!entry_read(&x, at, &o) || o.addr != addr)
			continue;
		mempool_object_describe(&o, &x.pool, entry_live(&o), obj);
		return true;
	}
	return false;
}

/* A live object is preferred. Of two objects that share a red zone the nearer is taken, as in mempool.c. */
bool slab_view_mempool_object(const struct slab_view *v, uint64_t addr, struct slab_object *obj)
{
	uint64_t slots[SLOTS_AT_ONCE], best = UINT64_MAX;
	struct mempool_object o;
	struct reading x;

	if (!table_open(v, &x))
		return false;
	for (uint32_t first = 0; first < x.size; first += SLOTS_AT_ONCE) {
		size_t n = v->mem->read(v->mem, slots, x.slots + first * sizeof(slots[0]),
		                        MIN(x.size - first, SLOTS_AT_ONCE) * sizeof(slots[0]));
		for (size_t i = 0; i < n / sizeof(slots[0]); i++) {
			uint64_t rank;

			if (!entry_read(&x, slots[i], &o) || !mempool_object_holds(&o, &x.pool, addr))
				continue;
			rank = (uint64_t)!entry_live(&o) << 63 | mempool_object_distance(&o, addr) >> 1;
			if (rank >= best)
				continue;
			best = rank;
			mempool_object_describe(&o, &x.pool, entry_live(&o), obj);
		}
	}
	return best != UINT64_MAX;
}

void mempool_object_describe(const struct mempool_object *o, const struct slab_mempool *pool, bool live,
                             struct slab_object *obj)
{
	mem_set(obj, 0, sizeof(*obj));
	obj->state = live ? SLAB_OBJ_LIVE : SLAB_OBJ_QUARANTINED;
	obj->addr = o->addr;
	obj->size = obj->object_size = o->size;
	obj->slot = o->addr - pool->redzone;
	obj->slot_size = o->size + 2 * pool->redzone;
	str_copy(obj->cache, pool->name, sizeof(obj->cache));
	obj->api = SLAB_API_POOL;
	obj->tracked = o->when != 0;
	obj->alloc_stack = o->alloc_stack;
	obj->free_stack = o->free_stack;
	obj->alloc_thread = o->alloc_thread;
	obj->free_thread = o->free_thread;
	obj->when = o->when;
}
