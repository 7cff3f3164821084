/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/redzone.c - red zones and poison: writes them around and into objects, finds damage and repairs it. */
#include "slab/cache.h"
#include "slab/finding.h"
#include "slab/object.h"
#include "slab/redzone.h"
#include "slab/slab.h"

/* One slot and the beginning of the next, with red zones and a requested size that is less than the object's:
 *
 *     slot start      object          user + size      object end        next object
 *     |cccccccccccccccc|uuuuuuuuuuuuuuuu|cccccccccccccc|cccccccccccccccc|uuu…
 *      left red zone    the user's bytes     slack       next slot's left
 *                                       |<-- this object's right red zone -->|
 *
 * All red zones hold SLUB_RED_ACTIVE at all times. (SLUB writes SLUB_RED_INACTIVE around free objects; here two
 * neighbours share a zone, and need not be in the same state.) A freed object is 0x6b, with 0xa5 in its last byte.
 * Slots that were never handed out hold neither, but zeros. The refill that first takes them verifies the zeros and
 * fills them, under the cache lock. So both zones of an object are filled before its neighbor can have another owner.
 *
 * Damage in a shared zone is attributed to the object that it touches, because overflows start at an object's end. */

/* Are all bytes of [from, to) `expected`? If not, *d is the damage, from the first to the last bad byte. */
bool bytes_intact(uintptr_t from, uintptr_t to, uint8_t expected, struct damage *d)
{
	const uint8_t *first, *last;

	d->size = 0;
	if (to <= from)
		return true;
	first = mem_find_not((const void *)from, expected, to - from);
	if (likely(!first))
		return true;
	for (last = (const uint8_t *)to - 1; last > first && *last == expected; last--)
		;
	d->addr = (uintptr_t)first;
	d->size = (size_t)(last - first) + 1;
	d->expected = expected;
	d->found = *first;
	return false;
}

bool poison_bytes_intact(const struct slab_cache *c, uintptr_t object, struct damage *d)
{
	uintptr_t last = object + c->object_size - 1;
	uint8_t end = *(const volatile uint8_t *)last;

	if (likely(poison_intact(object, c->object_size)))
		return true;
	if (bytes_intact(object, last, POISON_FREE, d)) {
		if (likely(end == POISON_END))
			return true;
		*d = (struct damage){ .addr = last, .size = 1, .expected = POISON_END, .found = end };
		return false;
	}
	if (end != POISON_END)
		d->size = last - d->addr + 1;
	return false;
}

/* The memory of a slab that is checked reads as zero until the first slot of its page is handed out (cache.c). Then the
 * rest of the page is filled. So other bytes in a fresh slot were written by a stray pointer. A zero, which ends a
 * string too far away, is seen in pages that are used. */

static bool is_watched(const struct slab_cache *c)
{
	return (c->flags & (SLAB_F_POISON | SLAB_F_REDZONE)) != 0;
}

/* A page that is read before it is written faults twice: the kernel maps its page of zeros first. So each page of
 * [from, to) that the slots before did not reach is written first, in a way that keeps its bytes. */
static void touch_pages(uintptr_t from, uintptr_t to)
{
	uintptr_t p;

	for (p = ALIGN_UP(from, PAGE_SIZE); p < to; p += PAGE_SIZE)
		__atomic_fetch_or((uint8_t *)p, 0, __ATOMIC_RELAXED);
}

/* The object that is nearest to the damage now, before the slot itself counts as used. */
static void find_near(struct damage *d)
{
	struct slab_object o;

	d->near = slab_find_object(d->addr, &o) && o.state != SLAB_OBJ_NONE ? o.addr : 0;
}

static bool fresh_intact(uintptr_t from, uintptr_t to, uint8_t byte)
{
	arch_vec16 all = arch_vec16_fill(byte * 0x0101010101010101ULL);

	for (; to - from >= 64; from += 64)
		if (!arch_equal_64((const void *)from, all))
			return false;
	for (; from < to; from += 16)
		if (!arch_equal_16((const void *)from, all))
			return false;
	return true;
}

/* The fresh bytes [from, to) of a slab, those below `filled` filled. The first range with damage is described. */
static void find_fresh_damage(uintptr_t from, uintptr_t to, uintptr_t filled, struct damage *d)
{
	uintptr_t mid = MIN(MAX(from, filled), to);

	if (likely(fresh_intact(from, mid, SLUB_POISON_INUSE) && fresh_intact(mid, to, 0)))
		return;
	if (bytes_intact(from, mid, SLUB_POISON_INUSE, d))
		bytes_intact(mid, to, 0, d);
	find_near(d);
}

/* The base of a slab is the start of a page. */
static uintptr_t fresh_start(const struct slab_cache *c, const struct slab *s, uint32_t fresh)
{
	return fresh ? slab_object_at(c, s, fresh) : s->base;
}

void redzone_fill_fresh(const struct slab_cache *c, struct slab *s, uint32_t from, uint32_t to, struct damage *d)
{
	uintptr_t start = fresh_start(c, s, from), end = slab_object_at(c, s, to);
	uintptr_t filled = ALIGN_UP(start, PAGE_SIZE), page_end = ALIGN_UP(end, PAGE_SIZE);
	uint32_t i;

	if (!is_watched(c))
		return;
	touch_pages(start, end);
	if (!d->size && likely(!READ_ONCE(s->remapped)))
		find_fresh_damage(start, page_end > filled ? page_end : end, filled, d);
	if (page_end > filled)
		mem_set((void *)end, SLUB_POISON_INUSE, page_end - end);
	if (from == 0 && c->flags & SLAB_F_REDZONE)
		mem_set((void *)s->base, SLUB_RED_ACTIVE, c->offset);
	for (i = from; i < to; i++) {
		uintptr_t object = slab_object_at(c, s, i);

		if (c->flags & SLAB_F_POISON)
			poison_fill(c, object);
		if (c->flags & SLAB_F_REDZONE)
			mem_set_short((void *)(object + c->object_size), SLUB_RED_ACTIVE, c->offset);
	}
}

/* Pages that were never touched take no memory when they are read. */
bool redzone_find_unused_damage(const struct slab_cache *c, const struct slab *s, struct damage *d)
{
	uintptr_t from = fresh_start(c, s, s->fresh);

	d->size = 0;
	if (is_watched(c) && !READ_ONCE(s->remapped))
		find_fresh_damage(from, s->base + ((uintptr_t)c->nr_pages << PAGE_SHIFT), ALIGN_UP(from, PAGE_SIZE), d);
	return d->size != 0;
}

void redzone_init_unused(struct slab_finding *f, enum slab_found_at at, const struct damage *d,
                         const struct unwind_regs *regs)
{
	finding_init_damage(f, SLAB_UNALLOCATED, at, d, regs);
	f->have_object = d->near && slab_find_object(d->near, &f->object);
}

/* ---- finding damage: reads only, so it may be done under a lock, and reported later ---------- */

/* Was slot i, a neighbor, in use, as far as its state tells? */
static bool neighbour_used(const struct slab_cache *c, struct slab *s, uint32_t i, struct slab_object *obj)
{
	if (i >= c->nr_objects)
		return false;
	object_describe(c, s, i, obj);
	return obj->state == SLAB_OBJ_LIVE || obj->state == SLAB_OBJ_QUARANTINED;
}

/* Finds the object, and which side of it, to which damage next to object i belongs. `zone` is the shared red zone. */
static void attribute_damage(const struct slab_cache *c, struct slab *s, uint32_t i, uintptr_t zone, bool left,
                             struct slab_finding *f)
{
	bool in_zone = f->addr - zone < c->offset, near_lower = f->addr - zone < c->offset / 2;

	if (left && in_zone && near_lower && neighbour_used(c, s, i - 1, &f->object)) {
		f->kind = SLAB_RIGHT_REDZONE;
	} else if (!left && in_zone && !near_lower && neighbour_used(c, s, i + 1, &f->object)) {
		f->kind = SLAB_LEFT_REDZONE;
	} else {
		object_describe(c, s, i, &f->object);
		/* The object is in the middle of a free or realloc, and no longer marked live. */
		if (f->object.state == SLAB_OBJ_FREE)
			f->object.state = SLAB_OBJ_LIVE;
	}
}

unsigned redzones_find_damage(const struct slab_cache *c, struct slab *s, uint32_t i, uintptr_t user, size_t size,
                              enum slab_found_at at, const struct unwind_regs *regs, struct slab_finding found[2])
{
	uintptr_t object = slab_object_at(c, s, i), slot = object - c->offset, next = object + c->object_size;
	struct damage d;
	unsigned n = 0;

	if (!(c->flags & SLAB_F_REDZONE) ||
	    likely(user == object && redzones_intact(object, user + size, next, c->offset)))
		return 0;
	if (!bytes_intact(slot, user, SLUB_RED_ACTIVE, &d)) {
		finding_init_damage(&found[n], SLAB_LEFT_REDZONE, at, &d, regs);
		attribute_damage(c, s, i, slot, true, &found[n++]);
	}
	if (!bytes_intact(user + size, next + c->offset, SLUB_RED_ACTIVE, &d)) {
		finding_init_damage(&found[n], SLAB_RIGHT_REDZONE, at, &d, regs);
		attribute_damage(c, s, i, next, false, &found[n++]);
	}
	return n;
}

unsigned poison_find_damage(const struct slab_cache *c, struct slab *s, uint32_t i, enum slab_found_at at,
                            const struct unwind_regs *regs, struct slab_finding *found)
{
	struct damage d;

	if (!(c->flags & SLAB_F_POISON) || likely(poison_bytes_intact(c, slab_object_at(c, s, i), &d)))
		return 0;
	finding_init_damage(found, SLAB_POISON_OVERWRITTEN, at, &d, regs);
	object_describe(c, s, i, &found->object);
	return 1;
}

/* ---- verifying, for the owner of the object: reports, then repairs, so that it is reported once ---- */

static __cold_path void report_redzones(struct slab_finding *found, unsigned n)
{
	unsigned k;

	for (k = 0; k < n; k++) {
		finding_report(&found[k]);
		mem_set((void *)found[k].addr, SLUB_RED_ACTIVE, found[k].size);
	}
}

__cold_path unsigned redzones_report(const struct slab_cache *c, struct slab *s, uint32_t i, uintptr_t user,
                                     size_t size, enum slab_found_at at, const struct unwind_regs *regs)
{
	struct slab_finding found[2];
	unsigned n = redzones_find_damage(c, s, i, user, size, at, regs, found);

	report_redzones(found, n);
	return n;
}

__cold_path unsigned poison_report(const struct slab_cache *c, struct slab *s, uint32_t i, enum slab_found_at at,
                                   const struct unwind_regs *regs)
{
	struct slab_finding found;

	if (!poison_find_damage(c, s, i, at, regs, &found))
		return 0;
	finding_report(&found);
	poison_fill(c, slab_object_at(c, s, i));
	return 1;
}
