/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/custom.c - the program's own slab caches: made, used, shrunk, destroyed. */
#include "slab/arena.h"
#include "slab/cache.h"
#include "slab/custom.h"
#include "slab/debug.h"
#include "slab/finding.h"
#include "slab/flags.h"
#include "slab/lookup.h"
#include "slab/object.h"
#include "slab/quarantine.h"
#include "slab/reclaim.h"
#include "slab/slab.h"
#include "slab/state.h"
#include "slab/tcache.h"
#include "slab/unwritten.h"

/* They are caches like malloc's, with a constructor and another state byte (their own, or SLAB_STATE_OTHER: then the
 * memmap says which cache):
 *
 *     create ──► LIVE ──destroy──► no object alive:  slabs and number go back   UNUSED ──► another cache
 *                          └─────► some are alive:   reported; memory stays     DEAD      for ever, as in the kernel
 *
 * A number (the index in slab_caches) is given to another cache as late as possible, so a handle of a destroyed cache
 * is recognized for a long time. Free objects cannot be taken out of the bins of other threads. Their slabs go back all
 * the same, and by the generation those threads see that the objects are gone.
 *
 * Objects on their way out of the quarantine, in some thread's hands, pin the cache. The last of them finishes the
 * destruction.
 *
 * The kernel merges caches of like objects. memsan merges none, because each cache would lose its name in reports.
 *
 * Accepted weakness: if one thread allocates from a cache while another destroys it, memsan sees only the consequences
 * of this bug of the program's. */

/* guards numbers, lives and generations */
static struct ranked_lock cache_list_lock = RANKED_LOCK_INIT(LOCK_RANK_CACHE_LIST);
static uint16_t unused[SLAB_CACHES]; /* numbers of caches that are gone: a ring, oldest first */
static uint32_t unused_first, nr_unused;

/* ---- numbers; under cache_list_lock ---------------------------------------------------------- */

static struct slab_cache *number_get(void)
{
	uint32_t fresh = slab_directory.nr_caches, k;

	if (fresh >= SLAB_FIRST_CUSTOM && fresh < SLAB_CACHES)
		return &slab_caches[fresh];
	if (!nr_unused)
		return NULL;
	k = unused[unused_first];
	unused_first = (unused_first + 1) % SLAB_CACHES;
	nr_unused--;
	return &slab_caches[k];
}

static void number_put(const struct slab_cache *c)
{
	unused[(unused_first + nr_unused) % SLAB_CACHES] = (uint16_t)c->number;
	nr_unused++;
}

/* The last pin is gone: no object of the cache is in use. */
static void finish(struct slab_cache *c)
{
	quarantine_remove_guarded(c);
	cache_release(c);
	lock_acquire(&cache_list_lock);
	WRITE_ONCE(c->generation, c->generation + 1);
	WRITE_ONCE(c->life, CACHE_UNUSED);
	number_put(c);
	lock_release(&cache_list_lock);
}

/* ---- create ---------------------------------------------------------------------------------- */

/* Poison would destroy the constructor's work, and the bytes of a type-safe object that may still be read. */
static unsigned custom_flags(const char *name, unsigned flags, bool ctor)
{
	unsigned f = flags_for_cache(name) |
	             (flags & (SLAB_F_SANITY | SLAB_F_REDZONE | SLAB_F_POISON | SLAB_F_TRACK | SLAB_F_TRACE));

	if (ctor || flags & SLAB_F_TYPESAFE)
		f &= ~(SLAB_F_POISON | SLAB_F_UNWRITTEN);
	/* If all of malloc's caches are checked, there is no state map, so this cache must be checked too. */
	return f || arena_state ? f : SLAB_F_SANITY;
}

/* Each cache has its own byte as long as there are enough. */
static uint8_t state_for(uint32_t number)
{
	return (uint8_t)MIN(number - SLAB_FIRST_CUSTOM + SLAB_STATE_CUSTOM, SLAB_STATE_OTHER);
}

static void custom_init(struct slab_cache *c, const char *name, size_t size, size_t align, unsigned flags,
                        void (*ctor)(void *))
{
	/* A reader without the lock sees UNUSED, then a complete cache. The lock member stays as it is, because it is
	 * registered. */
	c->partial = c->empty = c->spare = NULL;
	c->nr_slabs = c->nr_empty = 0;
	c->nr_out = 0;
	c->broken = false;
	WRITE_ONCE(c->generation, c->generation + 1);
	c->ctor = ctor;
	c->typesafe = flags & SLAB_F_TYPESAFE;
	STORE_RELEASE(c->pins, 1u);
	cache_init(c, name, size, align, custom_flags(name, flags, ctor != NULL),
	           state_for((uint32_t)(c - slab_caches)));
	c->held &= !c->typesafe;
	STORE_RELEASE(c->self, c);
}

struct slab_cache *slab_custom_create(const char *name, size_t size, size_t align, unsigned flags,
                                      void (*ctor)(void *object))
{
	struct slab_cache *c;

	lock_register_for_fork(&cache_list_lock);
	lock_acquire(&cache_list_lock);
	STORE_RELEASE(cache_last_unpin, finish);
	c = number_get();
	if (c) {
		custom_init(c, name, size, MAX(align, 16), flags, ctor);
		if (slab_directory.nr_caches <= c->number)
			STORE_RELEASE(slab_directory.nr_caches, c->number + 1);
	}
	lock_release(&cache_list_lock);
	return c;
}

/* ---- which cache is it? ---------------------------------------------------------------------- */

static inline bool is_live(const struct slab_cache *c)
{
	return (uintptr_t)c - (uintptr_t)slab_caches < sizeof(slab_caches) - sizeof(*c) + 1 && READ_ONCE(c->self) == c;
}

static bool is_one(const struct slab_cache *c)
{
	uintptr_t off = (uintptr_t)c - (uintptr_t)slab_caches;

	return off < sizeof(slab_caches) && off % sizeof(*c) == 0 && off / sizeof(*c) >= SLAB_FIRST_CUSTOM;
}

/* Reports a bad cache handle. p: the object that was passed with it, or NULL. */
static void report_destroyed(const struct slab_cache *c, const void *p, const struct unwind_regs *regs)
{
	struct slab_finding f;

	finding_init(&f, SLAB_CACHE_DESTROYED, SLAB_AT_FREE, p ? (uintptr_t)p : (uintptr_t)c, regs);
	if (is_one(c))
		str_copy(f.cache, c->name, sizeof(f.cache));
	f.have_object = p && slab_find_object((uintptr_t)p, &f.object) && f.object.state != SLAB_OBJ_NONE;
	f.api_used = SLAB_API_CACHE;
	finding_report(&f);
}

bool slab_custom_check(const struct slab_cache *c, const struct unwind_regs *regs)
{
	if (likely(is_live(c)))
		return true;
	report_destroyed(c, NULL, regs);
	return false;
}

size_t slab_custom_size(const struct slab_cache *c)
{
	return c->user_size;
}

size_t slab_custom_align(const struct slab_cache *c)
{
	size_t align = c->slot_size & -(size_t)c->slot_size;

	return MIN(align, PAGE_SIZE);
}

bool slab_custom_has_ctor(const struct slab_cache *c)
{
	return c->ctor != NULL;
}

bool slab_custom_is_typesafe(const struct slab_cache *c)
{
	return c->typesafe;
}

const char *slab_custom_name(const struct slab_cache *c)
{
	return c->name;
}

void slab_custom_construct(const struct slab_cache *c, void *object)
{
	bool inside;

	if (!c->ctor)
		return;
	inside = slab_outside();
	c->ctor(object);
	slab_again(inside);
}

/* ---- allocation and free --------------------------------------------------------------------- */

static void *alloc_once(struct slab_cache *c, bool zero, const struct unwind_regs *regs)
{
	void *p;

	if (!c->fast)
		return debug_alloc(c, c->user_size, 16, SLAB_API_CACHE, zero, regs);
	p = tcache_take_custom(c);
	if (p) {
		STORE_RELEASE(*state_of((uintptr_t)p), c->state);
		if (zero)
			mem_set(p, 0, c->user_size);
	}
	return p;
}

void *slab_custom_alloc(struct slab_cache *c, bool zero, const struct unwind_regs *regs)
{
	void *p = alloc_once(c, zero, regs);

	if (likely(p))
		return p;
	reclaim_all(regs);
	return alloc_once(c, zero, regs);
}

static void report_wrong_cache(const struct slab_cache *given, const void *p, const struct unwind_regs *regs)
{
	struct slab_finding f;

	finding_init(&f, SLAB_WRONG_CACHE, SLAB_AT_FREE, (uintptr_t)p, regs);
	f.have_object = slab_find_object((uintptr_t)p, &f.object);
	f.api_used = SLAB_API_CACHE;
	str_copy(f.cache, given->name, sizeof(f.cache));
	finding_report(&f);
}

static void put(struct slab *s, void *p, enum slab_api api, const struct unwind_regs *regs)
{
	struct slab_cache *own = s->cache;

	if (!own->fast) {
		debug_free(s, (uintptr_t)p, api, SIZE_MAX, regs);
		return;
	}
	if (unlikely(__atomic_exchange_n(state_of((uintptr_t)p), 0, __ATOMIC_ACQ_REL) != own->state))
		finding_report_bad_pointer((uintptr_t)p, api, SLAB_AT_FREE, regs);
	else
		tcache_put_custom(own, p);
}

static bool is_live_object(struct slab *s, const void *p)
{
	return s->cache->fast || debug_is_live(s, (uintptr_t)p);
}

void custom_put(struct slab *s, void *p, enum slab_api api, const struct unwind_regs *regs)
{
	/* debug_free reports this for objects that it tracks. */
	if (!(s->cache->flags & SLAB_F_TRACK) && api != SLAB_API_CACHE && is_live_object(s, p)) {
		struct slab_finding f;

		finding_init(&f, SLAB_ALLOC_DEALLOC_MISMATCH, SLAB_AT_FREE, (uintptr_t)p, regs);
		f.have_object = slab_find_object((uintptr_t)p, &f.object);
		f.object.api = SLAB_API_CACHE;
		f.api_used = api;
		finding_report(&f);
	}
	put(s, p, api, regs);
}

bool custom_free(struct slab_cache *c, void *p, const struct unwind_regs *regs)
{
	struct lookup to;

	if (unlikely(!is_live(c))) {
		report_destroyed(c, p, regs);
		return true;
	}
	to = lookup_pointer(p);
	if (unlikely(!to.slab || !cache_is_custom(to.slab->cache)))
		return false;
	/* The object goes back to its own cache, as in the kernel. */
	if (unlikely(to.slab->cache != c) && is_live_object(to.slab, p))
		report_wrong_cache(c, p, regs);
	put(to.slab, p, SLAB_API_CACHE, regs);
	return true;
}

size_t slab_custom_shrink(struct slab_cache *c, const struct unwind_regs *regs)
{
	tcache_flush_custom(c);
	quarantine_remove_cache(c, regs);
	return cache_shrink(c);
}

/* ---- destroy --------------------------------------------------------------------------------- */

static size_t slab_remaining(struct slab_cache *c, struct slab *s, uint64_t nr, bool tell,
                             const struct unwind_regs *regs)
{
	struct slab_finding f;
	size_t n = 0;
	uint32_t i;

	for (i = 0; i < READ_ONCE(s->fresh); i++) {
		struct slab_object obj;

		object_describe(c, s, i, &obj);
		if (obj.state != SLAB_OBJ_LIVE)
			continue;
		n++;
		if (!tell)
			continue;
		finding_init(&f, SLAB_OBJECT_REMAINS, SLAB_AT_FREE, obj.addr, regs);
		mem_copy(&f.object, &obj, sizeof(obj));
		f.have_object = true;
		f.nr = nr;
		str_copy(f.cache, c->name, sizeof(f.cache));
		finding_report(&f);
	}
	return n;
}

/* Counts the cache's live objects, and reports them if `tell`. The memmap leads to all of its slabs. */
static size_t remaining(struct slab_cache *c, uint64_t nr, bool tell, const struct unwind_regs *regs)
{
	uint32_t page, end = LOAD_ACQUIRE(arena_ready_blocks) * BLOCK_PAGES;
	size_t n = 0;

	for (page = 0; page < end && READ_ONCE(c->nr_slabs); page++) {
		struct slab *s = slab_of(page_address(page));

		if (s && READ_ONCE(s->cache) == c && page_address(page) == READ_ONCE(s->base) && !READ_ONCE(s->guarded))
			n += slab_remaining(c, s, nr, tell, regs);
	}
	return n;
}

size_t slab_custom_destroy(struct slab_cache *c, size_t elsewhere, const struct unwind_regs *regs)
{
	bool mine;
	size_t n;

	lock_acquire(&cache_list_lock);
	mine = c->life == CACHE_LIVE;
	if (mine) {
		WRITE_ONCE(c->life, CACHE_DEAD);
		WRITE_ONCE(c->self, NULL);
	}
	lock_release(&cache_list_lock);
	if (!mine) {
		report_destroyed(c, NULL, regs);
		return 0;
	}
	tcache_forget_custom(c);
	tcache_flush_custom(c);
	quarantine_remove_cache(c, regs);
	n = remaining(c, 0, false, regs) + elsewhere;
	if (n)
		remaining(c, n, true, regs);
	else
		cache_unpin(c, 1);
	return n;
}

/* ---- objects that fence/ keeps --------------------------------------------------------------- */

uint32_t slab_custom_id(const struct slab_cache *c)
{
	return c->generation * SLAB_CACHES + c->number;
}

void slab_custom_report_wrong(const struct slab_cache *c, uint32_t id, const void *p, const struct unwind_regs *regs)
{
	struct slab_finding f;

	finding_init(&f, SLAB_WRONG_CACHE, SLAB_AT_FREE, (uintptr_t)p, regs);
	f.have_object = slab_find_object((uintptr_t)p, &f.object);
	f.api_used = SLAB_API_CACHE;
	str_copy(f.cache, c->name, sizeof(f.cache));
	str_copy(f.object.cache, slab_caches[id % SLAB_CACHES].name, sizeof(f.object.cache));
	finding_report(&f);
}

void slab_custom_report_remaining(const struct slab_cache *c, const void *p, size_t nr, const struct unwind_regs *regs)
{
	struct slab_finding f;

	finding_init(&f, SLAB_OBJECT_REMAINS, SLAB_AT_FREE, (uintptr_t)p, regs);
	f.have_object = slab_find_object((uintptr_t)p, &f.object);
	f.nr = nr;
	str_copy(f.cache, c->name, sizeof(f.cache));
	str_copy(f.object.cache, c->name, sizeof(f.object.cache));
	finding_report(&f);
}
