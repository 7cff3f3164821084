/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/cache.c - slab caches: runs of pages cut into equal slots, with all of their state out of line. */
#include "slab/area.h"
#include "slab/arena.h"
#include "slab/buddy.h"
#include "slab/budget.h"
#include "slab/cache.h"
#include "slab/class.h"
#include "slab/finding.h"
#include "slab/flags.h"
#include "slab/harden.h"
#include "slab/key.h"
#include "slab/lend.h"
#include "slab/redzone.h"
#include "slab/slab.h"
#include "slab/track.h"

/* A slab of a cache with red zones (offset 16). Without them the slots lie side by side:
 *
 *     base                                                              base + nr_pages * 4096
 *     |RZ| object 0 |RZ| object 1 |RZ| … |RZ| object n-1 |RZ| unused |
 *     |<-- slot 0 ->|<-- slot 1 ->|
 *
 *     descriptor:  cache, list links, fresh │ free map 1101… │ a byte each: live? held? │ tracks 16 bytes each
 *
 * A slot's left red zone is the right one of the slot before. A set bit in the free map means that the object is in its
 * slab. All other objects are out: live, in a thread's bin, or in the quarantine. A byte tells these apart; without
 * checks only the state map tells which objects are live. The lowest objects leave first. So slots from `fresh` on were
 * never touched, and the objects in use are at the front of each slab. Slabs with no free slot are in no list: when an
 * object comes back, the memmap leads to its slab.
 *
 * The canary's words at the end of the slot before are an object's left red zone. The first slot of a slab with
 * canaries has such words in front of it, in the slab's lead, which keeps the objects' alignment.
 *
 * The index of an object is a multiplication: with r = ceil(2^40 / slot), (offset * r) >> 40 is exact for offsets
 * below 2^40 / slot (Granlund and Montgomery 1994). A slab has at most 2^19 bytes, a slot at most 2^16. */

#define SLAB_MIN_PAGES 4u
#define SLAB_MAX_PAGES 128u
#define SLAB_SMALL_PAGES 8u
#define SLAB_MIN_OBJECTS 8
#define SLAB_LARGE_SLOT PAGE_SIZE
#define SLAB_MIN_LARGE 2
#define SLAB_MIN_CHECKED 24
#define RECIPROCAL_SHIFT 40
#define RETURN_BATCH 32

#ifdef MEMSAN_DEBUG
#define slab_assert(x)                    \
	do {                              \
		if (unlikely(!(x)))       \
			__builtin_trap(); \
	} while (0)
#else
#define slab_assert(x) ((void)0)
#endif

/* Bad pointers of a batch. They are reported once the lock is released. */
#define RETURN_BAD_MAX 6
struct returned {
	uintptr_t twice[RETURN_BAD_MAX]; /* was in its slab already */
	size_t nr_twice;
	uintptr_t strange; /* belongs to no slab of the cache */
};

__large_bss struct slab_cache slab_caches[SLAB_CACHES];
void (*cache_last_unpin)(struct slab_cache *c);

/* ---- layout ---------------------------------------------------------------------------------- */

/* Chooses the smallest run that holds enough objects and wastes at most a sixteenth. With checks more objects share a
 * descriptor: the metadata of each object should stay below 24 bytes, 16 of which are the track.
 *
 * Without checks a program may use one object of each of many classes, such as a buffer that grows by realloc. So slabs
 * of objects of pages are small: two objects are enough, an eighth of the run may be left over (its pages are never
 * touched), and the run is a multiple of four pages, not a power of two: what the buddy has left fits other slabs. */
static bool run_fits(const struct slab_cache *c, size_t run)
{
	size_t first = c->lead + c->offset, n = (run - first) / c->slot_size, rest = run - c->lead - n * c->slot_size;
	bool large = !c->flags && c->slot_size > SLAB_LARGE_SLOT;
	size_t least = c->flags ? SLAB_MIN_CHECKED : large ? SLAB_MIN_LARGE : SLAB_MIN_OBJECTS;

	return n >= least && rest <= run / (large ? 8 : 16);
}

static void choose_run(struct slab_cache *c)
{
	uint32_t pages = SLAB_MIN_PAGES;

	while (pages < SLAB_MAX_PAGES && !run_fits(c, (size_t)pages << PAGE_SHIFT))
		pages += c->flags || c->slot_size <= SLAB_LARGE_SLOT ? pages : SLAB_MIN_PAGES;
	c->nr_pages = pages;
	c->nr_objects = (uint32_t)((((size_t)pages << PAGE_SHIFT) - c->lead - c->offset) / c->slot_size);
}

/* The larger an object, the farther its overflows go: an index that is wrong by one may be wrong by a row. An eighth
 * costs a heap of large objects an eighth of its memory. */
#define REDZONE_SHARE 8
#define REDZONE_MAX 2048

static size_t redzone_size(size_t object_size)
{
	if (options.redzone || READ_ONCE(budget_lean))
		return MAX((size_t)options.redzone, (size_t)REDZONE_SIZE);
	return MIN(MAX(object_size / REDZONE_SHARE, (size_t)REDZONE_SIZE), (size_t)REDZONE_MAX);
}

static void init(struct slab_cache *c, const char *name, size_t size, size_t align, unsigned flags, uint8_t state,
                 size_t canary)
{
	str_copy(c->name, name, sizeof(c->name));
	c->number = (uintptr_t)c - (uintptr_t)slab_caches < sizeof(slab_caches) ? (uint32_t)(c - slab_caches) : 0;
	c->flags = flags;
	c->user_size = (uint32_t)size;
	c->object_size = (uint32_t)ALIGN_UP(size, align);
	c->offset = flags & SLAB_F_REDZONE ? (uint32_t)ALIGN_UP(redzone_size(c->object_size), MAX(align, REDZONE_SIZE))
	                                   : 0;
	c->slot_size = c->object_size + c->offset;
	c->object_size -= (uint32_t)canary;
	c->tail = canary ? (uint16_t)(c->slot_size - sizeof(slab_word32)) : 0;
	c->lead = canary ? (uint16_t)MIN(c->slot_size & -c->slot_size, PAGE_SIZE) : 0;
	c->reciprocal = (((uint64_t)1 << RECIPROCAL_SHIFT) + c->slot_size - 1) / c->slot_size;
	choose_run(c);
	slab_assert(c->nr_objects <= SLAB_VIEW_OBJECTS);
	c->map_words = (c->nr_objects + 63) / 64;
	c->bytes_at = (uint32_t)slab_bytes_offset(c->map_words);
	c->tracks_at = (uint32_t)slab_tracks_offset(c->map_words, c->nr_objects);
	c->state = state;
	c->fast = flags == 0;
	c->held = flags != 0 && options.quarantine_size != 0;
	c->batch = c->fast ? UINT32_MAX : (uint32_t)MIN(16, MAX(1, (16u << 10) / c->slot_size));
	lock_init(&c->lock, LOCK_RANK_CACHE);
	lock_register_for_fork(&c->lock);
	STORE_RELEASE(c->life, CACHE_LIVE); /* pairs with cache_for_each */
}

void cache_init(struct slab_cache *c, const char *name, size_t size, size_t align, unsigned flags, uint8_t state)
{
	init(c, name, size, align, flags, state, 0);
}

void cache_init_hardened(struct slab_cache *c, const char *name, size_t slot_size, uint8_t state)
{
	init(c, name, slot_size, 16, 0, state, HARDEN_TAIL);
}

/* Their family is compared, and their stacks are recorded, in production too: a fault without a stack would explain
 * little. */
void cache_init_zero(struct slab_cache *c, size_t slot)
{
	char name[SLAB_NAME_MAX];
	struct fmt_buf b;

	fmt_init(&b, name, sizeof(name));
	fmt_printf(&b, slot == SLAB_ZERO_SMALL ? "malloc-0" : "malloc-0-%zu", slot);
	cache_init(c, name, slot, slot, (flags_for_cache(name) & SLAB_F_TRACE) | SLAB_F_SANITY | SLAB_F_TRACK, 0);
	c->user_size = 0;
}

struct slab_cache *cache_zero(size_t align)
{
	return align <= SLAB_ZERO_SMALL ? &slab_caches[SLAB_FIRST_ZERO]
	       : align <= PAGE_SIZE     ? &slab_caches[SLAB_FIRST_ZERO + 1]
	                                : NULL;
}

size_t cache_descriptor_size(const struct slab_cache *c)
{
	size_t tracks = c->flags & SLAB_F_TRACK ? c->nr_objects * sizeof(struct slab_track) : 0;

	return slab_tracks_offset(c->map_words, c->fast ? 0 : c->nr_objects) + tracks;
}

/* ---- descriptors of caches that are gone ----------------------------------------------------- */

/* A descriptor stays a descriptor forever, because a reader without the lock may still use it. It is reused by another
 * cache whose descriptors fit in as many bytes. For few different sizes, the descriptors of the program's caches have
 * sizes that are powers of two. */
#define ORPHAN_SIZES 32
static struct ranked_lock orphan_lock = RANKED_LOCK_INIT(LOCK_RANK_LEAF); /* guards the lists */
static struct slab *orphans[ORPHAN_SIZES];                                /* by the power of two; linked by next */

static unsigned orphan_size(const struct slab_cache *c)
{
	return 64 - (unsigned)__builtin_clzl(cache_descriptor_size(c) - 1);
}

static struct slab *orphan_get(const struct slab_cache *c)
{
	unsigned k = orphan_size(c);
	struct slab *s;

	lock_acquire(&orphan_lock);
	s = orphans[k];
	if (s)
		orphans[k] = s->next;
	lock_release(&orphan_lock);
	return s ? s : slab_meta_alloc((size_t)1 << k, COST_SLAB);
}

static void orphan_put(const struct slab_cache *c, struct slab *s)
{
	unsigned k = orphan_size(c);

	lock_acquire(&orphan_lock);
	s->next = orphans[k];
	orphans[k] = s;
	lock_release(&orphan_lock);
}

/* The objects of a slab that may be handed out. What is in front of an object of 0 bytes must be closed memory, too, so
 * the first of its slab never is. */
static uint32_t nr_usable(const struct slab_cache *c)
{
	return c->nr_objects - cache_is_zero(c);
}

/* ---- slabs; all under the cache lock --------------------------------------------------------- */

static struct slab **list_head(struct slab_cache *c, unsigned list)
{
	return list == SLAB_LIST_PARTIAL ? &c->partial : &c->empty;
}

static void list_remove(struct slab_cache *c, struct slab *s)
{
	if (s->prev)
		s->prev->next = s->next;
	else if (s->list != SLAB_LIST_NONE)
		*list_head(c, s->list) = s->next;
	if (s->next)
		s->next->prev = s->prev;
	c->nr_empty -= s->list == SLAB_LIST_EMPTY;
	s->next = s->prev = NULL;
	s->list = SLAB_LIST_NONE;
}

static void list_add(struct slab_cache *c, struct slab *s, unsigned list)
{
	struct slab **head = list_head(c, list);

	s->next = *head;
	s->prev = NULL;
	if (*head)
		(*head)->prev = s;
	*head = s;
	s->list = (uint8_t)list;
	c->nr_empty += list == SLAB_LIST_EMPTY;
}

static struct slab *descriptor_get(struct slab_cache *c)
{
	struct slab *s = c->spare;
	size_t tracks = c->flags & SLAB_F_TRACK ? c->nr_objects * sizeof(struct slab_track) : 0;

	if (s) {
		c->spare = s->next;
		return s;
	}
	if (cache_is_custom(c))
		return orphan_get(c);
	s = slab_meta_alloc(cache_descriptor_size(c), COST_SLAB);
	if (s && tracks) {
		meta_account(COST_SLAB, -(int64_t)tracks);
		meta_account(COST_TRACKS, (int64_t)tracks);
	}
	return s;
}

/* Clears the object bytes: no object is live or held. Clears them word by word, because a reader may still use the
 * descriptor in its earlier role. */
static void bytes_clear(const struct slab_cache *c, struct slab *s, size_t end)
{
	uint64_t *word = s->map + c->map_words, *last = (uint64_t *)((char *)s + ALIGN_UP(end, sizeof(*word)));

	for (; word < last; word++)
		WRITE_ONCE(*word, 0);
}

void cache_zero_close(struct slab *s)
{
	WRITE_ONCE(s->opened, false);
	area_guard_set(page_of(s->base), s->cache->nr_pages);
	slab_guard_count_closed();
}

/* The pages of a slab without memory become usable, and read as zero. False: they stay closed. */
static bool zero_give_up(struct slab *s)
{
	if (s->opened)
		cache_zero_close(s);
	return area_guard_clear(page_of(s->base), s->cache->nr_pages);
}

/* harden=full: one slab in FENCE_ONE_IN has a guard page behind it, if that page is free. */
#define FENCE_ONE_IN 8

static __cold_path void slab_fence(const struct slab_cache *c, struct slab *s, uint32_t page)
{
	bool clean;

	s->fenced = !harden_random(FENCE_ONE_IN) && buddy_extend(page + c->nr_pages, 1, &clean);
	if (s->fenced)
		area_guard_set(page + c->nr_pages, 1);
}

/* A page that cannot be made accessible again is lost to the heap. */
static __cold_path void slab_unfence(const struct slab_cache *c, struct slab *s, uint32_t page)
{
	if (area_guard_clear(page + c->nr_pages, 1))
		buddy_free(page + c->nr_pages, 1, true);
	s->fenced = false;
}

static struct slab *slab_new(struct slab_cache *c)
{
	struct slab *s = descriptor_get(c);
	size_t run = (size_t)c->nr_pages << PAGE_SHIFT;
	bool clean;
	uint32_t page, i;

	if (!s)
		return NULL;
	area_give_way(c->nr_pages);
	page = buddy_alloc(c->nr_pages, &clean);
	if (page == NO_PAGE) {
		s->next = c->spare;
		c->spare = s;
		return NULL;
	}
	if (cache_is_zero(c))
		area_guard_set(page, c->nr_pages);
	if (unlikely(harden_full))
		slab_fence(c, s, page);
	WRITE_ONCE(s->cache, c);
	WRITE_ONCE(s->base, page_address(page) + c->lead);
	s->nr_free = nr_usable(c);
	WRITE_ONCE(s->fresh, 0);
	s->hint = 0;
	WRITE_ONCE(s->guarded, false);
	WRITE_ONCE(s->opened, false);
	WRITE_ONCE(s->remapped, false);
	if (cache_is_custom(c))
		s->nr_queued = 0;
	/* The descriptor of a custom cache may have been another cache's, with another layout. */
	bytes_clear(c, s, cache_is_custom(c) ? cache_descriptor_size(c) : c->bytes_at + (c->fast ? 0 : c->nr_objects));
	for (i = 0; i < c->map_words; i++)
		WRITE_ONCE(s->map[i], ~(uint64_t)0);
	if (c->nr_objects % 64)
		WRITE_ONCE(s->map[c->map_words - 1], ((uint64_t)1 << c->nr_objects % 64) - 1);
	if (cache_is_zero(c))
		WRITE_ONCE(s->map[0], s->map[0] & ~(uint64_t)1);
	list_add(c, s, SLAB_LIST_PARTIAL);
	c->nr_slabs++;
	/* Fresh slots of checked slabs read as zero (redzone.c). */
	if (!c->fast && !clean && !cache_is_zero(c))
		mem_set((void *)s->base, 0, run);
	/* shadow/ is never told of single objects without checks, and their pages may have been a checked cache's
	 * before. */
	if (c->fast)
		slab_shadow->live(page_address(page), page_address(page) + run, page_address(page), run, false);
	else
		slab_shadow->bad(s->base, run, SLAB_MARK_REDZONE);
	if (c->tail)
		harden_lead_reset(c, s->base);
	arena_set_owner(page, c->nr_pages, (uint64_t)(uintptr_t)s | OWNER_SLAB);
	return s;
}

static void slab_delete(struct slab_cache *c, struct slab *s)
{
	uint32_t page = page_of(slab_start(c, s));

	list_remove(c, s);
	c->nr_slabs--;
	if (!c->fast)
		slab_shadow->bad(page_address(page), (size_t)c->nr_pages << PAGE_SHIFT, SLAB_MARK_RUN);
	arena_clear_owner(page, c->nr_pages, c->nr_pages);
	if (unlikely(s->fenced))
		slab_unfence(c, s, page);
	if (likely(!cache_is_zero(c)) || zero_give_up(s))
		buddy_free(page, c->nr_pages, cache_is_zero(c));
	s->next = c->spare;
	c->spare = s;
}

/* Finds a slab with at least one free object and puts it in the partial list. */
static struct slab *slab_with_room(struct slab_cache *c)
{
	struct slab *s = c->partial;

	if (s)
		return s;
	s = c->empty;
	if (!s)
		return slab_new(c);
	list_remove(c, s);
	list_add(c, s, SLAB_LIST_PARTIAL);
	return s;
}

static size_t slab_take(struct slab_cache *c, struct slab *s, void **objects, size_t n, struct damage *damage)
{
	size_t got = 0;
	uint32_t w = s->hint, i = 0, raw = c->ctor || c->tail ? s->fresh : UINT32_MAX;

	n = MIN(n, s->nr_free);
	while (got < n) {
		uint64_t bits = s->map[w];

		for (; bits && got < n; bits &= bits - 1) {
			i = w * 64 + (uint32_t)__builtin_ctzl(bits);
			objects[got++] = (void *)(slab_object_at(c, s, i) | (i >= raw ? OBJECT_RAW : 0));
		}
		WRITE_ONCE(s->map[w], bits);
		w += bits == 0;
	}
	s->hint = w;
	s->nr_free -= (uint32_t)got;
	if (i >= s->fresh) {
		if (!c->fast)
			redzone_fill_fresh(c, s, s->fresh, i + 1, damage);
		WRITE_ONCE(s->fresh, i + 1);
	}
	if (!s->nr_free)
		list_remove(c, s);
	return got;
}

/* ---- taking and returning -------------------------------------------------------------------- */

/* No lock is held, because the program's constructor may allocate from other caches. The object must be accessible
 * to it. */
static void construct_raw(const struct slab_cache *c, void **objects, size_t n)
{
	size_t k;
	bool inside;

	for (k = 0; k < n; k++) {
		uintptr_t addr = (uintptr_t)objects[k] & ~(uintptr_t)OBJECT_RAW;

		if (addr == (uintptr_t)objects[k])
			continue;
		objects[k] = (void *)addr;
		if (!c->fast)
			slab_shadow->live(addr, addr + c->object_size, addr, c->user_size, false);
		inside = slab_outside();
		c->ctor((void *)addr);
		slab_again(inside);
		if (!c->fast)
			slab_shadow->bad(addr, c->object_size, SLAB_MARK_REDZONE);
	}
}

static __cold_path void report_unused(const struct damage *d)
{
	struct slab_finding f;

	redzone_init_unused(&f, SLAB_AT_ALLOC, d, NULL);
	finding_report(&f);
}

__inline_hot size_t take(struct slab_cache *c, void **objects, size_t n, struct damage *damage)
{
	size_t got = 0;
	struct slab *s;

	lock_acquire(&c->lock);
	while (got < n && !c->broken && (s = slab_with_room(c)) != NULL)
		got += slab_take(c, s, objects + got, n - got, damage);
	c->nr_out += got;
	lock_release(&c->lock);
	return got;
}

/* Not inline: production's stack would have room for the damage too. */
static __attribute__((noinline)) size_t take_checked(struct slab_cache *c, void **objects, size_t n)
{
	struct damage damage = { .size = 0 };
	size_t got = take(c, objects, n, &damage);

	if (unlikely(damage.size))
		report_unused(&damage);
	__atomic_fetch_add(&budget_checked_bytes, (int64_t)(got * c->slot_size), __ATOMIC_RELAXED);
	return got;
}

size_t cache_take(struct slab_cache *c, void **objects, size_t n)
{
	size_t got = c->fast ? take(c, objects, n, NULL) : take_checked(c, objects, n);

	if (c->ctor)
		construct_raw(c, objects, got);
	return got;
}

/* The slab has become empty. Empty slabs beyond the budget go back, including slabs that were kept while there were
 * many more slabs. */
static void slab_became_empty(struct slab_cache *c, struct slab *s)
{
	list_remove(c, s);
	list_add(c, s, SLAB_LIST_EMPTY);
	while (c->nr_empty > budget_empty_slabs(c->nr_slabs, !c->fast || c->nr_pages <= SLAB_SMALL_PAGES) &&
	       !c->typesafe)
		slab_delete(c, c->empty);
}

/* Puts object i back. False: it was in its slab already. The caller counts the objects. */
static inline bool slab_put(struct slab *s, uint32_t i)
{
	uint64_t bit = (uint64_t)1 << i % 64, word = s->map[i / 64];

	if (unlikely(word & bit))
		return false;
	WRITE_ONCE(s->map[i / 64], word | bit);
	s->hint = MIN(s->hint, i / 64);
	return true;
}

/* n objects were put back. */
static void slab_count(struct slab_cache *c, struct slab *s, uint32_t n)
{
	if (!n)
		return;
	if (!s->nr_free)
		list_add(c, s, SLAB_LIST_PARTIAL);
	s->nr_free += n;
	c->nr_out -= n;
	if (s->nr_free == nr_usable(c))
		slab_became_empty(c, s);
}

/* Returns one batch, under the lock; slabs[k] is the slab of objects[k]. An object that is in no slab of this cache
 * ends the batch. */
static void return_locked(struct slab_cache *c, void *const *objects, struct slab *const *slabs, size_t n,
                          struct returned *r)
{
	struct slab *s = NULL;
	uint32_t put = 0;
	size_t k;

	for (k = 0; k < n; k++) {
		uintptr_t addr = (uintptr_t)objects[k];

		if (k == 0 || slabs[k] != s) {
			slab_count(c, s, put);
			s = slabs[k];
			put = 0;
			if (unlikely(!s || s->cache != c)) {
				c->broken = true;
				r->strange = addr;
				return;
			}
		}
		if (likely(slab_put(s, slab_index(c, s, addr))))
			put++;
		else if (r->nr_twice < RETURN_BAD_MAX)
			r->twice[r->nr_twice++] = addr;
	}
	slab_count(c, s, put);
}

/* Verifies what lies in front of a slab's first object. The object is the caller's, so the slab stays. */
static __attribute__((noinline)) void verify_lead(const struct slab_cache *c, const struct slab *s)
{
	struct damage d;

	if (!s || s->cache != c || READ_ONCE(s->remapped) || harden_lead_intact(c, s->base, &d))
		return;
	harden_lead_reset(c, s->base);
	harden_report_lead(&d, s->base, SLAB_AT_FREE, NULL);
}

/* The memmap and the descriptors are looked up before the lock is taken. The objects are the caller's, so their
 * slabs stay. */
static void return_batch(struct slab_cache *c, void *const *objects, size_t n)
{
	struct slab *slabs[RETURN_BATCH];
	struct returned r = { .nr_twice = 0, .strange = 0 };
	size_t k, run = ((size_t)c->nr_pages << PAGE_SHIFT) - c->lead;
	uintptr_t base = 0;

	for (k = 0; k < n; k++) {
		/* Often several objects in a row are of one slab. */
		if (k && (uintptr_t)objects[k] - base < run) {
			slabs[k] = slabs[k - 1];
		} else {
			slabs[k] = slab_of((uintptr_t)objects[k]);
			base = slabs[k] ? slabs[k]->base : 0;
			__builtin_prefetch(slabs[k], 1);
		}
		if (unlikely((uintptr_t)objects[k] == base && c->tail))
			verify_lead(c, slabs[k]);
	}
	lock_acquire(&c->lock);
	if (likely(!c->broken))
		return_locked(c, objects, slabs, n, &r);
	lock_release(&c->lock);
	for (k = 0; k < r.nr_twice; k++)
		finding_report_bad_pointer(r.twice[k], SLAB_API_MALLOC, SLAB_AT_FREE, NULL);
	if (unlikely(r.strange))
		finding_report_bad_state(r.strange);
}

void cache_return(struct slab_cache *c, void *const *objects, size_t n)
{
	size_t k;

	if (!c->fast)
		__atomic_fetch_sub(&budget_checked_bytes, (int64_t)(n * c->slot_size), __ATOMIC_RELAXED);
	for (k = 0; k < n; k += RETURN_BATCH)
		return_batch(c, objects + k, MIN(n - k, RETURN_BATCH));
}

size_t cache_shrink(struct slab_cache *c)
{
	size_t pages = 0;

	lock_acquire(&c->lock);
	while (c->empty && !c->typesafe) {
		slab_delete(c, c->empty);
		pages += c->nr_pages;
	}
	lock_release(&c->lock);
	return pages;
}

/* Slabs that are full, or whose objects other threads have in their bins, are in no list. The memmap leads to all of
 * them. */
void cache_release(struct slab_cache *c)
{
	uint32_t page, end = LOAD_ACQUIRE(arena_ready_blocks) * BLOCK_PAGES;
	struct slab *s;

	lock_acquire(&c->lock);
	for (page = 0; page < end && c->nr_slabs; page++) {
		uint64_t w = LOAD_ACQUIRE(arena_memmap[page].owner);

		if ((w & OWNER_TAG) == OWNER_SLAB && READ_ONCE(((struct slab *)OWNER_POINTER(w))->cache) == c) {
			s = OWNER_POINTER(w);
			if (!c->fast)
				__atomic_fetch_sub(&budget_checked_bytes,
				                   (int64_t)(c->nr_objects - s->nr_free) * c->slot_size,
				                   __ATOMIC_RELAXED);
			slab_delete(c, s);
		}
	}
	while ((s = c->spare) != NULL) {
		c->spare = s->next;
		orphan_put(c, s);
	}
	c->nr_out = 0;
	lock_release(&c->lock);
}

void cache_detach_guarded(struct slab_cache *c, struct slab *s)
{
	lock_acquire(&c->lock);
	c->nr_slabs--;
	c->nr_out -= c->nr_objects;
	WRITE_ONCE(s->guarded, true);
	lock_release(&c->lock);
	__atomic_fetch_sub(&budget_checked_bytes, (int64_t)c->nr_objects * c->slot_size, __ATOMIC_RELAXED);
}

void cache_free_guarded(struct slab_cache *c, struct slab *s)
{
	uint32_t page = page_of(s->base);

	bytes_clear(c, s, c->bytes_at + c->nr_objects);
	lock_acquire(&c->lock);
	arena_clear_owner(page, c->nr_pages, c->nr_pages);
	s->next = c->spare;
	c->spare = s;
	lock_release(&c->lock);
	slab_shadow->bad(page_address(page), (size_t)c->nr_pages << PAGE_SHIFT, SLAB_MARK_RUN);
	buddy_free(page, c->nr_pages, true);
}

void cache_for_each(void (*fn)(struct slab_cache *c, void *ctx), void *ctx)
{
	uint32_t i, n = LOAD_ACQUIRE(slab_directory.nr_caches);

	for (i = 1; i < n; i++)
		if (LOAD_ACQUIRE(slab_caches[i].life) != CACHE_UNUSED)
			fn(&slab_caches[i], ctx);
}

unsigned cache_class_aligned(size_t size, size_t align)
{
	unsigned class;

	if (align > SLAB_CLASS_MAX || size > SLAB_CLASS_MAX || size == 0)
		return 0;
	for (class = SLAB_NR_CLASSES + 1; class <= SLAB_NR_MALLOC; class ++) {
		const struct slab_cache *c = &malloc_caches[class];

		if (c->life == CACHE_LIVE && size <= c->object_size && align <= PAGE_SIZE && c->slot_size % align == 0)
			return class;
	}
	for (class = class_of(size); class <= SLAB_NR_CLASSES; class ++) {
		const struct slab_cache *c = &malloc_caches[class];

		if (c->tail)
			continue;
		if (c->offset == 0 && align <= PAGE_SIZE && c->slot_size % align == 0)
			return class;
		if (!c->fast && size + align - 16 <= c->object_size)
			return class;
	}
	return 0;
}

const char *slab_name_for(size_t size, size_t align)
{
	const struct slab_cache *zero = size ? NULL : cache_zero(align);
	unsigned class = 0;

	if (zero)
		return zero->name;
	if (align > 16)
		class = cache_class_aligned(size, align);
	else if (size <= SLAB_CLASS_MAX)
		class = class_of(size);
	return class ? malloc_caches[class].name : "vmalloc";
}

/* ---- every invariant, for tests -------------------------------------------------------------- */

static const char *verify_slab(const struct slab_cache *c, const struct slab *s, unsigned list)
{
	uint32_t i, nr_free = 0, first = UINT32_MAX;

	for (i = 0; i < c->map_words; i++) {
		nr_free += (uint32_t)__builtin_popcountl(s->map[i]);
		if (s->map[i] && first == UINT32_MAX)
			first = i;
	}
	if (nr_free != s->nr_free || nr_free > c->nr_objects)
		return "a slab's count is not what its map holds";
	if (s->hint > first)
		return "a free object lies before the hint";
	if (s->list != list || (list == SLAB_LIST_EMPTY) != (nr_free == nr_usable(c)) || nr_free == 0)
		return "a slab is in the wrong list";
	for (i = s->fresh; i < c->nr_objects; i++)
		if (!map_test(s->map, i))
			return "an object beyond the fresh mark is out";
	for (i = 0; i < c->nr_pages; i++)
		if (slab_of(slab_start(c, s) + i * PAGE_SIZE) != s)
			return "a page of a slab does not lead to it";
	return NULL;
}

const char *cache_verify(struct slab_cache *c)
{
	const char *wrong = NULL;
	uint64_t in = 0, listed = 0, empty = 0;
	struct slab *s;

	lock_acquire(&c->lock);
	for (s = c->partial; s && !wrong; s = s->next, listed++) {
		wrong = verify_slab(c, s, SLAB_LIST_PARTIAL);
		in += s->nr_free;
	}
	for (s = c->empty; s && !wrong; s = s->next, listed++, empty++) {
		wrong = verify_slab(c, s, SLAB_LIST_EMPTY);
		in += s->nr_free;
	}
	if (!wrong && (empty != c->nr_empty || listed > c->nr_slabs))
		wrong = "a cache's counts are not what its lists hold";
	if (!wrong && in + c->nr_out != (uint64_t)c->nr_slabs * nr_usable(c))
		wrong = "objects out and in are not all objects";
	lock_release(&c->lock);
	return wrong;
}
