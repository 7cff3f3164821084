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
	if (i >= READ_ONCE(s->fresh))
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
	obj->size = cache_is_custom(c) ? c->user_size : object + c->object_size - user;
	obj->slot = object - c->offset;
	obj->slot_size = c->slot_size;
	str_copy(obj->cache, c->name, sizeof(obj->cache));
	if (c->tail && obj->state == SLAB_OBJ_LIVE)
		obj->size = harden_size_seen(c, (void *)object);
	if (t) {
		struct slab_track copy = track_read(t);

		obj->tracked = track_when(&copy) != 0;
		obj->size = obj->tracked && !cache_is_custom(c) ? MIN(obj->size, (size_t)copy.size) : obj->size;
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

/* In a left red zone the object before it may be nearer. That object is also taken if this slot never held an
 * object. */
static bool find_in_slab(struct slab *s, uintptr_t addr, struct slab_object *obj)
{
	const struct slab_cache *c = READ_ONCE(s->cache);
	struct slab_object before;
	uint32_t i;

	if (!c || addr - READ_ONCE(s->base) >= (uintptr_t)c->nr_pages << PAGE_SHIFT)
		return false;
	i = MIN(slab_index(c, s, addr), c->nr_objects - 1);
	object_describe(c, s, i, obj);
	if (i > 0 && addr < slab_object_at(c, s, i)) {
		object_describe(c, s, i - 1, &before);
		if (before.state != SLAB_OBJ_NONE &&
		    (obj->state == SLAB_OBJ_NONE || distance(&before, addr) < distance(obj, addr)))
			mem_copy(obj, &before, sizeof(*obj));
	}
	return true;
}

bool slab_find_object(uintptr_t addr, struct slab_object *obj)
{
	uint64_t w;

	if (unlikely(READ_ONCE(object_sources_within)) && object_source_find(true, addr, obj))
		return true;
	if (!arena_usable(addr))
		return !arena_contains((void *)addr) && object_source_find(false, addr, obj);
	w = arena_owner(addr);
	if ((w & OWNER_TAG) == OWNER_SLAB)
		return find_in_slab(OWNER_POINTER(w), addr, obj);
	if ((w & OWNER_TAG) == OWNER_AREA) {
		const struct area *a = OWNER_POINTER(w);

		object_describe_area(a, obj);
		return obj->state != SLAB_OBJ_NONE &&
		       addr - page_address(READ_ONCE(a->page)) < (uintptr_t)READ_ONCE(a->nr_pages) << PAGE_SHIFT;
	}
	return false;
}

bool slab_next_object(uintptr_t *at, struct slab_object *obj)
{
	for (uintptr_t a = MAX(*at, arena_base); arena_usable(a);) {
		struct slab *s = slab_of(a);
		const struct slab_cache *c = s ? READ_ONCE(s->cache) : NULL;
		uint32_t i;

		if (!c || a < s->base) {
			a = ALIGN_DOWN(a, PAGE_SIZE) + PAGE_SIZE;
			continue;
		}
		i = slab_index(c, s, a);
		if (i >= c->nr_objects || i >= READ_ONCE(s->fresh)) {
			a = MAX(s->base + ((uintptr_t)c->nr_pages << PAGE_SHIFT), ALIGN_DOWN(a, PAGE_SIZE) + PAGE_SIZE);
			continue;
		}
		object_describe(c, s, i, obj);
		*at = MAX(obj->slot + obj->slot_size, a + 1);
		return true;
	}
	return false;
}
