/* SPDX-License-Identifier: BSD-2-Clause */
/* fence/layout.c - slots as objects: described, found from a guard page, read through a view (both halves). */
#include "fence/layout.h"

static bool is_used(const struct fence_slot *s)
{
	return s && __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) != SLOT_UNUSED && s->addr;
}

static bool is_live(const struct fence_slot *s)
{
	return __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == SLOT_LIVE;
}

struct fence_slot *fence_slot_nearest(struct fence_slot *left, struct fence_slot *right, uintptr_t addr)
{
	if (!is_used(left) || !is_used(right))
		return is_used(left) ? left : is_used(right) ? right : NULL;
	if (is_live(left) != is_live(right))
		return is_live(left) ? left : right;
	return addr - (left->addr + left->size) < right->addr - addr ? left : right;
}

void fence_slot_describe(const struct slot_range *r, const struct fence_slot *s, size_t number, struct slab_object *obj)
{
	struct fmt_buf b;

	mem_set(obj, 0, sizeof(*obj));
	obj->state = is_live(s) ? SLAB_OBJ_LIVE : SLAB_OBJ_QUARANTINED;
	obj->addr = s->addr;
	obj->size = s->size;
	obj->object_size = (size_t)r->pages << PAGE_SHIFT;
	obj->slot = r->base + number * r->stride + PAGE_SIZE;
	obj->slot_size = obj->object_size;
	fmt_init(&b, obj->cache, sizeof(obj->cache));
	fmt_printf(&b, FENCE_NAME "%zu", number);
	obj->tracked = true;
	obj->api = (enum slab_api)s->api;
	obj->align_shift = (uint8_t)(1 + s->align);
	obj->alloc_stack = s->alloc_stack;
	obj->free_stack = s->free_stack;
	obj->alloc_thread = s->alloc_thread;
	obj->free_thread = s->free_thread;
	obj->when = s->when;
}

/* ---- through a view -------------------------------------------------------------------------- */

#define SLOTS_AT_ONCE 64u
#define SLOTS_MAX (1u << 24)

bool fence_layout_known(const struct object_layout *l)
{
	return l->nr == FENCE_RANGES && l->state_size == sizeof(struct slot_range) &&
	       l->object_size == sizeof(struct fence_slot);
}

static bool range_read(const struct mem_view *mem, const struct object_layout *l, unsigned k, struct slot_range *r)
{
	return view_read(mem, r, l->state + k * sizeof(*r), sizeof(*r)) && r->nr_max && r->fresh <= SLOTS_MAX &&
	       r->stride >= 2 * PAGE_SIZE;
}

static uint64_t slot_address(const struct slot_range *r, uint64_t i)
{
	return (uint64_t)(uintptr_t)r->slots.base + i * sizeof(struct fence_slot);
}

void fence_view_each(const struct mem_view *mem, const struct object_layout *l,
                     void (*fn)(void *ctx, const struct slab_object *o), void *ctx)
{
	struct fence_slot slots[SLOTS_AT_ONCE];
	struct slot_range r;
	struct slab_object o;

	for (unsigned k = 0; k < FENCE_RANGES; k++)
		for (uint32_t first = 0; range_read(mem, l, k, &r) && first < r.fresh; first += SLOTS_AT_ONCE) {
			size_t n = MIN(r.fresh - first, SLOTS_AT_ONCE) * sizeof(slots[0]);

			n = mem->read(mem, slots, slot_address(&r, first), n) / sizeof(slots[0]);
			for (size_t i = 0; i < n; i++)
				if (slots[i].state == SLOT_LIVE && slots[i].addr && slots[i].size) {
					fence_slot_describe(&r, &slots[i], first + i, &o);
					fn(ctx, &o);
				}
		}
}

static bool slot_read(const struct mem_view *mem, const struct slot_range *r, uint64_t i, struct fence_slot *s)
{
	return i < r->fresh && view_read(mem, s, slot_address(r, i), sizeof(*s));
}

static bool find_in_range(const struct mem_view *mem, const struct slot_range *r, uint64_t addr, struct slab_object *o,
                          bool *guard)
{
	uint64_t i = (addr - r->base) / r->stride;
	bool in_guard = (addr - r->base) % r->stride < PAGE_SIZE;
	struct fence_slot left, right, *found;
	bool have_left = in_guard && i && slot_read(mem, r, i - 1, &left);
	bool have_right = slot_read(mem, r, i, &right);

	found = fence_slot_nearest(have_left ? &left : NULL, have_right ? &right : NULL, addr);
	if (!found)
		return false;
	fence_slot_describe(r, found, found == &left ? i - 1 : i, o);
	*guard = in_guard;
	return true;
}

bool fence_view_find(const struct mem_view *mem, const struct object_layout *l, uint64_t addr, struct slab_object *o,
                     bool *guard)
{
	struct slot_range r;

	*guard = false;
	for (unsigned k = 0; k < FENCE_RANGES; k++)
		if (range_read(mem, l, k, &r) && addr >= r.base && find_in_range(mem, &r, addr, o, guard))
			return true;
	return false;
}
