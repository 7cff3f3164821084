/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/malloc.c - malloc's engine: from a request to the cache or area that serves it, and from a pointer back. */
#include "slab/area.h"
#include "slab/cache.h"
#include "slab/class.h"
#include "slab/custom.h"
#include "slab/debug.h"
#include "slab/finding.h"
#include "slab/harden.h"
#include "slab/lookup.h"
#include "slab/reclaim.h"
#include "slab/slab.h"
#include "slab/spare.h"
#include "slab/state.h"
#include "slab/tcache.h"
#include "slab/vmalloc.h"

/* Which part serves a request:
 *
 *     size <= 32 KiB                      a malloc cache: fast (production: bins) or checked (debug.c)
 *     0                                   a cache whose slabs have no memory (cache.h)
 *     larger, or no class can align it    a vmalloc area
 *
 * Alignment above 16. Without red zones all objects of a class whose size is a multiple of the alignment are
 * aligned, because slabs begin at a page. With red zones, or beyond a page, the object is displaced in a larger slot
 * (checked caches only) or becomes an area. */

/* ---- allocation ------------------------------------------------------------------------------ */

/* An object that no class serves. One of 0 bytes has no memory. A report may have opened its slab's pages; they close
 * again. */
static __cold_path void *malloc_odd(size_t size, size_t align, enum slab_api api, bool zero,
                                    const struct unwind_regs *regs)
{
	struct slab_cache *c = size ? NULL : cache_zero(align);
	struct slab *s;
	void *p;

	if (!c)
		return area_alloc(size, align, api, zero, regs);
	p = debug_alloc(c, 0, align, api, false, regs);
	s = p ? slab_of((uintptr_t)p) : NULL;
	if (s && unlikely(READ_ONCE(s->opened)))
		cache_zero_close(s);
	return p;
}

/* class: the cache that serves such a size with malloc's alignment; 0: another alignment, or no cache does. */
__inline_hot void *malloc_of_class(unsigned class, size_t size, size_t align, enum slab_api api, bool zero,
                                   const struct unwind_regs *regs)
{
	void *p;

	if (unlikely(align > 16))
		class = cache_class_aligned(size, align);
	if (unlikely(!class))
		return malloc_odd(size, align, api, zero, regs);
	if (!malloc_caches[class].fast)
		return debug_alloc(&malloc_caches[class], size, align, api, zero, regs);
	p = tcache_malloc(class);
	if (p) {
		/* In this order a live object always has its canary (verify.c). */
		if (malloc_caches[class].tail)
			harden_give(&malloc_caches[class], p, size);
		state_set(p, class);
	}
	if (p && zero)
		mem_set(p, 0, size);
	return p;
}

__inline_hot unsigned malloc_class(size_t size, size_t align)
{
	return likely(align <= 16 && size <= SLAB_CLASS_MAX) ? class_of(size) : 0;
}

/* There was no memory: gives held memory back and tries once more. */
static __cold_path void *malloc_after_reclaim(size_t size, size_t align, enum slab_api api, bool zero,
                                              const struct unwind_regs *regs)
{
	if (size > arena_size || align > arena_size)
		return NULL;
	reclaim_all(regs);
	return malloc_of_class(malloc_class(size, align), size, align, api, zero, regs);
}

/* Not in line: production needs less stack than check mode. */
static __attribute__((noinline)) void *malloc_further(size_t size, size_t align, enum slab_api api, bool zero,
                                                      const struct unwind_regs *regs, unsigned class)
{
	void *p = malloc_of_class(class, size, align, api, zero, regs);

	return likely(p) ? p : malloc_after_reclaim(size, align, api, zero, regs);
}

/* A checked cache of malloc's serves nearly all requests of check mode, so all of that is in line. */
static __attribute__((noinline)) void *malloc_checked(size_t size, size_t align, enum slab_api api, bool zero,
                                                      const struct unwind_regs *regs, struct slab_cache *c)
{
	stack_handle stack = debug_stack(c, regs); /* first: see debug_alloc */
	void *p = tcache_take_debug(c);

	if (unlikely(!p))
		return malloc_after_reclaim(size, align, api, zero, regs);
	return debug_give(c, p, size, 16, api, zero, stack, regs);
}

void *slab_malloc(size_t size, size_t align, enum slab_api api, bool zero, const struct unwind_regs *regs)
{
	unsigned class = malloc_class(size, align);
	struct slab_cache *c = &malloc_caches[class];

	if (class && !c->fast)
		return malloc_checked(size, align, api, zero, regs, c);
	return malloc_further(size, align, api, zero, regs, class);
}

/* ---- free ------------------------------------------------------------------------------------ */

/* Of several racing threads one gets true. The descriptor may stand for another area by now, but if so, that area is
 * the live one at p. */
static bool area_claim(struct area *a, const void *p)
{
	uintptr_t live = (uintptr_t)p;

	return __atomic_compare_exchange_n(&a->live, &live, (uintptr_t)0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static __attribute__((noinline)) void free_further(void *p, enum slab_api api, size_t size_given,
                                                   const struct unwind_regs *regs)
{
	struct lookup to = lookup_pointer(p);

	if (unlikely(to.slab && cache_is_custom(to.slab->cache))) {
		custom_put(to.slab, p, api, regs);
	} else if (to.place == PLACE_CHECKED) {
		debug_free(to.slab, (uintptr_t)p, api, size_given, regs);
	} else if (to.place == PLACE_FAST) {
		if (malloc_caches[to.class].tail)
			harden_verify_freed(&malloc_caches[to.class], p, size_given, regs);
		state_clear(p, to.class);
		tcache_free(to.class, p);
	} else if (to.place == PLACE_AREA && area_claim(to.area, p)) {
		area_free(to.area, api, size_given, regs);
	} else if (p && !spare_free(p)) {
		finding_report_bad_pointer((uintptr_t)p, api, SLAB_AT_FREE, regs);
	}
}

void slab_free(void *p, enum slab_api api, size_t size_given, const struct unwind_regs *regs)
{
	struct slab *s = lookup_checked(p);

	if (likely(s))
		debug_free(s, (uintptr_t)p, api, size_given, regs);
	else
		free_further(p, api, size_given, regs);
}

/* ---- realloc --------------------------------------------------------------------------------- */

/* A moved object keeps its family, so only a wrong delete is reported later. */
static enum slab_api api_of(const void *p, const struct lookup *to)
{
	struct slab_object obj;

	if (to->place == PLACE_FAST || to->place == PLACE_CUSTOM)
		return SLAB_API_MALLOC;
	return slab_find_object((uintptr_t)p, &obj) && obj.tracked ? api_resized(obj.api) : SLAB_API_MALLOC;
}

static void *fast_realloc(const struct slab_cache *c, void *p, size_t size, const struct unwind_regs *regs)
{
	size_t room = c->object_size;

	if (size > room || (size <= room / 2 && class_of(size) != c->number))
		return NULL;
	if (c->tail) {
		harden_verify(c, p, SLAB_AT_REALLOC, regs);
		harden_resize(c, p, size);
	}
	return p;
}

/* Resizes in place or, for areas, moves the area. NULL: the caller moves the object. */
static void *realloc_in_place(void *p, const struct lookup *to, size_t size, const struct unwind_regs *regs)
{
	if (to->place == PLACE_AREA)
		return size > SLAB_CLASS_MAX ? area_realloc(to->area, size, regs) : NULL;
	if (to->place == PLACE_CUSTOM)
		return NULL;
	if (to->place == PLACE_CHECKED)
		return debug_realloc(to->slab, (uintptr_t)p, size, regs);
	return fast_realloc(&malloc_caches[to->class], p, size, regs);
}

/* Damage is found before the object is copied to another place. */
static void verify_before_move(const void *p, const struct lookup *to, const struct unwind_regs *regs)
{
	if (to->place == PLACE_FAST && malloc_caches[to->class].tail)
		harden_verify(&malloc_caches[to->class], (void *)p, SLAB_AT_REALLOC, regs);
	else if (to->slab && (to->place == PLACE_CHECKED || !to->slab->cache->fast))
		debug_verify(to->slab, (uintptr_t)p, SLAB_AT_REALLOC, regs);
	else if (to->area)
		area_check_slack(to->area, SLAB_AT_REALLOC, regs);
}

static size_t fast_size(const struct slab_cache *c, const void *p)
{
	return c->tail ? harden_size(c, p) : c->object_size;
}

static size_t size_of(const void *p, const struct lookup *to)
{
	if (to->place == PLACE_AREA)
		return area_usable(to->area);
	if (to->place == PLACE_FAST)
		return fast_size(&malloc_caches[to->class], p);
	return to->place == PLACE_CUSTOM ? to->slab->cache->user_size : debug_size(to->slab, (uintptr_t)p);
}

void *slab_realloc(void *p, size_t size, const struct unwind_regs *regs, bool *bad)
{
	struct lookup to = lookup_live(p);
	enum slab_api api;
	size_t old;
	void *q;

	*bad = to.place == PLACE_NOTHING;
	if (unlikely(*bad && (old = spare_size(p)) != 0)) {
		*bad = false;
		q = slab_malloc(size, 16, SLAB_API_MALLOC, false, regs);
		if (q) {
			mem_copy(q, p, MIN(old, size));
			spare_free(p);
		}
		return q;
	}
	if (unlikely(*bad)) {
		finding_report_bad_pointer((uintptr_t)p, SLAB_API_MALLOC, SLAB_AT_REALLOC, regs);
		return NULL;
	}
	old = size_of(p, &to);
	/* The object is not malloc's. It moves to malloc's memory, and the free of the old object reports the
	 * mismatch. An area of 0 bytes has no memory to stay in. */
	if (unlikely((to.place == PLACE_AREA && (to.area->api >= SLAB_API_CACHE || !old)) ||
	             (to.slab && cache_is_custom(to.slab->cache))))
		to.place = PLACE_CUSTOM;
	q = realloc_in_place(p, &to, size, regs);
	if (unlikely(!q) && to.place == PLACE_AREA && size > SLAB_CLASS_MAX && size <= arena_size) {
		reclaim_all(regs);
		q = area_realloc(to.area, size, regs);
	}
	if (q == p)
		return p;
	api = api_of(p, &to);
	if (!q && (to.place != PLACE_AREA || size <= SLAB_CLASS_MAX)) {
		verify_before_move(p, &to, regs);
		q = slab_malloc_fast(size);
		if (!q)
			q = slab_malloc(size, 16, api, false, regs);
		if (q)
			mem_copy(q, p, MIN(old, size));
	}
	if (q && !slab_free_fast(p))
		slab_free(p, api, SIZE_MAX, regs);
	return q;
}

void slab_verify_moving(const void *p, const struct unwind_regs *regs)
{
	struct lookup to = lookup_live(p);

	if (to.place != PLACE_NOTHING)
		verify_before_move(p, &to, regs);
}

size_t slab_usable_size(const void *p, const struct unwind_regs *regs)
{
	struct lookup to = lookup_live(p);

	if (unlikely(to.place == PLACE_NOTHING)) {
		if (!spare_holds(p))
			finding_report_bad_pointer((uintptr_t)p, SLAB_API_MALLOC, SLAB_AT_USABLE_SIZE, regs);
		return spare_size(p);
	}
	return size_of(p, &to);
}

size_t slab_usable_size_of(const void *p)
{
	struct lookup to = lookup_live(p);

	return to.place == PLACE_NOTHING ? 0 : size_of(p, &to);
}
