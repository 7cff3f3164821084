/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/changed.c - memory that the program maps in another way: which objects it belongs to, so that the memory is made
 * as it was before another object lies there. */
#include "slab/area.h"
#include "slab/arena.h"
#include "slab/cache.h"
#include "slab/debug.h"
#include "slab/slab.h"

/* A program may protect the pages of a large block, lock them, keep them from its children, or map a file over them,
 * and free the block as it is. Other allocators unmap such a block at its free, and all of that ends. The arena stays
 * mapped, so memsan must end it.
 *
 *     mprotect, madvise, mmap … ──► slab_note_changed ──► CHANGED in the area or the object's byte
 *                                                              │
 *     free ── not changed: as ever                             └─► fresh pages in place of the object's (arena_renew)
 *
 * The mark is made before the call, whether the call succeeds or not. Its cost is a mapping and page faults at the free
 * of that one object. The frees of other objects test a flag that they read anyway.
 *
 * The owner of a large block also owns the rest of its last page, where check mode has a red zone. The owner may close
 * that page or drop its bytes, so the red zone is `torn` then, and no longer verified.
 *
 * An object of a slab cache shares its first and its last page with other objects. Only the pages between them can be
 * replaced; the two are made readable and writable again.
 *
 * Weakness accepted: changes that memsan does not see stay (docs/decisions/0033-memory-comes-back-as-it-was.md). In
 * production the same holds for objects of slab caches, up to 32 KiB: other allocators keep the pages of such objects
 * as well. */

static void note_area(struct area *a, uintptr_t start, uintptr_t end, bool mapping)
{
	if (READ_ONCE(a->state) != AREA_LIVE)
		return;
	if (mapping)
		WRITE_ONCE(a->changed, true);
	if (end > ALIGN_DOWN(READ_ONCE(a->addr) + READ_ONCE(a->size), PAGE_SIZE) ||
	    (area_lead(a) && start < READ_ONCE(a->addr)))
		WRITE_ONCE(a->torn, true);
}

/* Marks the live objects of a checked slab that have bytes in [from, to). The slab has a mark, too: its unused slots
 * are no longer verified, and in production its canaries are not when the program ends, because a page may be
 * closed. */
static void note_slab(struct slab *s, uintptr_t from, uintptr_t to)
{
	const struct slab_cache *c = READ_ONCE(s->cache);
	uint32_t i;

	if (!c || cache_is_zero(c) || from < slab_start(c, s))
		return;
	WRITE_ONCE(s->remapped, true);
	if (c->fast)
		return;
	for (i = slab_index(c, s, from); i < MIN(c->nr_objects, READ_ONCE(s->fresh)); i++) {
		uint8_t byte = LOAD_ACQUIRE(*slab_byte(c, s, i));

		if (slab_object_at(c, s, i) >= to)
			return;
		/* A free that comes first has ended the object. */
		if (byte & OBJECT_LIVE)
			__atomic_compare_exchange_n(slab_byte(c, s, i), &byte, (uint8_t)(byte | OBJECT_CHANGED), false,
			                            __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	}
}

void slab_note_changed(uintptr_t addr, size_t n, bool mapping)
{
	uintptr_t page = MAX(ALIGN_DOWN(addr, PAGE_SIZE), arena_base), next;
	uintptr_t end = addr + n < addr ? UINTPTR_MAX : addr + n;

	for (; page < end && arena_usable(page); page = next) {
		uint64_t w = arena_owner(page);
		struct area *a = (w & OWNER_TAG) == OWNER_AREA ? OWNER_POINTER(w) : NULL;

		next = page + PAGE_SIZE;
		if (a) {
			note_area(a, page, end, mapping);
			next = MAX(next, page_address(READ_ONCE(a->page) + READ_ONCE(a->nr_pages)));
		} else if (mapping && (w & OWNER_TAG) == OWNER_SLAB) {
			note_slab(OWNER_POINTER(w), page, next);
		}
	}
}
