/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/slab.h - the memory stack: arena, pages, slab caches, size classes, vmalloc areas, thread caches, quarantine.
 *
 * A file calls only files above it in this list.
 *
 *     pages, and what every file may use
 *   arena.c, arena.h               the reserve, the state map, the memmap
 *   state.h                        the state map and the coarse map by address
 *   buddy.c, buddy.h               runs of 2^order pages
 *   lend.c, lend.h                 free pages become metadata when the kernel gives no more memory
 *   budget.c, budget.h             how much memory may be held back, and by whom
 *   area.c, area.h                 lists of large areas: live, retained, quarantined
 *   class.c, class.h               size classes: malloc-16 … four a doubling, eight beyond 1 KiB
 *   flags.c, flags.h               slab_debug's letters
 *   directory.c, directory.h       where everything is, for other processes
 *   shadow_hook.c                  the hooks by which shadow/ learns which memory is live
 *   trace_hook.c, trace_hook.h     the hook that is called for objects of a traced cache
 *   shrinker.c, shrinker.h         asks the program for memory that it can spare
 *
 *     objects
 *   track.c, track.h               SLUB's user tracking: 16 bytes an object
 *   source.c, source.h             object sources: objects that slab's maps do not show
 *   key.c, key.h                   the secret of hardened production, sizes of its live objects
 *   object.c, object.h             from any address to the object there
 *   finding.c, finding.h           findings on their way to the hook
 *   redzone.c, redzone.h           red zones and poison: filled, verified, repaired
 *   cache.c, cache.h               slab caches: slabs cut into equal slots; their state is out of line
 *   failslab.c                     allocations that fail on purpose
 *   harden.c, harden.h             production's protection of the heap: canaries, marks in freed objects
 *   transfer.c, transfer.h         halves of bins on their way from thread to thread
 *   tcache.c, tcache.h             thread caches
 *   fast.h                         production's inline paths
 *
 *     freed objects
 *   guard_slab.c, guard_slab.h     slabs whose objects are all freed become guarded address space
 *   quarantine.c, quarantine.h     freed objects held back
 *   reclaim.c, reclaim.h           when memory that is held goes back, and in which order
 *
 *     the heap read from outside, also by the tools
 *   view.c                         the heap read through a mem_view: a snapshot, another process, a core file
 *   view_mempools.c                the same for the objects of mempool.c
 *   show.c                         the heap as text, out of a view
 *
 *     what the program calls
 *   lookup.h                       from a pointer to the slab or area that serves it
 *   debug.c, debug.h               allocation and free with checks
 *   unwritten.c, unwritten.h       bytes of objects that the program never wrote, known again by their value
 *   vmalloc.c, vmalloc.h           large requests, with guard pages in check mode
 *   custom.c, custom.h             caches that the program makes
 *   malloc.c                       malloc's engine: from a request to the cache or area that serves it, and back
 *   release.c                      frees of caches, pages and vmalloc
 *   pages.c                        pages by order, vmalloc
 *   mempool.c, mempool.h           objects inside of the program's own memory
 *   inside.c          is this thread inside the runtime? (fast.h)
 *   spare.c, spare.h  objects for signal handlers that interrupted the runtime
 *   life.c                         the start of the process, the end of a thread, fork
 *
 *     the heap as a whole
 *   guard.c                        guarded pages seen from a fault
 *   changed.c                      memory that the program maps in another way
 *   verify.c                       slab_check_all
 *   stats.c                        counters, slabinfo
 *
 * Locks, in rank order: shrink_lock, quarantine_lock, cache_list_lock, each cache's lock and mempool_lock, area_lock,
 * the buddy's lock.
 *
 * Nothing here prints. Findings go to the hook that slab_set_report_hook sets, with no slab lock held.
 */
#ifndef MEMSAN_SLAB_H
#define MEMSAN_SLAB_H

#include "lib/lib.h"

#define SLAB_NAME_MAX 32 /* name of a cache or pool, with its NUL */

/* ---- flags, SLUB's letters ------------------------------------------------------------------- */
#define SLAB_F_SANITY 0x01u  /* F */
#define SLAB_F_REDZONE 0x02u /* Z */
#define SLAB_F_POISON 0x04u  /* P */
#define SLAB_F_TRACK 0x08u   /* U */
#define SLAB_F_TRACE 0x10u   /* T */

/* The kernel's bytes (include/linux/poison.h). */
#define SLUB_RED_ACTIVE 0xcc
#define SLUB_POISON_INUSE 0x5a /* slots that were never used, beside used ones */
#define POISON_FREE 0x6b
#define POISON_END 0xa5 /* last byte of a poisoned object */

/* The family of functions that an object came from. Freeing it by another family is alloc-dealloc-mismatch. */
enum slab_api {
	SLAB_API_MALLOC,
	SLAB_API_NEW,
	SLAB_API_NEW_ARRAY,
	SLAB_API_MEMALIGN,
	SLAB_API_CACHE,
	SLAB_API_VMALLOC,
	SLAB_API_PAGES,
	SLAB_API_POOL,
	SLAB_API_CHECKED, /* of a free only: the caller has compared the families */
	SLAB_API_NR
};

/* ---- what was found -------------------------------------------------------------------------- */
enum slab_finding_kind {
	SLAB_DOUBLE_FREE,
	SLAB_INVALID_FREE,
	SLAB_ALLOC_DEALLOC_MISMATCH,
	SLAB_SIZED_DELETE_MISMATCH,
	SLAB_LEFT_REDZONE,
	SLAB_RIGHT_REDZONE,
	SLAB_POISON_OVERWRITTEN,
	SLAB_BAD_STATE,
	SLAB_WRONG_CACHE,     /* freed to a cache that is not its own */
	SLAB_CACHE_DESTROYED, /* use of a cache that was destroyed or never made */
	SLAB_OBJECT_REMAINS,  /* a cache is destroyed while this object of it is live */
	SLAB_WRONG_ORDER,     /* pages freed with another order than they were allocated with */
	SLAB_UNALLOCATED,     /* memory that no object has had yet was written to */
	SLAB_TAIL_PAGE,       /* pages freed by a pointer to a page that is not their first */
};
enum slab_found_at {
	SLAB_AT_FREE,
	SLAB_AT_REALLOC,
	SLAB_AT_QUARANTINE_EXIT,
	SLAB_AT_CHECK_ALL,
	SLAB_AT_EXIT,
	SLAB_AT_ALLOC,
	SLAB_AT_USABLE_SIZE,
};

enum slab_object_state { SLAB_OBJ_NONE, SLAB_OBJ_LIVE, SLAB_OBJ_QUARANTINED, SLAB_OBJ_FREE };

/* Fenced objects belong to no cache. */
#define FENCE_NAME "fence-#"

/* All that is known of the object at, or nearest to, an address. The search never faults, and takes no lock that a
 * report could wait for. While other threads run, the result is only a snapshot. */
struct slab_object {
	enum slab_object_state state;
	uintptr_t addr;            /* first user byte */
	size_t size;               /* as requested (slot size where no track is kept) */
	size_t object_size;        /* size of the cache's objects */
	uintptr_t slot, slot_size; /* the slot with its red zones, or a large area without its guard pages */
	char cache[32];      /* "malloc-64", "vmalloc", …; of a fenced object FENCE_NAME and its slot's number */
	bool large;          /* a vmalloc area */
	bool tracked;        /* the fields below are known */
	uint8_t align_shift; /* for slab_object_align */
	enum slab_api api;
	stack_handle alloc_stack, free_stack;
	uint32_t alloc_thread, free_thread; /* thread indices */
	uint32_t when;                      /* jiffies of the last change (allocation, or free when freed) */
};
/* The alignment that was asked for, at least 16; 0: not known. */
static inline size_t slab_object_align(const struct slab_object *o)
{
	return o->align_shift ? (size_t)8 << o->align_shift : 0;
}
/* Asks every object source (source.h).  In the arena, an address between objects leads to the nearest one, up to 16 MiB
 * away.  False: no object lies there or near, or the page is free and had objects before. */
bool slab_find_object(uintptr_t addr, struct slab_object *obj);
/* Finds the first object in a slab, of any state, that ends behind *at; sets *at to the end of its slot. Repeated
 * calls, with *at 0 first, visit all such objects in order of address. Takes no lock, so the memory of an object may go
 * away meanwhile. */
bool slab_next_object(uintptr_t *at, struct slab_object *obj);

/* In check mode: is addr in the arena beyond all pages that were ever handed out? These pages are inaccessible. */
bool slab_is_unused(uintptr_t addr);
/* Under a small limit of address space: is addr in a part of the arena that was freed and went back to the kernel? */
bool slab_has_gone(uintptr_t addr);
/* Is addr in a page that is guarded for an object: a guard page of a large area, a freed area or slab, a slab without
 * memory, or unused pages not far from an object? If so, *obj is the nearest object. */
bool slab_is_guard(uintptr_t addr, struct slab_object *obj);
/* After the report: makes that page ordinary memory until its area or slab leaves the quarantine. False: the page is
 * not guarded. Signal-safe. */
bool slab_guard_open(uintptr_t addr);
/* How often pages that were opened after a report became guards again, or other memory. A fault that repeats while this
 * stays the same comes from a page that opening does not open. */
extern uint32_t slab_guards_closed __attribute__((visibility("hidden")));
static inline void slab_guard_count_closed(void)
{
	__atomic_fetch_add(&slab_guards_closed, 1, __ATOMIC_RELAXED);
}

/* The program is about to change how [addr, addr + n) is mapped (protection, advice, locks, another mapping): no other
 * object gets those pages as they are then. `mapping` false: it only drops the bytes (MADV_DONTNEED). Called for any
 * range; cheap outside of the arena. */
void slab_note_changed(uintptr_t addr, size_t n, bool mapping);

struct slab_finding {
	enum slab_finding_kind kind;
	enum slab_found_at at;
	uintptr_t addr;          /* pointer passed in, or first damaged byte */
	size_t size;             /* damaged bytes; for a sized delete the size given */
	uint8_t expected, found; /* of the first damaged byte */
	enum slab_api api_used;  /* the family that freed it (mismatches) */
	char cache[32];          /* the cache that was passed in, if any */
	/* The number of objects that remain; the order given and the true one; the tail page's number and the true
	 * order. */
	uint64_t nr, nr_allocated;
	bool attack; /* production found memory overwritten (option harden.fault) */
	bool have_object;
	struct slab_object object;
	bool have_regs;
	struct unwind_regs regs; /* of the function that noticed the damage */
};
typedef void (*slab_report_fn)(const struct slab_finding *finding);
void slab_set_report_hook(slab_report_fn fn);

/* ---- what shadow/ learns --------------------------------------------------------------------- */
/* Why memory may not be accessed. */
enum slab_mark {
	SLAB_MARK_FREED,   /* an object that was freed */
	SLAB_MARK_REDZONE, /* a slab's memory that holds no object */
	SLAB_MARK_PAGES,   /* a large area that was freed, and is guarded */
	SLAB_MARK_RUN,     /* pages that nobody owns any more */
	SLAB_MARK_UNUSED,  /* pages that nobody has owned yet */
	SLAB_MARK_NR,
};
/* Called for caches and areas with debugging flags, and for fenced objects, by the thread that owns the memory,
 * possibly with a cache's lock held. The functions may take leaf locks and the system's time, but may not allocate
 * or report. Addresses and sizes are multiples of 8, except `size`. */
struct slab_shadow_ops {
	/* [lo, hi) now holds one live object: its `size` bytes at `user` are good, the rest is red zone. */
	void (*live)(uintptr_t lo, uintptr_t hi, uintptr_t user, size_t size, bool large);
	void (*bad)(uintptr_t addr, size_t n, enum slab_mark why);
};
/* The program's own code is instrumented, so late writes are seen at once, and there is a quarantine. shadow/ sets it
 * once. */
extern bool slab_accesses_checked;
/* Called once, right after slab_init. `ops` is not copied. */
void slab_set_shadow_ops(const struct slab_shadow_ops *ops);
extern const struct slab_shadow_ops *slab_shadow; /* never NULL */

/* ---- tracing (slab_debug=T) ------------------------------------------------------------------ */
/* An object of a traced cache was allocated, or resized in place, or is being freed. No slab lock is held. */
struct slab_trace_event {
	bool free;
	const char *cache;
	uintptr_t addr;
	size_t size;
	stack_handle stack;
};
typedef void (*slab_trace_fn)(const struct slab_trace_event *event);
void slab_set_trace_hook(slab_trace_fn fn);

/* The first aligned word in [p, p+n), all of which can be read, that nobody has written since its object was allocated;
 * 0: there is none, or the option unwritten is off. */
uintptr_t slab_find_unwritten(const void *p, size_t n);

/* ---- life cycle ------------------------------------------------------------------------------ */
/* Called after options are parsed and before the first allocation, single-threaded or under LOCK_RANK_INIT. False:
 * no address space. */
bool slab_init(void);
/* Parses a value of slab_debug. NULL, or the wrong part of the text. */
const char *slab_debug_check(const char *text);
void slab_thread_exit(void); /* gives back the thread's caches; later frees of the thread still work */
void slab_fork_child(void);  /* after lib_fork_child */
void slab_copy_child(void);  /* in a copy that no fork handler announced */

/* From now on the process may map no more than `limit` bytes. slab gives unused address space back, which leaves the
 * limit to the program. */
void slab_limit_space(uint64_t limit);
/* The same for data (RLIMIT_DATA): from now on large blocks take no more than they need. */
void slab_limit_data(uint64_t limit);

/* ---- the arena ------------------------------------------------------------------------------- */
extern uintptr_t arena_base __attribute__((visibility("hidden")));
extern size_t arena_size __attribute__((visibility("hidden"))); /* 0 before slab_init */
/* Bytes from arena_base on; grows only, and covers every pointer ever handed out. */
extern size_t arena_usable_size;
__inline_hot bool arena_contains(const void *p)
{
	return (uintptr_t)p - arena_base < arena_size;
}

/* ---- malloc's engine ------------------------------------------------------------------------- */
/* preload/ decodes the API (sizes, errno, new-handlers), slab/ does the work. `regs` are the registers of the exported
 * function (NULL: no stack is wanted); they are used only if the cache tracks. The result is NULL when there is no
 * memory; errno stays untouched. Alignment is a power of two, at least 16. */
void *slab_malloc(size_t size, size_t align, enum slab_api api, bool zero, const struct unwind_regs *regs);
/* The cache that serves such a request, or "vmalloc" for an area. */
const char *slab_name_for(size_t size, size_t align);
/* size_given: for sized delete and free_sized, else SIZE_MAX. A bad pointer is reported and nothing is changed. p may
 * be NULL. */
void slab_free(void *p, enum slab_api api, size_t size_given, const struct unwind_regs *regs);
/* When there is no memory, returns NULL and the old object stays. p is not NULL, size is not 0. A bad p is reported,
 * *bad is set and NULL returned. */
void *slab_realloc(void *p, size_t size, const struct unwind_regs *regs, bool *bad);
/* p is about to be moved by realloc: reports damage around it. Does nothing unless a live object starts at p. */
void slab_verify_moving(const void *p, const struct unwind_regs *regs);
/* The number of bytes that the program may use at p: the requested size if the cache records it, else the object's
 * size. A bad pointer is reported, and the result is 0. */
size_t slab_usable_size(const void *p, const struct unwind_regs *regs);
/* The same without a report; 0: no live object starts there. */
size_t slab_usable_size_of(const void *p);

/* fast.h has the inline allocation and free that preload/malloc.c uses. In caches with debugging flags they do
 * nothing.
 *
 *     void *slab_malloc_fast(size_t size);      NULL: take slab_malloc
 *     bool  slab_free_fast(void *p);            false: take slab_free */
#include "slab/fast.h"

/* ---- custom.c: caches that the program makes ------------------------------------------------- */

struct slab_cache;
#define SLAB_CUSTOM_SIZE_MAX ((size_t)128 << 10)
/* A flag beside SLAB_F_*. */
#define SLAB_F_TYPESAFE 0x100u /* memory stays objects of the cache until it is destroyed */
/* size: up to SLAB_CUSTOM_SIZE_MAX. align: a power of two up to the page size, or 0. The flags are added to those that
 * the options give. `ctor` may be NULL. The result is NULL when there is no memory or there are too many caches. */
struct slab_cache *slab_custom_create(const char *name, size_t size, size_t align, unsigned flags,
                                      void (*ctor)(void *object));
/* Is this a cache that was made and not destroyed? c may be any pointer. A pointer to anything else is reported as
 * `cache_destroyed`. */
bool slab_custom_check(const struct slab_cache *c, const struct unwind_regs *regs);
/* fast.h has production's inline paths: slab_custom_alloc_fast, slab_custom_free_fast. */
/* NULL: no memory. errno stays untouched. */
void *slab_custom_alloc(struct slab_cache *c, bool zero, const struct unwind_regs *regs);
void slab_custom_free(struct slab_cache *c, void *p, const struct unwind_regs *regs);
/* Returns the pages that went back. */
size_t slab_custom_shrink(struct slab_cache *c, const struct unwind_regs *regs);
/* Returns how many objects were alive. `elsewhere` is the number of live objects outside of slabs, and the result
 * includes it. Live objects in slabs were reported. If any object was alive, the cache's memory stays as it is. */
size_t slab_custom_destroy(struct slab_cache *c, size_t elsewhere, const struct unwind_regs *regs);
/* A number that no other cache of the process ever has; never 0. */
uint32_t slab_custom_id(const struct slab_cache *c);
/* For an object outside of slabs: reports that the object belongs to another cache (`id`) than the one it is freed to,
 * or that it remains as one of nr. */
void slab_custom_report_wrong(const struct slab_cache *c, uint32_t id, const void *p, const struct unwind_regs *regs);
void slab_custom_report_remaining(const struct slab_cache *c, const void *p, size_t nr, const struct unwind_regs *regs);
size_t slab_custom_size(const struct slab_cache *c);
size_t slab_custom_align(const struct slab_cache *c);
bool slab_custom_has_ctor(const struct slab_cache *c);
bool slab_custom_is_typesafe(const struct slab_cache *c);
const char *slab_custom_name(const struct slab_cache *c);
void slab_custom_construct(const struct slab_cache *c, void *object); /* for fenced objects */

/* ---- pages.c: pages by order, and memory that is not malloc's -------------------------------- */

#define SLAB_ORDER_MAX 10u
/* 2^order pages, aligned to their size. order: at most SLAB_ORDER_MAX. NULL: no memory; errno stays untouched. */
void *slab_pages_alloc(unsigned order, bool zero, const struct unwind_regs *regs);
/* p and order may be anything. Errors are reported. Pages freed with a wrong order go back with their own order. */
void slab_pages_free(void *p, unsigned order, const struct unwind_regs *regs);
/* Page-aligned, between guard pages in both modes. */
void *slab_vmalloc(size_t size, bool zero, const struct unwind_regs *regs);
/* Frees an object that should be of the family `api`, and reports an object of another family. */
void slab_release(void *p, enum slab_api api, const struct unwind_regs *regs);
/* Is it live memory of slab_vmalloc? */
bool slab_is_vmalloc(const void *p);

/* ---- mempool.c: objects inside of the program's own memory ----------------------------------- */

struct slab_mempool;
#define SLAB_MEMPOOL_POISON 0x1u /* the allocator keeps nothing in freed objects, so they may be poisoned */
#define SLAB_MEMPOOL_LEAKS 0x2u  /* objects alive when the pool is destroyed are reported */
/* Without SLAB_MEMPOOL_POISON the allocator may keep its links in this many bytes at the start of a freed object. */
#define SLAB_MEMPOOL_LINKS ((size_t)16)
/* Each object has `redzone` bytes before and behind it that belong to memsan. NULL: no memory. */
struct slab_mempool *slab_mempool_create(const char *name, size_t redzone, unsigned flags);
/* Gives free memory to the pool: its bytes outside of objects may not be accessed. */
bool slab_mempool_add(struct slab_mempool *pool, void *mem, size_t size, const struct unwind_regs *regs);
/* False: no memory to record the object, or no such pool (reported). */
bool slab_mempool_alloc(struct slab_mempool *pool, void *p, size_t size, const struct unwind_regs *regs);
/* Are live objects reported when the pool is destroyed? pool may be any pointer; false if it is no pool. */
bool slab_mempool_tells_leaks(const struct slab_mempool *pool);
/* Calls fn for each live object of the pool, under a lock of rank CACHE. */
void slab_mempool_each_live(struct slab_mempool *pool, void (*fn)(const void *p));
/* Is p a live object of the pool? */
bool slab_mempool_owns(const struct slab_mempool *pool, const void *p);
void slab_mempool_free(struct slab_mempool *pool, void *p, const struct unwind_regs *regs);
/* Returns how many objects remained and were reported. */
size_t slab_mempool_destroy(struct slab_mempool *pool, const struct unwind_regs *regs);

/* ---- shrinker.c: caches that the program keeps and can do without ---------------------------- */

/* Asks each registered shrinker for all that it has. Returns the number of objects that the shrinkers say they freed.
 * No lock may be held. */
struct slab_shrink {
	unsigned long nr_to_scan, nr_scanned;
};
#define SLAB_SHRINK_STOP ~0ul
struct slab_shrinker {
	char name[32];
	unsigned long (*count)(void *data);
	unsigned long (*scan)(void *data, struct slab_shrink *control);
	void *data;
	struct slab_shrinker *next;
};
/* NULL: no memory. */
struct slab_shrinker *slab_shrinker_register(const char *name, unsigned long (*count)(void *data),
                                             unsigned long (*scan)(void *data, struct slab_shrink *control),
                                             void *data);
/* Returns when no thread but the caller is in the shrinker's callbacks. False: it is not registered. */
bool slab_shrinker_unregister(struct slab_shrinker *s);
size_t slab_shrink_all(void);

/* ---- failslab.c: allocations that fail on purpose -------------------------------------------- */

extern bool failslab_on __attribute__((visibility("hidden"))); /* written once at start-up */
/* Sets the stack filter, and the function that is called for each failure with its cache, size and number. Either may
 * be NULL. */
typedef bool (*failslab_stack_fn)(stack_handle stack);
typedef void (*failslab_told_fn)(const char *cache, size_t size, uint64_t nr, const struct unwind_regs *regs);
/* Called after slab_init and before the first allocation. False: options.fail_times is malformed, and 1 is used. */
bool failslab_init(failslab_stack_fn stack, failslab_told_fn told);
/* Shall this allocation fail? cache: NULL for malloc's caches, which are found by size. Called only if failslab_on. */
bool failslab_should(const char *cache, size_t size, const struct unwind_regs *regs);

/* ---- checks and views ------------------------------------------------------------------------ */
/* Verifies every red zone and all poison. Findings go to the hook. Returns how many there were. */
size_t slab_check_all(enum slab_found_at at, const struct unwind_regs *regs);
/* Gives back memory that is not needed (bins, empty slabs, retained areas, free pages) until `pad` bytes of free pages
 * are left. True if pages went back. */
bool slab_trim(size_t pad);
struct slab_stats {
	uint64_t arena_mapped;             /* bytes made usable so far */
	uint64_t live_objects, live_bytes; /* slab objects and large areas, requested or slot bytes */
	uint64_t large_areas, large_bytes;
	uint64_t free_bytes; /* usable but not live: in caches, in free pages */
	uint64_t quarantine_bytes, quarantine_objects;
	/* Since the start. Objects without checks are counted when they pass between a thread's cache and a slab,
	 * not at each use. */
	uint64_t allocs, frees;
};
void slab_get_stats(struct slab_stats *s);
/* ---- the heap seen from elsewhere (directory.c, view.c; both halves) ------------------------- */

#define SLAB_DIRECTORY_MAGIC "memsan heap root" /* 16 bytes, no NUL */
#define SLAB_DIRECTORY_VERSION 9
/* Where everything is. A reader finds it by its magic in the data of libmemsan (or of the static program); it is the
 * real one if `self` is its address. The sizes of the structures tell whether the reader was built from the same
 * sources. */
struct slab_directory {
	char magic[16];
	uint64_t self;
	uint32_t version, size;
	uint32_t size_page, size_slab, size_cache, size_area;
	uint64_t arena, state, memmap, blocks; /* 0 before slab_init; state is 0 too if every cache is checked */
	uint64_t coarse;                       /* as state */
	uint64_t ready_blocks;                 /* address of the uint32_t with the number of usable blocks */
	uint64_t caches;                       /* address of slab_caches */
	uint32_t nr_caches;
	uint32_t pad;
	uint64_t control; /* struct leak_control (leak/leak.h), or 0 */
	uint64_t pools;   /* address of the pointer to the table of pools' objects */
	uint32_t size_pool, size_pool_object;
	uint64_t key; /* address of the word that goes into the sizes of production's objects (key.h) */
	struct lib_directory lib;
};
_Static_assert(sizeof(struct slab_directory) == 224 && offsetof(struct slab_directory, arena) == 48,
               "read by other processes");
extern struct slab_directory slab_directory;

#define SLAB_VIEW_CACHES SLAB_CACHES
struct slab_view_cache {
	char name[32];
	uint64_t addr; /* address of its descriptor */
	uint64_t reciprocal;
	uint32_t object_size, slot_size, offset, flags, nr_objects, nr_pages, map_words;
	uint32_t user_size; /* object size as the creator asked for it */
	uint32_t tail;      /* where in an object its size is; 0: nowhere */
	uint32_t lead;      /* bytes in front of a slab's first slot */
	bool fast, used;
};
struct slab_view {
	const struct mem_view *mem;
	struct slab_directory directory;
	uint64_t base, used; /* the usable part of the arena */
	uint64_t known;      /* behind this part of it no memmap can be read, so there is no object */
	uint32_t nr_caches;  /* index 0 is never a cache */
	uint32_t key;        /* in the sizes of objects */
	struct slab_view_cache caches[SLAB_VIEW_CACHES];
};
/* A run of pages that holds objects. */
struct slab_view_run {
	uint32_t page, nr_pages;
	uint32_t cache; /* index; 0: a large area */
	uint64_t descriptor;
	uint64_t addr, size; /* large area: the live object */
};
/* Reads the directory at that address and the tables that it leads to. NULL, or the reason of a failure. */
const char *slab_view_open(struct slab_view *v, const struct mem_view *mem, uint64_t root);
/* Visits every slab and every live area, in order of address. A run that contradicts itself (a snapshot may catch it
 * half made) is left out. */
void slab_view_runs(const struct slab_view *v, void (*run)(void *ctx, const struct slab_view_run *r), void *ctx);
/* As slab_find_object. */
bool slab_view_object(const struct slab_view *v, uint64_t addr, struct slab_object *obj);
/* Prefetches what slab_view_object will read for addr, in this process: each step for many objects, then the next. */
#define SLAB_VIEW_STEPS 3u
void slab_view_expect(const struct slab_view *v, uint64_t addr, unsigned step);
/* The object of a pool (mempool.c). The first finds the object that starts at addr. The second looks at all objects and
 * finds the one that addr belongs to; freed objects and red zones count too. */
bool slab_view_mempool_at(const struct slab_view *v, uint64_t addr, struct slab_object *obj);
bool slab_view_mempool_object(const struct slab_view *v, uint64_t addr, struct slab_object *obj);
/* No slab has more objects. */
#define SLAB_VIEW_OBJECTS 1024
struct slab_view_live {
	uint32_t nr;
	bool displaced;                     /* some objects start behind the start of their slot's object */
	uint32_t starts[SLAB_VIEW_OBJECTS]; /* offsets from the run's addr, rising */
};
/* The live objects of a slab (r->cache is not 0). None if the slab cannot be read. */
void slab_view_live(const struct slab_view *v, const struct slab_view_run *r, struct slab_view_live *live);
/* The same as bits: one for each 16 bytes of the run, set in `map`. The first bit of `map` is the run's first; the map
 * may be longer. Returns how many objects are live. */
uint32_t slab_view_live_map(const struct slab_view *v, const struct slab_view_run *r, uint64_t *map, bool *displaced);

/* ---- the heap as text (show.c; both halves) -------------------------------------------------- */

struct slab_show {
	const struct slab_view *view;
	void (*line)(void *ctx, const char *text);
	/* Reads the frames of a stack, innermost first, and returns how many. */
	size_t (*stack)(void *ctx, uint32_t handle, uint64_t *pcs, size_t max);
	/* Writes the place of a return address, for people. */
	void (*place)(void *ctx, uint64_t pc, struct fmt_buf *b);
	uint32_t (*tid)(void *ctx, uint32_t thread); /* thread id of a thread index; 0: not known */
	void *ctx;
	uint64_t now; /* jiffies, for ages */
};
struct slab_show_cache {
	uint64_t active, objects, active_slabs, slabs;
};
/* Counts for each index of a cache in the view. */
void slab_show_count(const struct slab_show *s, struct slab_show_cache caches[SLAB_VIEW_CACHES]);
/* The two heading lines of /proc/slabinfo, and a line for a cache. */
void slab_show_slabinfo_head(const struct slab_show *s);
void slab_show_slabinfo_line(const struct slab_show *s, const struct slab_view_cache *c,
                             const struct slab_show_cache *n);
/* The same for the live large areas, shown as a cache "vmalloc" with one area in each slab. n: counts[0]. */
void slab_show_slabinfo_areas(const struct slab_show *s, const struct slab_show_cache *n);
void slab_show_buddyinfo(const struct slab_show *s);
void slab_show_vmallocinfo(const struct slab_show *s);
struct slab_show_trace {
	uint64_t count, bytes, min_age, max_age, sum_age;
	uint32_t stack, min_thread, max_thread;
};
/* Groups the live (or quarantined) objects of a cache, or of all caches (NULL), by stack. Returns how many stacks.
 * `table` has room for max. */
size_t slab_show_traces(const struct slab_show *s, const char *cache, bool freed, struct slab_show_trace *table,
                        size_t max);

/* One line for each cache, in the columns of /proc/slabinfo. */
void slab_print_slabinfo(void (*line)(void *ctx, const char *text), void *ctx);

#endif
