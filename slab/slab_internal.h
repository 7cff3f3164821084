/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/slab_internal.h - shared between the files of slab/ only.
 *
 *   address ── memmap ──► struct slab ──► struct slab_cache           objects up to 32 KiB; liveness of checked ones: a byte each
 *      │          └─────► struct area                                 large areas; live: it names its address
 *      └────── state map: which unchecked object starts at this address (production)
 *
 * Locks, in rank order: quarantine_lock, a cache's lock, area_lock, the buddy's lock.  Each says below what it guards.
 */
#ifndef MEMSAN_SLAB_INTERNAL_H
#define MEMSAN_SLAB_INTERNAL_H

#include "slab/slab.h"

#ifdef MEMSAN_DEBUG
#define slab_assert(x)                         \
	do {                                   \
		if (unlikely(!(x)))            \
			__builtin_trap();      \
	} while (0)
#else
#define slab_assert(x) ((void)0)
#endif

struct slab;
struct slab_cache;
struct area;

/* ---- arena.c ---------------------------------------------------------------------------------------------------- */

/* The analogue of struct page, one per 4 KiB of the arena.  `owner` says what the page is; readers load it without a lock.
 * Pages inside a large area of whole blocks keep 0 and are found through the block's own word. */
struct page {
	uint64_t owner;
	uint32_t next, prev; /* free run's head: page number + 1 in its list, 0 ends it; under the buddy lock */
};
_Static_assert(sizeof(struct page) <= 32, "the memmap takes at most 32 bytes a page");

/* The owner word: a pointer to a 16-byte aligned descriptor, or a free run's order and cleanliness, with a tag below. */
#define OWNER_TAG 7u
#define OWNER_NONE 0u
#define OWNER_SLAB 1u
#define OWNER_AREA 2u
#define OWNER_FREE 3u /* head of a free run: order << 8, OWNER_DIRTY */
/* Sticky with NONE and FREE only: objects were here before, so a pointer to them is a stale one. */
#define OWNER_USED_BEFORE 8u
#define OWNER_DIRTY 16u /* the run may hold old bytes (and memory); clean runs read as zero */
#define OWNER_POINTER(w) ((void *)((w) & ~(uint64_t)15))

#define BLOCK_ORDER 10
#define BLOCK_PAGES (1u << BLOCK_ORDER)
#define BLOCK_SIZE (PAGE_SIZE << BLOCK_ORDER)
#define NO_PAGE UINT32_MAX

extern struct page *arena_memmap;
extern uint64_t *arena_blocks;     /* an owner word per block: an area that covers it all, a free block, or 0: see its pages */
extern uint32_t arena_nr_blocks;   /* blocks that can be reserved in all */
extern uint32_t arena_ready_blocks; /* blocks that are usable; under the buddy lock, read without it: grows only */

/* Without a state map no object can be in a cache without checks. */
bool arena_init(bool state_map_wanted);
/* Make blocks [0, n) usable with their maps.  Under the buddy lock.  False: no memory. */
bool arena_reach(uint32_t n);
/* Under the buddy lock: no more than half of `limit` bytes of address space for the arena and its maps, but what is in use stays. */
void arena_shrink(uint64_t limit);

static inline uintptr_t page_address(uint32_t page)
{
	return arena_base + ((uintptr_t)page << PAGE_SHIFT);
}
static inline uint32_t page_of(uintptr_t addr)
{
	return (uint32_t)((addr - arena_base) >> PAGE_SHIFT);
}
extern size_t arena_usable_size;    /* bytes from arena_base on; grows only, and covers every pointer ever handed out */

static inline bool arena_usable(uintptr_t addr)
{
	return addr - arena_base < LOAD_ACQUIRE(arena_usable_size);
}
/* The owner word that speaks for an address in the usable part. */
static inline uint64_t arena_owner(uintptr_t addr)
{
	uint32_t page = page_of(addr);
	uint64_t w = LOAD_ACQUIRE(arena_memmap[page].owner);

	return (w & OWNER_TAG) != OWNER_NONE ? w : LOAD_ACQUIRE(arena_blocks[page >> BLOCK_ORDER]) | (w & OWNER_USED_BEFORE);
}
static inline struct slab *slab_of(uintptr_t addr)
{
	uint64_t w = LOAD_ACQUIRE(arena_memmap[page_of(addr)].owner);

	return (w & OWNER_TAG) == OWNER_SLAB ? OWNER_POINTER(w) : NULL;
}
/* Of an object in a cache without checks: only those use the state map, and of malloc's only those up to 1 KiB. */
static inline uint8_t *state_of(uintptr_t addr)
{
	return &arena_state[(addr - arena_base) >> 4];
}
/* Of a malloc class: not in the state map but in the coarse one. */
static inline bool class_is_coarse(unsigned class)
{
	return class >= SLAB_CLASS_COARSE && class <= SLAB_NR_CLASSES;
}
/* An object of that class is live now, or no longer. */
static inline void state_set(void *p, unsigned class)
{
	if (class_is_coarse(class))
		slab_coarse_set(p, class);
	else
		WRITE_ONCE(*state_of((uintptr_t)p), (uint8_t)class);
}
static inline void state_clear(void *p, unsigned class)
{
	if (class_is_coarse(class))
		WRITE_ONCE(arena_coarse[((uintptr_t)p - arena_base) >> COARSE_SHIFT], 0);
	else
		WRITE_ONCE(*state_of((uintptr_t)p), 0);
}
/* The whole run [page, page + n) belongs to `owner`. */
void arena_set_owner(uint32_t page, uint32_t n, uint64_t owner);
/* The run belongs to nobody; objects that started in its first `used` pages are remembered as such. */
void arena_clear_owner(uint32_t page, uint32_t n, uint32_t used);
/* An area's run changes from old_n to new_n pages; what it loses belongs to nobody. */
void arena_change_owner(uint32_t page, uint32_t old_n, uint32_t new_n, uint64_t owner);

/* ---- directory.c ---------------------------------------------------------------------------------------------------------- */

void directory_init(void);

/* ---- buddy.c ------------------------------------------------------------------------------------------------------ */

void buddy_init(void);
void buddy_fork_child(void);
/* A run of exactly n pages, or NO_PAGE.  *clean: all its bytes are zero. */
uint32_t buddy_alloc(size_t n, bool *clean);
/* Give back any run of pages, also part of one that was allocated whole. */
void buddy_free(uint32_t page, size_t n, bool clean);
/* Take the n pages right behind an allocated run that ends before `page`, if they are all free. */
bool buddy_extend(uint32_t page, size_t n, bool *clean);
/* Give memory of free runs back to the system until at most `keep` pages of it are left; pages given back. */
size_t buddy_purge(size_t keep);
size_t buddy_dirty_pages(void); /* free, and probably resident */
size_t buddy_used_pages(void);  /* not free; without the lock */
/* Gives back what was not needed for a while, if it is time. */
void buddy_decay(void);
/* Every invariant, for tests: lists, tags, merging.  NULL, or what is wrong. */
const char *buddy_verify(void);
/* Free runs by order, the last: blocks, and how many pages of them may hold old bytes. */
void buddy_count(uint64_t counts[BLOCK_ORDER + 1]);
struct buddy_stats { size_t mapped_pages, free_pages, dirty_pages; };
void buddy_get_stats(struct buddy_stats *s);

/* ---- class.c ------------------------------------------------------------------------------------------------------ */

__inline_hot unsigned class_of(size_t size)          /* at most SLAB_CLASS_MAX */
{
	return likely(size <= SLAB_FAST_SIZE) ? slab_class_table[(size + 15) / 16] : slab_class_large(size);
}
size_t class_size(unsigned class);

/* ---- cache.c ------------------------------------------------------------------------------------------------------ */

#define REDZONE_SIZE 16
#define SLAB_NAME_MAX 32

/* A slab: a run of pages cut into equal slots.  Descriptors are recycled within their cache and never unmapped, so that a reader
 * without the lock sees at worst an old truth. */
struct slab {
	struct slab_cache *cache;
	uintptr_t base;
	struct slab *next, *prev; /* partial or empty list; under the cache lock */
	uint32_t nr_free;         /* bits set in free_map; under the cache lock */
	uint32_t fresh;           /* slots from here on were never handed out; under the cache lock */
	uint32_t hint;            /* no free bit in the words before this one; under the cache lock */
	uint8_t list;             /* enum slab_list; under the cache lock */
	bool opened;              /* guarded, and one of its pages was opened after a report */
	bool guarded;              /* guarded as a whole, its bytes must not be touched; written under quarantine and cache lock */
	uint32_t nr_queued;       /* its objects' entries in the global queue; under quarantine_lock */
	uint64_t map[];           /* the free map, under the cache lock; in caches with flags then a byte an object, and the tracks */
};

/* What a byte of a checked object says, in its slab's descriptor:
 *
 *     7      6      5 4 3 2 1 0
 *     LIVE   HELD   0 0 align          the object starts at the slot's first multiple of 16 << align
 *
 *     0 ──debug_alloc──► LIVE|a ──debug_free──► a ──quarantine_put──► HELD|a ──leaves it──► a ──next allocation──► …
 *
 * It is the truth about the object's liveness.  Who owns the object stores it (bytes that are next to each other do not disturb each
 * other); only the step out of LIVE is a compare and exchange, as two threads may try to free the same object.  `align` stays until the
 * slot is taken again, so that a stale pointer to the start of an over-aligned object can still be told from an interior one. */
#define OBJECT_LIVE 0x80
#define OBJECT_HELD 0x40
#define OBJECT_ALIGN 0x0f
_Static_assert(SLAB_CLASS_MAX <= (size_t)16 << OBJECT_ALIGN, "every alignment that a cache can give fits");
enum slab_list { SLAB_LIST_NONE, SLAB_LIST_PARTIAL, SLAB_LIST_EMPTY };

/* A kind of object.  Written once by cache_init, except what the lock guards. */
struct slab_cache {
	char name[SLAB_NAME_MAX];
	uint32_t object_size;
	uint32_t slot_size;
	uint32_t offset;       /* of the object in its slot: the left red zone */
	uint32_t flags;        /* SLAB_F_* */
	uint64_t reciprocal;   /* 2^40 / slot_size, rounded up */
	uint32_t nr_objects;   /* a slab */
	uint32_t nr_pages;     /* a slab */
	uint32_t map_words;    /* of the free map */
	uint32_t bytes_at;     /* where a descriptor has its object bytes */
	uint32_t tracks_at;    /* and its tracks */
	uint32_t batch;        /* most objects taken or returned at once */
	uint8_t state;         /* the state byte of live objects, where it is fast; its number among the malloc caches */
	uint8_t life;          /* enum cache_life; under cache_list_lock, read without */
	struct slab_cache *self; /* of a live cache that the program made: this address; under cache_list_lock, read without */
	uint32_t number;       /* its place in slab_caches */
	uint32_t generation;   /* how many caches had this place before: what threads still hold of those is nothing */
	uint32_t user_size;    /* of an object as its creator asked for it */
	bool typesafe;         /* memory stays objects of this cache: no poison, slabs stay */
	uint32_t pins;         /* atomic: itself while it is not destroyed, and objects on their way out of the quarantine */
	void (*ctor)(void *object); /* runs once over each object of a new slab */
	bool fast;             /* no flags: production's paths */
	bool held;             /* freed objects go through the quarantine */

	struct ranked_lock lock; /* guards all below, and every slab's lists and maps; nothing is reported under it */
	struct slab *partial, *empty;
	struct slab *spare;      /* descriptors without pages, linked by next */
	uint32_t nr_slabs, nr_empty;
	uint64_t nr_out;         /* objects outside of the free maps */
	bool broken;             /* its maps were found inconsistent: it takes nothing back any more */
} __attribute__((aligned(SLAB_CACHE_ALIGN)));

enum cache_life { CACHE_UNUSED, CACHE_LIVE, CACHE_DEAD /* destroyed with objects alive: its memory stays theirs */ };
/* [0] is not used; then malloc's, by class; then those that the program made.  Only as many as were ever used are touched. */
#define SLAB_FIRST_CUSTOM (SLAB_NR_CLASSES + 1)
extern struct slab_cache slab_caches[SLAB_CACHES];
/* fast.h finds a cache's bin by its address: odd multiples of a step, and a power of two of them. */
_Static_assert(sizeof(struct slab_cache) / SLAB_CACHE_ALIGN % 2 == 1 && IS_POW2(SLAB_CACHES), "every cache has a bin of its own");
#define malloc_caches slab_caches
static inline bool cache_is_custom(const struct slab_cache *c)
{
	return c->number >= SLAB_FIRST_CUSTOM;
}
extern int64_t cache_checked_bytes; /* slots that are out of their slabs, in caches with flags; atomic */

/* Objects of `size` bytes; `align` is a power of two from 16 to the page size. */
void cache_init(struct slab_cache *c, const char *name, size_t size, size_t align, unsigned flags, uint8_t state);
/* Everything goes back: the slabs, which nobody may hold an object of any more, and their descriptors. */
void cache_release(struct slab_cache *c);
/* Takes up to n objects; how many.  0: no memory. */
size_t cache_take(struct slab_cache *c, void **objects, size_t n);
/* Gives them back.  An object that is already there (two threads freed it at once) is reported after the lock is released. */
void cache_return(struct slab_cache *c, void *const *objects, size_t n);
/* Gives back the pages of all empty slabs; pages. */
size_t cache_shrink(struct slab_cache *c);
/* A slab whose objects are all quarantined leaves the cache's books, or comes back from there to be given up: its pages read as
 * zero and are accessible again. */
void cache_guard_slab(struct slab_cache *c, struct slab *s);
void cache_drop_guarded(struct slab_cache *c, struct slab *s);
size_t cache_descriptor_size(const struct slab_cache *c);
/* Visits every cache there is. */
void cache_for_each(void (*fn)(struct slab_cache *c, void *ctx), void *ctx);
const char *cache_verify(struct slab_cache *c); /* for tests: every invariant */

static inline uint32_t slab_index(const struct slab_cache *c, const struct slab *s, uintptr_t addr)
{
	return (uint32_t)(((addr - READ_ONCE(s->base)) * c->reciprocal) >> 40);
}
static inline uintptr_t slab_object_at(const struct slab_cache *c, const struct slab *s, uint32_t i)
{
	return READ_ONCE(s->base) + (uintptr_t)i * c->slot_size + c->offset;
}
/* Of a cache without checks. */
static inline bool state_is_live(const struct slab_cache *c, uintptr_t addr)
{
	return class_is_coarse(c->number) ? slab_coarse_class((void *)addr) != 0 : READ_ONCE(*state_of(addr)) != 0;
}
static inline bool map_test(const uint64_t *map, uint32_t i)
{
	return READ_ONCE(map[i / 64]) >> (i % 64) & 1;
}
/* Where a checked slab's object bytes and tracks are, from its descriptor on; view.c reads them elsewhere. */
static inline size_t slab_bytes_offset(uint32_t map_words)
{
	return sizeof(struct slab) + map_words * sizeof(uint64_t);
}
static inline size_t slab_tracks_offset(uint32_t map_words, uint32_t nr_objects)
{
	return ALIGN_UP(slab_bytes_offset(map_words) + nr_objects, 16);
}
static inline uint8_t *slab_byte(const struct slab_cache *c, struct slab *s, uint32_t i)
{
	return (uint8_t *)s + c->bytes_at + i;
}
static inline bool slab_is_held(const struct slab_cache *c, struct slab *s, uint32_t i)
{
	return READ_ONCE(*slab_byte(c, s, i)) & OBJECT_HELD;
}
/* Of a slot whose object is at `object` and says `byte`. */
static inline uintptr_t object_start(uintptr_t object, uint8_t byte)
{
	return ALIGN_UP(object, (uintptr_t)16 << (byte & OBJECT_ALIGN));
}

/* ---- custom.c: the program's caches -------------------------------------------------------------------------------- */

void custom_finish(struct slab_cache *c);
/* Whoever holds objects of a cache that are in no slab and in no queue pins it, under quarantine_lock: it may be destroyed meanwhile, and
 * goes with the last pin. */
static inline void custom_pin(struct slab_cache *c)
{
	if (cache_is_custom(c))
		__atomic_fetch_add(&c->pins, 1, __ATOMIC_RELAXED);
}
static inline void custom_unpin(struct slab_cache *c, uint32_t n)
{
	if (cache_is_custom(c) && __atomic_sub_fetch(&c->pins, n, __ATOMIC_ACQ_REL) == 0)
		custom_finish(c);
}
/* The same for a thread that holds objects of that generation in a bin, and no lock.  False: the cache is gone, and so are they. */
static inline bool custom_try_pin(struct slab_cache *c, uint32_t generation)
{
	uint32_t n = READ_ONCE(c->pins);

	while (n && !__atomic_compare_exchange_n(&c->pins, &n, n + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		;
	if (n && READ_ONCE(c->generation) == generation)
		return true;
	if (n)
		custom_unpin(c, 1);
	return false;
}
/* A live object of the program's caches, freed by another family's function: it goes back all the same. */
void custom_put(struct slab *s, void *p, enum slab_api api, const struct unwind_regs *regs);

/* ---- mempool.c ----------------------------------------------------------------------------------------------------------- */

extern bool mempool_any;   /* a pool was made */

/* What mempool.c's table holds, which view_mempools.c reads from outside. */
struct mempool_object {
	uintptr_t addr;
	size_t size;
	struct slab_mempool *pool;
	struct mempool_object *next, *prev; /* of the pool, live and freed */
	stack_handle alloc_stack, free_stack;
	uint32_t alloc_thread, free_thread, when;
	bool live;
};
struct mempool_block { uintptr_t addr; size_t size; struct mempool_block *next; };
struct slab_mempool {
	char name[SLAB_NAME_MAX];
	size_t redzone;
	unsigned flags;             /* SLAB_POOL_* */
	bool used;
	size_t nr_live;
	struct mempool_object *objects;
	struct mempool_block *blocks;
	struct slab_mempool *next;     /* of all ever made */
};
#define MEMPOOL_TOMBSTONE 1u
struct mempool_table { uint32_t size, used; struct mempool_object *slots[]; }; /* a power of two; used: with tombstones */
/* Where the pointer to the table is. */
const void *mempool_table_place(void);
static inline uint32_t mempool_table_slot(uint32_t size, uintptr_t addr)
{
	return (uint32_t)((addr >> 3) * 0x9e3779b97f4a7c15u >> 32) & (size - 1);
}
static inline bool mempool_object_holds(const struct mempool_object *o, const struct slab_mempool *pool, uintptr_t addr)
{
	return addr - (o->addr - pool->redzone) < o->size + 2 * pool->redzone;
}
static inline uintptr_t mempool_object_distance(const struct mempool_object *o, uintptr_t addr)
{
	if (addr < o->addr)
		return o->addr - addr;
	return addr < o->addr + o->size ? 0 : addr - (o->addr + o->size) + 1;
}
void mempool_object_describe(const struct mempool_object *o, const struct slab_mempool *pool, bool live, struct slab_object *obj);
size_t mempool_check_all(enum slab_found_at at, const struct unwind_regs *regs);

/* ---- malloc.c ---------------------------------------------------------------------------------------------------------- */

/* Everything that is held back goes.  No lock may be held: findings are told, and the program's shrinkers run. */
bool slab_reclaim(const struct unwind_regs *regs);

/* ---- flags.c ------------------------------------------------------------------------------------------------------ */

/* What options.slab_debug says for a cache of that name. */
unsigned flags_for_cache(const char *name);
/* Is the name one of "pattern,pattern"? */
bool flags_name_in_list(const char *list, const char *name);

/* ---- track.c ------------------------------------------------------------------------------------------------------ */

/* SLUB's two struct track in 16 bytes.  Written by the thread that owns the object at the time; readers take a snapshot. */
struct slab_track {
	uint64_t alloc_stack : STACK_HANDLE_BITS, free_stack : STACK_HANDLE_BITS, api : 3, when_high : 5;
	uint64_t size : 16, alloc_thread : THREAD_INDEX_BITS, free_thread : THREAD_INDEX_BITS, when_low : 22;
};
_Static_assert(sizeof(struct slab_track) == 16, "a track is 16 bytes");

static inline struct slab_track *track_of(const struct slab_cache *c, struct slab *s, uint32_t i)
{
	return c->flags & SLAB_F_TRACK ? (struct slab_track *)((char *)s + c->tracks_at) + i : NULL;
}
void track_set_alloc(struct slab_track *t, size_t size, enum slab_api api, stack_handle stack);
void track_set_free(struct slab_track *t, stack_handle stack);
void track_set_size(struct slab_track *t, size_t size, stack_handle stack);
uint32_t track_when(const struct slab_track *t);
/* Both words, each at one moment. */
union packed_track {
	struct slab_track t;
	uint64_t word[2];
};
static inline struct slab_track track_read(const struct slab_track *t)
{
	const uint64_t *word = (const uint64_t *)t;
	union packed_track p;

	p.word[0] = READ_ONCE(word[0]);
	p.word[1] = READ_ONCE(word[1]);
	return p.t;
}

/* ---- object.c: views, findings ------------------------------------------------------------------------------------- */

void object_describe(const struct slab_cache *c, struct slab *s, uint32_t i, struct slab_object *obj);
void object_describe_area(const struct area *a, struct slab_object *obj);
/* Starts a finding at `addr`, with the object there or nearby. */
void finding_init(struct slab_finding *f, enum slab_finding_kind kind, enum slab_found_at at, uintptr_t addr,
                  const struct unwind_regs *regs);
void finding_report(const struct slab_finding *f);
/* May memory of `allocated` not be given back through `freed`? */
static inline bool mismatch_of_apis(enum slab_api allocated, enum slab_api freed)
{
	if (allocated == SLAB_API_MEMALIGN)
		allocated = SLAB_API_MALLOC;
	if (freed == SLAB_API_MEMALIGN)
		freed = SLAB_API_MALLOC;
	return allocated != freed;
}
/* A pointer that is no live object's start was passed to free or realloc. */
void object_report_bad(uintptr_t addr, enum slab_api api, enum slab_found_at at, const struct unwind_regs *regs);
void object_report_bad_state(uintptr_t addr);

/* ---- redzone.c -------------------------------------------------------------------------------------------------------- */

/* Where damage was: [addr, addr + size), `size` 0 when there was none. */
struct damage { uintptr_t addr; size_t size; uint8_t expected, found; };

void redzone_fill_fresh(const struct slab_cache *c, struct slab *s, uint32_t from, uint32_t to);
/* What is wrong with an object's red zones or poison, described but neither told nor repaired.  How many findings. */
unsigned check_find_redzones(const struct slab_cache *c, struct slab *s, uint32_t i, uintptr_t user, size_t size,
                             enum slab_found_at at, const struct unwind_regs *regs, struct slab_finding found[2]);
unsigned check_find_poison(const struct slab_cache *c, struct slab *s, uint32_t i, enum slab_found_at at,
                           const struct unwind_regs *regs, struct slab_finding *found);
/* Both verify again, report and repair; the object belongs to the caller.  How many findings. */
unsigned check_redzones_suspect(const struct slab_cache *c, struct slab *s, uint32_t i, uintptr_t user, size_t size,
                                enum slab_found_at at, const struct unwind_regs *regs);
unsigned check_poison_suspect(const struct slab_cache *c, struct slab *s, uint32_t i, enum slab_found_at at,
                              const struct unwind_regs *regs);
bool check_bytes(uintptr_t from, uintptr_t to, uint8_t expected, struct damage *d);
bool check_poison_bytes(const struct slab_cache *c, uintptr_t object, struct damage *d);

/* The rest is done for every allocation and free, so in line.  Objects and their sizes are multiples of 16. */

#define POISON_WORD (POISON_FREE * 0x0101010101010101ULL)
#define POISON_LAST_WORD (POISON_WORD ^ (uint64_t)(POISON_FREE ^ POISON_END) << 56)
#define POISON_INLINE 256u /* up to here a loop beats a call */

static inline void poison_fill(const struct slab_cache *c, uintptr_t object)
{
	arch_vec16 v = arch_vec16_fill(POISON_WORD);
	uintptr_t p = object, end = object + c->object_size;

	if (likely(c->object_size <= POISON_INLINE))
		for (; p < end; p += 16)
			*(arch_vec16 *)p = v;
	else
		mem_set((void *)object, POISON_FREE, c->object_size);
	WRITE_ONCE(((uint64_t *)end)[-1], POISON_LAST_WORD);
}

/* Before a displaced object, and behind one that is smaller than its slot. */
static inline void redzone_fill_slack(const struct slab_cache *c, uintptr_t object, uintptr_t user, size_t size)
{
	if (!(c->flags & SLAB_F_REDZONE))
		return;
	if (unlikely(user != object))
		mem_set((void *)object, SLUB_RED_ACTIVE, user - object);
	mem_set_short((void *)(user + size), SLUB_RED_ACTIVE, object + c->object_size - (user + size));
}

static inline bool check_poison_intact(uintptr_t object, size_t size)
{
	const uint64_t *tail = (const uint64_t *)(object + size - 16);
	const char *p = (const char *)object, *end = (const char *)tail;
	arch_vec16 v = arch_vec16_fill(POISON_WORD);

	for (; end - p >= 64; p += 64)
		if (!arch_equal_64(p, v))
			return false;
	for (; p < end; p += 16)
		if (!arch_equal_16(p, v))
			return false;
	return ((tail[0] ^ POISON_WORD) | (tail[1] ^ POISON_LAST_WORD)) == 0;
}

/* Of an object that starts where its slot's object does, up to `end`: its red zones at `slot` and `next`, and what is left before the latter, looked
 * at 16 bytes at a time, of which the last may lie in the zone. */
static inline bool check_zones_intact(uintptr_t slot, uintptr_t end, uintptr_t next)
{
	arch_vec16 red = arch_vec16_fill(SLUB_RED_ACTIVE * 0x0101010101010101ULL);

	if (!arch_equal_16((const void *)slot, red) || !arch_equal_16((const void *)next, red))
		return false;
	for (; end < next; end += 16)
		if (!arch_equal_16((const void *)end, red))
			return false;
	return true;
}

/* In the next three `object` is where object i of the slab is. */
static inline void check_redzones(const struct slab_cache *c, struct slab *s, uint32_t i, uintptr_t object, uintptr_t user, size_t size,
                                  enum slab_found_at at, const struct unwind_regs *regs)
{
	if (c->flags & SLAB_F_REDZONE &&
	    unlikely(user != object || c->offset != REDZONE_SIZE ||
	             !check_zones_intact(object - REDZONE_SIZE, user + size, object + c->object_size)))
		check_redzones_suspect(c, s, i, user, size, at, regs);
}

static inline void check_poisoned(const struct slab_cache *c, struct slab *s, uint32_t i, uintptr_t object, enum slab_found_at at,
                                  const struct unwind_regs *regs)
{
	if (c->flags & SLAB_F_POISON && unlikely(!check_poison_intact(object, c->object_size)))
		check_poison_suspect(c, s, i, at, regs);
}

/* At its allocation, an object that was checked whole when it left the quarantine.  In an instrumented program only the ends of objects that are
 * larger than both: the bytes between have been whole since the quarantine but for what code that is not instrumented has written there,
 * between two events that follow each other closely.  That much is given up for a fifteenth of the time of programs with objects of some KiB. */
#define CHECK_ENDS 64u
static inline void check_poisoned_again(const struct slab_cache *c, struct slab *s, uint32_t i, uintptr_t object,
                                        const struct unwind_regs *regs)
{
	if (likely(c->object_size <= 2 * CHECK_ENDS || !slab_accesses_checked))
		check_poisoned(c, s, i, object, SLAB_AT_ALLOC, regs);
	else if (c->flags & SLAB_F_POISON && unlikely(!arch_equal_64((const void *)object, arch_vec16_fill(POISON_WORD)) ||
	                                              !check_poison_intact(object + c->object_size - CHECK_ENDS, CHECK_ENDS)))
		check_poison_suspect(c, s, i, SLAB_AT_ALLOC, regs);
}

/* ---- vmalloc.c ------------------------------------------------------------------------------------------------------- */

enum area_state { AREA_UNUSED, AREA_LIVE, AREA_QUARANTINED, AREA_RETAINED };
/* A large object: whole pages, in check mode between two guard pages.  Descriptors are recycled and never unmapped. */
struct area {
	uint32_t page, nr_pages;   /* the run with its guards */
	uint32_t guard_pages;      /* on each side: 0 or 1 */
	uint8_t state;             /* enum area_state; written under area_lock */
	uint8_t api;
	bool clean;                /* retained: reads as zero */
	bool opened;               /* a guard was opened after a report: its page may hold anything */
	bool resizing;             /* size and red zone disagree for the moment; under area_lock */
	uintptr_t addr;            /* the user's pointer */
	uintptr_t live;            /* the same while the object is live, else 0: free exchanges it, one of several racing threads wins */
	size_t size;               /* as requested */
	stack_handle alloc_stack, free_stack;
	uint32_t alloc_thread, free_thread, when;
	struct area *next, *prev;  /* all live ones, the quarantine's queue, or unused descriptors; under area_lock */
} __attribute__((aligned(16)));

void area_init(void);
void *area_alloc(size_t size, size_t align, enum slab_api api, bool zero, const struct unwind_regs *regs);
/* The caller has cleared `live`, so the area is its own. */
void area_free(struct area *a, enum slab_api api, size_t size_given, const struct unwind_regs *regs);
void *area_realloc(struct area *a, size_t size, const struct unwind_regs *regs);
size_t area_usable(const struct area *a);
size_t area_check_all(enum slab_found_at at, const struct unwind_regs *regs);
static inline uintptr_t area_data(const struct area *a)
{
	return page_address(READ_ONCE(a->page) + READ_ONCE(a->guard_pages));
}
static inline size_t area_data_size(const struct area *a)
{
	return (size_t)(READ_ONCE(a->nr_pages) - 2 * READ_ONCE(a->guard_pages)) << PAGE_SHIFT;
}
static inline struct area *area_at(uintptr_t addr)
{
	uint64_t w = arena_owner(addr);

	return (w & OWNER_TAG) == OWNER_AREA ? OWNER_POINTER(w) : NULL;
}

/* ---- area.c ----------------------------------------------------------------------------------------------------------------- */

extern struct ranked_lock area_lock; /* guards the lists of areas and their descriptors' links */

struct area *area_descriptor_get(void);
void area_descriptor_put(struct area *a);
void area_make_live(struct area *a);
void area_set_pages(struct area *a, uint32_t pages);
void area_set_resizing(struct area *a, bool resizing);
/* Both are called under the lock. */
uintptr_t area_find_live(uintptr_t after, bool (*wanted)(const struct area *a), void (*take)(struct area *a, void *ctx), void *ctx);
void area_guard_set(uint32_t page, size_t n);
bool area_guard_clear(uint32_t page, size_t n);     /* the pages read as zero afterwards */
/* What becomes of a live area that was freed; exactly one of the three. */
void area_retain(struct area *a);
void area_quarantine(struct area *a);
void area_dispose(struct area *a);
struct area *area_take_retained(size_t pages);      /* live again, or NULL */
/* Retained areas go back to the buddy; pages. */
size_t area_shrink(void);
/* Fresh pages are about to be taken: the oldest retained areas serve first, where the buddy has too few that were used before. */
void area_give_way(size_t pages);
void area_decay(void);                              /* those that nobody took back for a while */
void area_drain(void);                              /* quarantined ones too */
struct area_stats { uint64_t areas, bytes, retained_bytes, quarantined_bytes, quarantined; };
void area_for_each_live(void (*fn)(const struct area *a, void *ctx), void *ctx);
uint64_t area_live_bytes(void);                     /* without the lock */
void area_get_stats(struct area_stats *s);

/* ---- debug.c: allocation and free with checks ------------------------------------------------------------------------- */

void *debug_alloc(struct slab_cache *c, size_t size, size_t align, enum slab_api api, bool zero, const struct unwind_regs *regs);
/* Does a live object start there?  False for a slab without checks. */
bool debug_is_live(struct slab *s, uintptr_t user);
/* A pointer at which no live object starts is reported. */
void debug_free(struct slab *s, uintptr_t user, enum slab_api api, size_t size_given, const struct unwind_regs *regs);
/* The next: a live object starts at `user`. */
void *debug_realloc(struct slab *s, uintptr_t user, size_t size, const struct unwind_regs *regs);
/* Tells the trace hook (flag T). */
void debug_trace(const char *cache, bool free, uintptr_t user, size_t size, stack_handle stack);
/* The requested size where it is known, else what the object has. */
size_t debug_size(struct slab *s, uintptr_t user);

/* ---- what a pointer that may be anything leads to -------------------------------------------------------------------------- */

/* Who knows whether an object is live depends on who made it: the state map (fast), its slab's descriptor (checked), its area's. */
enum place { PLACE_NOTHING, PLACE_FAST, PLACE_CUSTOM, PLACE_CHECKED, PLACE_AREA };
struct lookup {
	enum place place;
	unsigned class;      /* FAST: of the live object that starts there */
	struct slab *slab;   /* CHECKED: the pointer is somewhere in it; CUSTOM: a live object of an unchecked cache of the program's starts there */
	struct area *area;   /* AREA: likewise */
};
__inline_hot struct lookup lookup_pointer(const void *p)
{
	size_t i = arena_state_index(p);
	struct lookup to = { .place = PLACE_NOTHING };
	uint64_t w;

	if (i < LOAD_ACQUIRE(arena_state_limit)) {
		to.class = LOAD_ACQUIRE(arena_state[i]);
		if (!to.class)
			to.class = slab_coarse_class(p);
		if (to.class) {
			to.place = to.class <= SLAB_NR_CLASSES ? PLACE_FAST : PLACE_CUSTOM;
			to.slab = to.place == PLACE_CUSTOM ? slab_of((uintptr_t)p) : NULL;
			return to;
		}
	}
	if (unlikely(!arena_usable((uintptr_t)p)))
		return to;
	w = arena_owner((uintptr_t)p);
	if ((w & OWNER_TAG) == OWNER_SLAB && !((struct slab *)OWNER_POINTER(w))->cache->fast) {
		to.slab = OWNER_POINTER(w);
		to.place = PLACE_CHECKED;
	} else if ((w & OWNER_TAG) == OWNER_AREA) {
		to.area = OWNER_POINTER(w);
		to.place = PLACE_AREA;
	}
	return to;
}
/* The same, NOTHING unless a live object starts there. */
static inline struct lookup lookup_live(const void *p)
{
	struct lookup to = lookup_pointer(p);

	if ((to.place == PLACE_CHECKED && !debug_is_live(to.slab, (uintptr_t)p)) ||
	    (to.place == PLACE_AREA && LOAD_ACQUIRE(to.area->live) != (uintptr_t)p))
		to.place = PLACE_NOTHING;
	return to;
}

/* ---- tcache.c ----------------------------------------------------------------------------------------------------------- */

#define QUARANTINE_BUFFER 64

/* A thread's block.  Blocks are never unmapped; those of threads that ended wait for the next. */
struct tcache_block {
	struct tcache fast;                             /* must be first: tcache_self points to it */
	struct tcache_bin ready[SLAB_NR_CLASSES + 1];   /* objects for debug_alloc */
	struct tcache_block *next;                      /* in the list of all blocks: written once */
	uint32_t in_use;                                /* exchanged atomically */
	uint32_t ticks;                                 /* trips to a slab cache */
	uint64_t ran_empty;                             /* which of malloc's bins did since they were last looked at: a bit per class */
	uint32_t held_count;                            /* freed objects on their way to the quarantine */
	uint64_t held_bytes;
	void *held[QUARANTINE_BUFFER];
	uint64_t allocs, frees;                         /* checked ones, and batches from and to slabs; read by others */
};
struct tcache_block *tcache_block(void);            /* this thread's; NULL: no memory, or the thread has ended */
struct tcache_block *tcache_first_block(void);
void *tcache_malloc(unsigned class);                /* refills: fast caches */
void tcache_free(unsigned class, void *p);          /* flushes */
/* One of malloc's caches with checks. */
void *tcache_take_debug_slowly(struct slab_cache *c);
__inline_hot void *tcache_take_debug(struct slab_cache *c)
{
	struct tcache_block *b = (struct tcache_block *)tcache_self;
	struct tcache_bin *bin;
	uint32_t n;

	if (unlikely(!b))
		return tcache_take_debug_slowly(c);
	bin = &b->ready[c->number];
	n = bin->count;
	if (unlikely(n == 0))
		return tcache_take_debug_slowly(c);
	WRITE_ONCE(bin->count, n - 1);
	WRITE_ONCE(b->allocs, b->allocs + 1);
	/* Its poison is going to be verified by the next allocation of this class. */
	if (n > 1)
		__builtin_prefetch(bin->items[n - 2]);
	return bin->items[n - 1];
}
/* Of a cache that the program made; the state byte is the caller's. */
void *tcache_take_custom(struct slab_cache *c);
void tcache_put_custom(struct slab_cache *c, void *p);
void tcache_flush_custom(struct slab_cache *c);    /* this thread's */
void tcache_forget_custom(const struct slab_cache *c); /* in all threads: it is for the inline paths no more */
uint64_t tcache_count_custom(const struct slab_cache *c);
void tcache_flush_all(struct tcache_block *b);
void tcache_fork_child(void);
/* Objects cached by all threads, by class. */
void tcache_count(uint64_t counts[SLAB_NR_CLASSES + 1]);

/* ---- quarantine.c -------------------------------------------------------------------------------------------------------- */

extern struct ranked_lock quarantine_lock; /* guards the global queue */
void quarantine_init(void);
/* An object of a checked slab, whose byte is `byte`, out of the program's hands. */
void quarantine_put(struct slab_cache *c, uint8_t *byte, uintptr_t object, const struct unwind_regs *regs);
/* All that is held of one cache goes back to it. */
void quarantine_remove_cache(struct slab_cache *c, const struct unwind_regs *regs);
void quarantine_flush_block(struct tcache_block *b, const struct unwind_regs *regs);
/* This thread's buffer and the whole queue go back. */
void quarantine_drain(const struct unwind_regs *regs);
/* Bytes that the quarantine may hold at the moment. */
uint64_t quarantine_budget(void);
/* `bytes`: held memory; `guarded`: objects in slabs that are guarded as a whole, which hold none. */
struct quarantine_stats { uint64_t bytes, objects, guarded; };
void quarantine_get_stats(struct quarantine_stats *s);

/* ---- guard_slab.c ---------------------------------------------------------------------------------------------------------------- */

bool guard_slab_wanted(const struct slab_cache *c);      /* under quarantine_lock: is there time for it? */
void guard_slab(struct slab *s, const struct unwind_regs *regs);
uint64_t guard_slab_metadata(void);                      /* bytes of the guarded slabs' descriptors; under quarantine_lock */
/* Sealed slabs beyond the budget, or all, are given up. */
void guard_slab_trim(bool all);
/* Those of a cache that the queue knows no more. */
void guard_slab_remove_cache(struct slab_cache *c);

#endif
