/* SPDX-License-Identifier: BSD-2-Clause */
/* memsan.h - what a program may ask of memsan while it runs; see memsan(3).
 *
 * Link with -lmemsan, or call through a weak reference to run with and without it:
 *     __attribute__((weak)) extern size_t memsan_check_all(void);
 *     if (memsan_check_all) memsan_check_all();
 */
#ifndef MEMSAN_MEMSAN_H
#define MEMSAN_MEMSAN_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEMSAN_VERSION_MAJOR 0
#define MEMSAN_VERSION_MINOR 2

/* Verifies the red zones of every live object and the poison of every freed one that is still in quarantine, and
 * reports what was overwritten.  Returns how many damaged objects were found (0 in production mode, which keeps
 * neither).  Takes time in proportion to the heap.  Thread-safe; not async-signal-safe. */
size_t memsan_check_all(void);

/* Counters of this process.  `size` is sizeof(struct memsan_stats) on entry: members that this library does not know
 * yet, or the program does not, are left alone.  Returns 0, or -1 when size is too small to be one. */
struct memsan_stats {
	size_t size;
	unsigned long long reports;       /* made so far, repetitions not counted */
	unsigned long long allocs, frees; /* approximate while threads run */
	unsigned long long live_objects, live_bytes;
	unsigned long long quarantine_objects, quarantine_bytes;
	unsigned long long fence_slots;               /* places for fenced objects */
	unsigned long long fence_live;                /* fenced now */
	unsigned long long fence_allocs, fence_frees; /* ever */
	unsigned long long fence_bugs;                /* found with fences */
	/* not fenced, since their allocation stack had an object in the pool */
	unsigned long long fence_skipped_covered;
	unsigned long long fence_skipped_capacity; /* not fenced, since the pool was full */
};
int memsan_stat(struct memsan_stats *stats);

/* ---- slab caches (kmem_cache_* of the kernel) ----
 *
 * A cache serves objects of one size.  Each is checked as malloc's objects are: in check mode with red zones, poison,
 * user tracking and quarantine, in production by its out-of-line state, which knows double frees, pointers that are
 * none and the wrong cache.  Functions that return a pointer return NULL with errno ENOMEM when there is no memory,
 * EINVAL when an argument makes no sense.  All are thread-safe, none is async-signal-safe; an object may be freed by
 * another thread than the one that allocated it. */
struct memsan_cache;

/* Checks that the cache gets in production mode too; check mode (or option slab_debug) gives them to every cache. */
#define MEMSAN_CACHE_CONSISTENCY_CHECKS 0x01u /* poison is verified when an object is given out */
#define MEMSAN_CACHE_RED_ZONE 0x02u
#define MEMSAN_CACHE_POISON 0x04u
#define MEMSAN_CACHE_STORE_USER 0x08u    /* allocation and free stacks */
#define MEMSAN_CACHE_HWCACHE_ALIGN 0x10u /* objects start at cache lines (small ones: fit in one) */
/* memsan_cache_create does not fail: it aborts the program with a line. */
#define MEMSAN_CACHE_PANIC 0x20u
#define MEMSAN_CACHE_NO_MERGE 0x40u /* accepted; memsan never merges caches */
/* Memory stays objects of this cache until it is destroyed: a freed object may still be read, and may already be
 * another one (SLAB_TYPESAFE_BY_RCU without a grace period). */
#define MEMSAN_CACHE_TYPESAFE 0x80u

/* `size` bytes each, from 1 to 128 KiB, aligned to `align` (0: 16; else a power of two up to 4096).  `name` is copied,
 * 31 bytes of it.  `ctor`, or NULL, runs once over each object of a new slab, not at each allocation: who frees an
 * object leaves it constructed, and nothing is written into it while it is free.  It may not use the cache itself.  Up
 * to 471 caches at a time. */
struct memsan_cache *memsan_cache_create(const char *name, size_t size, size_t align, unsigned flags,
                                         void (*ctor)(void *));
/* An object, with undefined contents or as its constructor left it. */
void *memsan_cache_alloc(struct memsan_cache *);
/* The same, zeroed.  EINVAL for a cache with a constructor. */
void *memsan_cache_zalloc(struct memsan_cache *);
/* n objects, or none: returns n or 0. */
size_t memsan_cache_alloc_bulk(struct memsan_cache *, size_t n, void **objects);
/* NULL is allowed.  An object of another cache is reported (cache-mismatch) and goes to its own; a pointer that is no
 * object, or was freed before, is reported (invalid-free, double-free) and nothing is done. */
void memsan_cache_free(struct memsan_cache *, void *);
void memsan_cache_free_bulk(struct memsan_cache *, size_t n, void *const *objects);
/* Gives the memory of empty slabs back.  Returns how many bytes. */
size_t memsan_cache_shrink(struct memsan_cache *);
/* All objects must have been freed: each that was not is reported (objects-remaining) with the stack that allocated it,
 * and -1 returned with errno EBUSY; their memory stays valid.  Either way the cache may not be used any more
 * (cache-destroyed).  NULL is allowed. */
int memsan_cache_destroy(struct memsan_cache *);
/* As it was given to memsan_cache_create. */
size_t memsan_cache_size(const struct memsan_cache *);

/* ---- general allocation (kmalloc, vmalloc and what is between them) ----
 *
 * memsan_kmalloc and its like are malloc by other names, from the caches malloc-16 ...: what they return may be freed
 * by free, and the other way round.  n * size is checked for overflow (NULL, ENOMEM). */
void *memsan_kmalloc(size_t size);
void *memsan_kzalloc(size_t size);
void *memsan_kmalloc_array(size_t n, size_t size);
void *memsan_kcalloc(size_t n, size_t size);
void *memsan_krealloc(void *p, size_t size);
void memsan_kfree(void *p);

/* Whole pages between guard pages, in both modes: an overflow by a page faults at once.  Size 0: NULL, EINVAL. */
void *memsan_vmalloc(size_t);
void *memsan_vzalloc(size_t);
void memsan_vfree(void *);

/* From a malloc cache up to 32 KiB, else as memsan_vmalloc.  Freed by memsan_kvfree. */
void *memsan_kvmalloc(size_t size);
void *memsan_kvzalloc(size_t size);
void *memsan_kvmalloc_array(size_t n, size_t size);
void *memsan_kvcalloc(size_t n, size_t size);
void memsan_kvfree(void *p);

/* ---- pages ----------------------------------------------------------------------------------- */

#define MEMSAN_MAX_ORDER 10u
/* 2^order pages of 4 KiB, aligned to their size, with undefined contents.  EINVAL for an order above
 * MEMSAN_MAX_ORDER. */
void *memsan_alloc_pages(unsigned order);
/* One page of zeros; freed with order 0. */
void *memsan_get_zeroed_page(void);
/* NULL is allowed.  Another order than it was allocated with (page-order-mismatch; the right one is freed), a page that
 * is not the first (tail-page-free), what was freed before (double-free) or is no such memory (invalid-free,
 * alloc-dealloc-mismatch) is reported. */
void memsan_free_pages(void *, unsigned order);
/* The smallest order whose pages hold `size` bytes. */
unsigned memsan_get_order(size_t size);

/* ---- pools: objects inside of memory that the program's own allocator cuts up ----
 *
 * The program says where its objects are, and memsan checks them there, without moving anything: double and invalid
 * frees in both modes; in check mode also stacks, red zones, and, where the shadow reaches (libc calls on heap memory,
 * instrumented code anywhere), each use of what is no object.  All are thread-safe, none is async-signal-safe;
 * production mode keeps no stacks and no red zones. */
struct memsan_pool;
/* Freed objects are filled with 0x6b and verified: the allocator keeps nothing of its own in them.  Without this flag
 * their first 16 bytes may hold the allocator's links and are not checked. */
#define MEMSAN_POOL_POISON 0x1u
/* Each object is to be freed: scans for leaks report those that nothing points to, and destroying the pool reports
 * those that are alive (objects-remaining). */
#define MEMSAN_POOL_LEAKS 0x2u
/* `redzone` bytes before and behind each object are left free by the allocator, for memsan to fill (0: there are none;
 * a multiple of 8 for the shadow).  NULL with errno. */
struct memsan_pool *memsan_pool_create(const char *name, size_t redzone, unsigned flags);
/* Memory that the pool cuts its objects from: what is no object in it is not to be used, by libc calls or instrumented
 * code, but by the allocator itself (which then should not be instrumented).  Optional.  0, or -1. */
int memsan_pool_add(struct memsan_pool *, void *mem, size_t size);
/* An object of `size` bytes begins at p.  Where the shadow is to tell objects apart, p is a multiple of 8.  0, or -1
 * with errno ENOMEM: the object is not known, and its free will be called invalid. */
int memsan_pool_alloc(struct memsan_pool *, void *p, size_t size);
/* It ends.  Called before the allocator puts its own data there. */
void memsan_pool_free(struct memsan_pool *, void *p);
/* All of its objects end at once.  0, or -1 with errno EBUSY when there were live ones that MEMSAN_POOL_LEAKS reported.
 * NULL is allowed.  Before the memory itself is freed. */
int memsan_pool_destroy(struct memsan_pool *);

/* ---- shrinkers ------------------------------------------------------------------------------- */

struct memsan_shrinker;
struct memsan_shrink_control {
	unsigned long nr_to_scan; /* so many objects are to be looked at */
	unsigned long nr_scanned; /* = nr_to_scan; scan lowers or raises it when it looked at another number */
};
#define MEMSAN_SHRINK_STOP (~0ul)
/* A cache of the program's own that it can do without.  count says how many objects could be freed now (0: none, scan
 * is not called), scan frees some and returns how many, or MEMSAN_SHRINK_STOP when it cannot now.  They are called when
 * memory is short (no more of it for an allocation, or less than a sixteenth of the arena left), by malloc_trim and
 * memsan_shrink_all, in whichever thread that is, perhaps inside of its malloc: they may allocate and free, but must
 * not wait for a lock that the program holds while it allocates (try it, and stop).  Thread-safe; not
 * async-signal-safe. */
struct memsan_shrinker *memsan_shrinker_register(const char *name, unsigned long (*count)(void *data),
                                                 unsigned long (*scan)(void *data,
                                                                       struct memsan_shrink_control *control),
                                                 void *data);
/* Returns when no other thread is in its callbacks.  NULL is allowed. */
void memsan_shrinker_unregister(struct memsan_shrinker *);
/* Calls every shrinker for all it has, then gives all free memory of memsan's own caches back to the system.  Returns
 * what the shrinkers said they freed. */
size_t memsan_shrink_all(void);

/* ---- views, as text to a file descriptor; 0, or -1 with errno ----
 *
 * In the columns of the kernel's files of these names.  The memsan command shows the same of another process. */
int memsan_slabinfo(int fd);
int memsan_buddyinfo(int fd);
int memsan_vmallocinfo(int fd);
/* Stacks of a cache's live objects, most first, with their ages (its name: NULL for all caches), and of those that were
 * freed and are still in quarantine.  Only caches with user tracking know them. */
int memsan_alloc_traces(int fd, const char *cache);
int memsan_free_traces(int fd, const char *cache);

/* ---- leaks (kmemleak's words; the names of sanitizer/lsan_interface.h work as well) ---------- */

/* Looks for objects that nothing points to any more, now, and reports them (those that were reported before are not
 * reported again).  Returns how many objects were found.  The other threads stand still for a moment.  Thread-safe; not
 * async-signal-safe. */
size_t memsan_leak_check(void);
/* The heap object that p points into ...  All are thread-safe, cheap, and do nothing for a p outside the heap. */
/* ... is in use although nothing points to it; what it points to is in use too */
void memsan_leak_not_leak(const void *p);
void memsan_leak_ignore(const void *p);  /* ... is not reported, and what it points to does not count as pointed to */
void memsan_leak_no_scan(const void *p); /* ... holds no pointers (a bitmap, compressed data) */
/* ... holds pointers only in [p, p+size) and other areas given so */
void memsan_leak_scan_area(const void *p, size_t size);
/* For pools of the program's own: [p, p+size), a part of an allocation or of memory that the program mapped, is an
 * object from here on, which is reached, scanned and reported by itself; and it is none any more.  Thread-safe; p that
 * is none is ignored.  The kernel's kmemleak_alloc and kmemleak_free. */
void memsan_leak_alloc(const void *p, size_t size);
void memsan_leak_free(const void *p);
/* Defined by the program, if it likes: suppressions as in the file of option suppressions.
 * (__lsan_default_suppressions too.) */
const char *memsan_leak_default_suppressions(void);

/* Reports made so far about this process, repetitions of the same report not counted.  Thread- and
 * async-signal-safe. */
unsigned memsan_report_count(void);

/* "0.2.0".  Static storage. */
const char *memsan_version(void);

/* Defined by the program, if it likes: options that apply before those in MEMSAN_OPTIONS, in the same form.  Called
 * once, before the first allocation returns and possibly before any constructor has run: it may only return a constant
 * string. */
const char *memsan_default_options(void);

#ifdef __cplusplus
}
#endif

#endif
