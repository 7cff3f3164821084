/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/object.c - from any address to the object there or nearest to it. */
#include "slab/area.h"
#include "slab/arena.h"
#include "slab/cache.h"
#include "slab/key.h"
#include "slab/object.h"
#include "slab/slab.h"
#include "slab/track.h"
#include "slab/source.h"

/* ---- describing ------------------------------------------------------------------------------ */

/* byte: of a checked object. */
static enum slab_object_state slot_state(const struct slab_cache *c, struct slab *s, uint32_t i, uint8_t byte)
{
	if (i >= READ_ONCE(s->fresh) || (i == 0 && cache_is_zero(c)))
		return SLAB_OBJ_NONE;
	if (map_test(s->map, i))
		return SLAB_OBJ_FREE;
	if (c->fast)
		return state_is_live(c, slab_object_at(c, s, i)) ? SLAB_OBJ_LIVE : SLAB_OBJ_FREE;
	return byte & OBJECT_HELD ? SLAB_OBJ_QUARANTINED : byte & OBJECT_LIVE ? SLAB_OBJ_LIVE : SLAB_OBJ_FREE;
}

void object_describe(const struct slab_cache *c, struct slab *s, uint32_t i, struct slab_object *obj)
{
	const struct slab_track *t = track_of(c, s, i);
	uint8_t byte = c->fast ? 0 : LOAD_ACQUIRE(*slab_byte(c, s, i));
	uintptr_t object = slab_object_at(c, s, i), user = object_start(object, byte);

	mem_set(obj, 0, sizeof(*obj));
	obj->state = slot_state(c, s, i, byte);
	obj->addr = user;
	obj->object_size = c->object_size;
	obj->align_shift = c->fast ? 0 : (uint8_t)(1 + (byte & OBJECT_ALIGN));
	obj->size = cache_has_one_size(c) ? c->user_size : object + c->object_size - user;
	obj->slot = object - c->offset;
	obj->slot_size = c->slot_size;
	str_copy(obj->cache, c->name, sizeof(obj->cache));
	if (c->tail && obj->state == SLAB_OBJ_LIVE)
		obj->size = harden_size_seen(c, (void *)object);
	if (t) {
		struct slab_track copy = track_read(t);

		obj->tracked = track_when(&copy) != 0;
		obj->size = obj->tracked && !cache_has_one_size(c) ? MIN(obj->size, (size_t)copy.size) : obj->size;
		obj->api = (enum slab_api)copy.api;
		obj->alloc_stack = copy.alloc_stack;
		obj->free_stack = copy.free_stack;
		obj->alloc_thread = copy.alloc_thread;
		obj->free_thread = copy.free_thread;
		obj->when = track_when(&copy);
	}
}

void object_describe_area(const struct area *a, struct slab_object *obj)
{
	mem_set(obj, 0, sizeof(*obj));
	switch (READ_ONCE(a->state)) {
	case AREA_LIVE:
		obj->state = SLAB_OBJ_LIVE;
		break;
	case AREA_QUARANTINED:
		obj->state = SLAB_OBJ_QUARANTINED;
		break;
	case AREA_RETAINED:
		obj->state = SLAB_OBJ_FREE;
		break;
	default:
		obj->state = SLAB_OBJ_NONE;
	}
	if (obj->state == SLAB_OBJ_LIVE && !READ_ONCE(a->live))
		obj->state = SLAB_OBJ_FREE;
	obj->addr = READ_ONCE(a->addr);
	obj->size = READ_ONCE(a->size);
	obj->object_size = area_data_size(a);
	obj->slot = area_data(a);
	obj->slot_size = area_data_size(a);
	str_copy(obj->cache, READ_ONCE(a->api) == SLAB_API_PAGES ? "pages" : "vmalloc", sizeof(obj->cache));
	obj->large = true;
	obj->when = READ_ONCE(a->when);
	obj->tracked = obj->when != 0;
	obj->api = (enum slab_api)READ_ONCE(a->api);
	obj->align_shift = (uint8_t)(1 + READ_ONCE(a->align));
	obj->alloc_stack = READ_ONCE(a->alloc_stack);
	obj->free_stack = READ_ONCE(a->free_stack);
	obj->alloc_thread = READ_ONCE(a->alloc_thread);
	obj->free_thread = READ_ONCE(a->free_thread);
}

/* The distance of addr from the user's bytes of an object; 0: inside. */
static uintptr_t distance(const struct slab_object *obj, uintptr_t addr)
{
	if (addr < obj->addr)
		return obj->addr - addr;
	return addr < obj->addr + obj->size ? 0 : addr - (obj->addr + obj->size) + 1;
}

/* ---- the nearest object ---------------------------------------------------------------------- */

/* An address between objects belongs to the nearest one, live or freed, and to the live one at the same distance. That
 * object may be in another slab or area than the page of the address:
 *
 *     … | object | red zone | end of the slab |  area's guard | data … | slack | guard | unowned pages | red zone | …
 *
 * So the search visits the neighbors on both sides until it meets an object, or is farther away than the best one. A
 * page's owner may change meanwhile; then the answer is outdated, as all answers of this file may be. */

#define NEAR_PAGES 4096u /* a pointer that is farther from all objects belongs to none */

/* Takes `other` for *obj if it is the better answer. */
static void take_nearer(struct slab_object *obj, const struct slab_object *other, uintptr_t addr)
{
	uintptr_t have = distance(obj, addr), there = distance(other, addr);

	if (other->state == SLAB_OBJ_NONE)
		return;
	if (obj->state == SLAB_OBJ_NONE || there < have ||
	    (there == have && obj->state != SLAB_OBJ_LIVE && other->state == SLAB_OBJ_LIVE))
		mem_copy(obj, other, sizeof(*obj));
}

/* A freed object owns all of its slot's or area's bytes, because all of them were poisoned or guarded for it. */
static bool owns_freed(const struct slab_object *obj, uintptr_t from, uintptr_t size, uintptr_t addr)
{
	return (obj->state == SLAB_OBJ_FREE || obj->state == SLAB_OBJ_QUARANTINED) && addr - from < size;
}

static bool is_inside(const struct slab_object *obj, uintptr_t addr)
{
	return obj->state != SLAB_OBJ_NONE && distance(obj, addr) == 0;
}

static bool never_had_object(const struct slab_cache *c, const struct slab_object *obj)
{
	return obj->state == SLAB_OBJ_NONE || (obj->state == SLAB_OBJ_FREE && c->flags & SLAB_F_TRACK && !obj->tracked);
}

/* The object of the slab that is nearest to addr, in the slab. *obj stays without state if no slot was ever used. True:
 * addr is that object's. */
static bool find_in_slab(struct slab *s, const struct slab_cache *c, uintptr_t addr, struct slab_object *obj)
{
	uint32_t i = MIN(slab_index(c, s, addr), c->nr_objects - 1), fresh = READ_ONCE(s->fresh), k;
	struct slab_object other;

	object_describe(c, s, i, obj);
	if (is_inside(obj, addr) || owns_freed(obj, slab_object_at(c, s, i), c->object_size, addr))
		return true;
	for (k = i > 0 ? i - 1 : 0; k <= i + 1 && k < fresh; k++) {
		object_describe(c, s, k, &other);
		take_nearer(obj, &other, addr);
	}
	/* Slots that wait in a thread's bin for their first object would explain nothing. */
	if (fresh && never_had_object(c, obj)) {
		k = MIN(i, fresh - 1);
		do
			object_describe(c, s, k, &other);
		while (never_had_object(c, &other) && k-- > 0);
		if (obj->state == SLAB_OBJ_NONE || !never_had_object(c, &other))
			mem_copy(obj, &other, sizeof(*obj));
	}
	return is_inside(obj, addr);
}

struct pages {
	uint32_t first, end;
};

/* The object that is nearest to addr in the run that owns the page, and the pages of that run. False: nobody owns the
 * page. */
static bool find_in_run(uint32_t page, uintptr_t addr, struct slab_object *obj, struct pages *run, bool *certain)
{
	uint64_t w = arena_owner(page_address(page));

	*run = (struct pages){ page, page + 1 };
	*certain = false;
	obj->state = SLAB_OBJ_NONE;
	if ((w & OWNER_TAG) == OWNER_SLAB) {
		struct slab *s = OWNER_POINTER(w);
		const struct slab_cache *c = READ_ONCE(s->cache);

		if (!c || page - page_of(slab_start(c, s)) >= c->nr_pages)
			return false;
		run->first = page_of(slab_start(c, s));
		run->end = run->first + c->nr_pages;
		addr = MIN(MAX(addr, READ_ONCE(s->base)), page_address(run->end) - 1);
		*certain = find_in_slab(s, c, addr, obj);
		return true;
	}
	if ((w & OWNER_TAG) == OWNER_AREA) {
		const struct area *a = OWNER_POINTER(w);

		if (page - READ_ONCE(a->page) >= READ_ONCE(a->nr_pages))
			return false;
		run->first = READ_ONCE(a->page);
		run->end = run->first + READ_ONCE(a->nr_pages);
		object_describe_area(a, obj);
		*certain = is_inside(obj, addr) || owns_freed(obj, obj->slot, obj->slot_size, addr);
		return true;
	}
	if ((w & OWNER_TAG) == OWNER_FREE)
		run->end = page + (1u << (w >> 8 & 0xff));
	return false;
}

/* Looks for a nearer object beside the pages `run`, on one side. */
static void find_beside(struct pages run, bool left, uintptr_t addr, struct slab_object *obj)
{
	uint32_t end = page_of(arena_base + LOAD_ACQUIRE(arena_usable_size)), page = left ? run.first : run.end;
	bool certain;

	for (page = MIN(page, end); left ? page > 0 : page < end; page = left ? run.first : run.end) {
		uintptr_t edge = page_address(page), there = left ? addr - edge : edge - addr;
		struct slab_object other;

		if (there >= (uintptr_t)NEAR_PAGES << PAGE_SHIFT ||
		    (obj->state != SLAB_OBJ_NONE && there > distance(obj, addr)))
			return;
		if (!find_in_run(left ? page - 1 : page, addr, &other, &run, &certain))
			continue;
		take_nearer(obj, &other, addr);
		if (other.state != SLAB_OBJ_NONE)
			return;
	}
}

static bool find_in_arena(uintptr_t addr, struct slab_object *obj)
{
	struct pages run = { page_of(addr), page_of(addr) + 1 };
	bool owned = false, certain = false;

	mem_set(obj, 0, sizeof(*obj));
	if (arena_usable(addr)) {
		owned = find_in_run(run.first, addr, obj, &run, &certain);
		if (!owned && arena_owner(addr) & OWNER_USED_BEFORE)
			return false;
	}
	if (!certain) {
		find_beside(run, true, addr, obj);
		find_beside(run, false, addr, obj);
	}
	return owned || obj->state != SLAB_OBJ_NONE;
}

bool slab_find_object(uintptr_t addr, struct slab_object *obj)
{
	if (unlikely(READ_ONCE(object_sources_within)) && object_source_find(true, addr, obj))
		return true;
	if (arena_contains((void *)addr))
		return find_in_arena(addr, obj);
	return object_source_find(false, addr, obj);
}

bool slab_next_object(uintptr_t *at, struct slab_object *obj)
{
	for (uintptr_t a = MAX(*at, arena_base); arena_usable(a);) {
		struct slab *s = slab_of(a);
		const struct slab_cache *c = s ? READ_ONCE(s->cache) : NULL;
		uint32_t i;

		if (!c || a < slab_start(c, s)) {
			a = ALIGN_DOWN(a, PAGE_SIZE) + PAGE_SIZE;
			continue;
		}
		a = MAX(a, READ_ONCE(s->base));
		i = slab_index(c, s, a);
		if (i >= c->nr_objects || i >= READ_ONCE(s->fresh)) {
			a = MAX(slab_start(c, s) + ((uintptr_t)c->nr_pages << PAGE_SHIFT),
			        ALIGN_DOWN(a, PAGE_SIZE) + PAGE_SIZE);
			continue;
		}
		object_describe(c, s, i, obj);
		*at = MAX(obj->slot + obj->slot_size, a + 1);
		return true;
	}
	return false;
}
