/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/cache.h - slab caches: the descriptors of slabs and caches, and where in a slab an object and its state are. */
#ifndef MEMSAN_SLAB_CACHE_H
#define MEMSAN_SLAB_CACHE_H

#include "slab/arena.h"
#include "slab/state.h"
#include "slab/track.h"

#define REDZONE_SIZE 16 /* of small objects, and the unit of all */

/* A slab: a run of pages cut into equal slots. Descriptors are recycled within their cache and never unmapped, so a
 * reader without the lock sees at worst outdated values. */
struct slab {
	struct slab_cache *cache;
	uintptr_t base;           /* of its first slot */
	struct slab *next, *prev; /* partial or empty list; under the cache lock */
	uint32_t nr_free;         /* bits set in the free map; under the cache lock */
	uint32_t fresh;           /* slots from here on were never handed out; under the cache lock */
	uint32_t hint;            /* no free bit in the words before this one; under the cache lock */
	uint8_t list;             /* enum slab_list; under the cache lock */
	bool fenced;              /* the page behind it is a guard (harden=full) */
	bool opened;              /* guarded, and one of its pages was opened after a report */
	bool remapped;            /* the program may have changed how its pages are mapped (changed.c) */
	/* guarded as a whole: its bytes must not be touched. Written under quarantine_lock and the cache lock. */
	bool guarded;
	uint32_t nr_queued; /* its objects' entries in the global queue; under quarantine_lock */
	/* The free map, under the cache lock. In caches with flags a byte for each object and the tracks follow. */
	uint64_t map[];
};

/* The byte of a checked object in its slab's descriptor:
 *
 *     7      6      5   4        3 2 1 0
 *     LIVE   HELD   0   CHANGED  align     the object starts at the slot's first multiple of 16 << align
 *
 *     0 ──debug_alloc──► LIVE|a ──debug_free──► a ──quarantine_put──► HELD|a ──leaves it──► a ──next allocation──► …
 *
 * The byte decides whether the object is live. The object's owner stores it; stores to neighboring bytes do not disturb
 * each other. Only the step out of LIVE is a compare and exchange, because two threads may try to free the same object.
 * `align` stays until the slot is taken again. Until then a stale pointer to the start of an over-aligned object can be
 * told from an interior pointer. */
#define OBJECT_LIVE 0x80
#define OBJECT_HELD 0x40
/* Only with LIVE: the program may have changed how pages of the object are mapped (changed.c). */
#define OBJECT_CHANGED 0x10
#define OBJECT_ALIGN 0x0f
_Static_assert(SLAB_CLASS_MAX <= (size_t)16 << OBJECT_ALIGN, "every alignment that a cache can give fits");
enum slab_list { SLAB_LIST_NONE, SLAB_LIST_PARTIAL, SLAB_LIST_EMPTY };

/* A kind of object. cache_init writes all members once, except those that the lock guards. */
struct slab_cache {
	char name[SLAB_NAME_MAX];
	uint32_t object_size;
	uint32_t slot_size;
	uint32_t offset;     /* of the object in its slot, which is the size of the left red zone */
	uint32_t flags;      /* SLAB_F_* */
	uint64_t reciprocal; /* 2^40 / slot_size, rounded up */
	uint32_t nr_objects; /* a slab */
	uint32_t nr_pages;   /* a slab */
	uint32_t map_words;  /* words of the free map */
	uint32_t bytes_at;   /* offset of the object bytes in a descriptor */
	uint32_t tracks_at;  /* offset of the tracks in a descriptor */
	uint32_t batch;      /* most objects taken or returned at once */
	/* the state byte of live objects in a fast cache; for malloc's caches that is the class */
	uint8_t state;
	uint8_t life; /* enum cache_life; written under cache_list_lock, read without */
	/* the cache's own address while it is a live cache of the program's; written under cache_list_lock, read
	 * without */
	struct slab_cache *self;
	uint32_t number; /* index in slab_caches */
	/* how many caches had this index before; objects of those caches in threads' bins are gone */
	uint32_t generation;
	uint32_t user_size; /* object size as the creator asked for it */
	bool typesafe;      /* memory stays objects of this cache: no poison, no slab goes back */
	/* atomic: one for the cache until it is destroyed, and one for each object on its way out of the quarantine */
	uint32_t pins;
	void (*ctor)(void *object); /* runs once over each object of a new slab */
	bool fast;                  /* no flags: production's paths */
	bool held;                  /* freed objects go through the quarantine */
	uint16_t tail;              /* offset of the canary's word in an object's slot (harden.h); 0: no canaries */
	uint16_t lead;              /* bytes in front of a slab's first slot; not 0 in caches with canaries */

	/* guards all below, and the lists and maps of every slab; nothing is reported under it */
	struct ranked_lock lock;
	struct slab *partial, *empty;
	struct slab *spare; /* descriptors without pages, linked by next */
	uint32_t nr_slabs, nr_empty;
	uint64_t nr_out; /* objects outside of the free maps */
	bool broken;     /* its maps were inconsistent, so it takes no object back any more */
} __attribute__((aligned(SLAB_CACHE_ALIGN)));

enum cache_life { CACHE_UNUSED, CACHE_LIVE, CACHE_DEAD /* destroyed with objects alive: its memory stays valid */ };
/* Objects of 0 bytes (malloc(0), new char[0]). Each has an address of its own, as C and C++ want, and no memory: the
 * pages of these slabs are guards from the start, so every access faults. An object costs its byte and its track, and a
 * page costs eight bytes of page table. In production too these caches are checked ones. A slot's size is the largest
 * alignment that it gives. */
#define SLAB_FIRST_ZERO (SLAB_NR_MALLOC + 1)
#define SLAB_NR_ZERO 2
#define SLAB_ZERO_SMALL 64
/* Index 0 is not used. malloc's caches follow, by class, then those of 0 bytes, then the program's. Only entries that
 * were ever used are touched. */
#define SLAB_FIRST_CUSTOM (SLAB_FIRST_ZERO + SLAB_NR_ZERO)
extern struct slab_cache slab_caches[SLAB_CACHES];
/* fast.h finds a cache's bin by the cache's address. Odd multiples of a step, modulo a power of two, never collide. */
_Static_assert(sizeof(struct slab_cache) / SLAB_CACHE_ALIGN % 2 == 1 && IS_POW2(SLAB_CACHES),
               "every cache has a bin of its own");
#define malloc_caches slab_caches
static inline bool cache_is_custom(const struct slab_cache *c)
{
	return c->number >= SLAB_FIRST_CUSTOM;
}
static inline bool cache_is_zero(const struct slab_cache *c)
{
	return c->number - SLAB_FIRST_ZERO < SLAB_NR_ZERO;
}
/* All objects of the cache have the same size, user_size. (Objects of the others are as large as their request.) */
static inline bool cache_has_one_size(const struct slab_cache *c)
{
	return c->number >= SLAB_FIRST_ZERO;
}

/* align: a power of two from 16 to the page size */
void cache_init(struct slab_cache *c, const char *name, size_t size, size_t align, unsigned flags, uint8_t state);
/* The same for a cache of malloc's without flags whose slots end in a canary. */
void cache_init_hardened(struct slab_cache *c, const char *name, size_t slot_size, uint8_t state);
/* A cache of objects of 0 bytes. */
void cache_init_zero(struct slab_cache *c, size_t slot);
/* The cache for objects of 0 bytes at that alignment; NULL: none. */
struct slab_cache *cache_zero(size_t align);
/* Closes the pages of such a slab again that were opened after a report. */
void cache_zero_close(struct slab *s);
/* Gives back all slabs and their descriptors. No object of the cache may be in use any more. */
void cache_release(struct slab_cache *c);
/* Takes up to n objects and returns how many. 0: no memory. From a cache with canaries, objects that were never used
 * have OBJECT_RAW set in their addresses. */
#define OBJECT_RAW 1u
size_t cache_take(struct slab_cache *c, void **objects, size_t n);
/* Gives n objects back. An object that is in its slab already (two threads freed it at once) is reported after the
 * lock is released. */
void cache_return(struct slab_cache *c, void *const *objects, size_t n);
/* Gives back all empty slabs, and returns their pages. */
size_t cache_shrink(struct slab_cache *c);
/* A slab whose objects are all in quarantine leaves the cache's lists and counts (detach). When it leaves the
 * quarantine, its pages go back (free); they must be accessible again and read as zero. */
void cache_detach_guarded(struct slab_cache *c, struct slab *s);
void cache_free_guarded(struct slab_cache *c, struct slab *s);
size_t cache_descriptor_size(const struct slab_cache *c);
/* The smallest class of malloc's that can give `size` bytes at `align`; 0: none. No class gives 0 bytes. */
unsigned cache_class_aligned(size_t size, size_t align);
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
/* Only for caches without checks. */
static inline bool state_is_live(const struct slab_cache *c, uintptr_t addr)
{
	return class_is_coarse(c->number) ? slab_coarse_class((void *)addr) != 0 : READ_ONCE(*state_of(addr)) != 0;
}
/* The slab's first page starts there. */
static inline uintptr_t slab_start(const struct slab_cache *c, const struct slab *s)
{
	return READ_ONCE(s->base) - c->lead;
}
static inline bool map_test(const uint64_t *map, uint32_t i)
{
	return READ_ONCE(map[i / 64]) >> (i % 64) & 1;
}
/* Offsets of a checked slab's object bytes and tracks in its descriptor. view.c uses them on descriptors of other
 * processes. */
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
/* True: the object's poison is there (quarantine_put). */
static inline bool slab_is_held(const struct slab_cache *c, struct slab *s, uint32_t i)
{
	return LOAD_ACQUIRE(*slab_byte(c, s, i)) & OBJECT_HELD;
}
static inline struct slab_track *track_of(const struct slab_cache *c, struct slab *s, uint32_t i)
{
	return c->flags & SLAB_F_TRACK ? (struct slab_track *)((char *)s + c->tracks_at) + i : NULL;
}
/* The start of the user's bytes in a slot with its object at `object` and the state byte `byte`. */
static inline uintptr_t object_start(uintptr_t object, uint8_t byte)
{
	return ALIGN_UP(object, (uintptr_t)16 << (byte & OBJECT_ALIGN));
}

/* ---- pins of the program's caches ------------------------------------------------------------ */

/* Called when the last pin of a cache is dropped. custom.c sets it before the first cache that can be pinned exists. */
extern void (*cache_last_unpin)(struct slab_cache *c);
/* A thread may hold objects that are in no slab and in no queue. It pins their cache meanwhile, under quarantine_lock.
 * If the cache is destroyed then, its memory goes back with the last pin. */
static inline void cache_pin(struct slab_cache *c)
{
	if (cache_is_custom(c))
		__atomic_fetch_add(&c->pins, 1, __ATOMIC_RELAXED);
}
static inline void cache_unpin(struct slab_cache *c, uint32_t n)
{
	if (cache_is_custom(c) && __atomic_sub_fetch(&c->pins, n, __ATOMIC_ACQ_REL) == 0)
		LOAD_ACQUIRE(cache_last_unpin)(c);
}
/* The same without a lock, for a thread with objects of that generation in a bin. False: the cache and the objects are
 * gone. */
static inline bool cache_try_pin(struct slab_cache *c, uint32_t generation)
{
	uint32_t n = READ_ONCE(c->pins);

	while (n && !__atomic_compare_exchange_n(&c->pins, &n, n + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		;
	if (n && READ_ONCE(c->generation) == generation)
		return true;
	if (n)
		cache_unpin(c, 1);
	return false;
}

#endif
