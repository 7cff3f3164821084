/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/guard.c - guarded pages, seen from a fault: finds the object that a page belongs to, and opens the page after
 * the report, so the program goes on. */
#include "slab/area.h"
#include "slab/arena.h"
#include "slab/cache.h"
#include "slab/object.h"
#include "slab/slab.h"
#include "slab/source.h"

/* A page that was opened stays memory until its area or slab leaves the quarantine. Data that the program wrote there
 * is dropped then, because the next owner of the pages relies on zeros. So the area or slab records that one of its
 * pages was opened. */

static struct area *guarded_area(uintptr_t addr)
{
	struct area *a = area_at(addr);
	uint32_t page = page_of(addr);

	if (!a || page < a->page || page - a->page >= a->nr_pages)
		return NULL;
	if (READ_ONCE(a->state) == AREA_QUARANTINED)
		return a;
	if (READ_ONCE(a->state) == AREA_LIVE && READ_ONCE(a->size) == 0)
		return a;
	return a->guard_pages && (page == a->page || page >= a->page + a->nr_pages - 1 - a->spare_pages) ? a : NULL;
}

static struct slab *guarded_slab(uintptr_t addr)
{
	struct slab *s = slab_of(addr);

	return s && (READ_ONCE(s->guarded) || cache_is_zero(READ_ONCE(s->cache))) ? s : NULL;
}

bool slab_is_guard(uintptr_t addr, struct slab_object *obj)
{
	if (!slab_is_unused(addr) && (!arena_usable(addr) || (!guarded_area(addr) && !guarded_slab(addr))))
		return false;
	return slab_find_object(addr, obj) && obj->state != SLAB_OBJ_NONE;
}

bool slab_guard_open(uintptr_t addr)
{
	struct area *a = arena_usable(addr) ? guarded_area(addr) : NULL;
	struct slab *s = arena_usable(addr) ? guarded_slab(addr) : NULL;

	if (!arena_contains((void *)addr))
		return object_source_open(addr);
	if (slab_is_unused(addr))
		return arena_open_unused(addr);
	if (a)
		WRITE_ONCE(a->opened, true);
	else if (s)
		WRITE_ONCE(s->opened, true);
	else
		return false;
	if (!area_guard_clear(page_of(addr), 1))
		return os_renew((void *)ALIGN_DOWN(addr, PAGE_SIZE), PAGE_SIZE, false);
	/* A large area is guarded by mprotect. */
	if (a)
		os_unprotect((void *)ALIGN_DOWN(addr, PAGE_SIZE), PAGE_SIZE);
	return true;
}
