/* SPDX-License-Identifier: BSD-2-Clause */
/* memsan.h - the functions of memsan that a program may call while it runs; see memsan(3).
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

/* Verifies the red zones of every live object and the poison of every freed object that is still in quarantine, and
 * reports each damaged object.  Returns the number of damaged objects (0 in production mode, which has neither red
 * zones nor poison).  Takes time in proportion to the heap.  Thread-safe; not async-signal-safe. */
size_t memsan_check_all(void);

/* Counters of this process.  `size` is sizeof(struct memsan_stats) on entry.  Only members that both the library and
 * the program know are written.  Returns 0, or -1 when `size` is too small. */
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
	/* not fenced because their allocation stack already had an object in the pool */
	unsigned long long fence_skipped_covered;
	unsigned long long fence_skipped_capacity; /* not fenced, because the pool was full */
	unsigned long long reports_repeated;       /* reports like an earlier one, which were not printed */
	unsigned long long reports_suppressed;     /* which a rule of the user's left out */
};
int memsan_stat(struct memsan_stats *stats);

/* ---- slab caches (kmem_cache_* of the kernel) ----
 *
 * A cache serves objects of one size.  They are checked as malloc's objects are: in check mode with red zones, poison,
 * user tracking and quarantine; in production by their out-of-line state, which finds double frees, invalid frees and
 * frees to the wrong cache.  Functions that return a pointer return NULL with errno ENOMEM when there is no memory, and
 * with EINVAL when an argument is invalid.  All functions are thread-safe, none is async-signal-safe.  Any thread may
 * free an object. */
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
/* The cache's memory holds only objects of this cache until the cache is destroyed: a freed object may still be read,
 * and may already be allocated again (SLAB_TYPESAFE_BY_RCU without a grace period). */
#define MEMSAN_CACHE_TYPESAFE 0x80u

/* Objects of `size` bytes, from 1 to 128 KiB, aligned to `align` (0: 16; else a power of two up to 4096).  The first 31
 * bytes of `name` are copied.  `ctor`, or NULL, runs once over each object of a new slab, not at each allocation: the
 * program frees objects in their constructed state, and memsan writes nothing into a free object.  `ctor` may not use
 * the cache itself.  At most 427 caches exist at a time. */
struct memsan_cache *memsan_cache_create(const char *name, size_t size, size_t align, unsigned flags,
                                         void (*ctor)(void *));
/* Returns an object, with undefined contents or as its constructor left it. */
void *memsan_cache_alloc(struct memsan_cache *);
/* The same, zeroed.  EINVAL for a cache with a constructor. */
void *memsan_cache_zalloc(struct memsan_cache *);
/* n objects, or none: returns n or 0. */
size_t memsan_cache_alloc_bulk(struct memsan_cache *, size_t n, void **objects);
/* NULL is allowed.  An object of another cache is reported (cache-mismatch) and goes back to its own cache.  A pointer
 * that is not an object, or was freed before, is reported (invalid-free, double-free), and nothing is freed. */
void memsan_cache_free(struct memsan_cache *, void *);
void memsan_cache_free_bulk(struct memsan_cache *, size_t n, void *const *objects);
/* Gives the memory of empty slabs back.  Returns how many bytes. */
size_t memsan_cache_shrink(struct memsan_cache *);
/* All objects must have been freed.  Each live object is reported (objects-remaining) with the stack that allocated it.
 * Its memory stays valid, and the result is -1 with errno EBUSY.  In both cases the cache may not be used any more
 * (cache-destroyed).  NULL is allowed. */
int memsan_cache_destroy(struct memsan_cache *);
/* As it was given to memsan_cache_create. */
size_t memsan_cache_size(const struct memsan_cache *);

/* ---- general allocation (kmalloc, vmalloc, kvmalloc) ----
 *
 * memsan_kmalloc and its family are malloc by other names, from the caches malloc-16 ...: free may free their memory,
 * and memsan_kfree may free malloc's.  n * size is checked for overflow (NULL, ENOMEM). */
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

/* Up to 32 KiB from a malloc cache; larger sizes as memsan_vmalloc.  Freed by memsan_kvfree. */
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
/* NULL is allowed.  Reports a wrong order (page-order-mismatch; the pages are freed with their own order), a page that
 * is not the first (tail-page-free), pages that were freed before (double-free), and other memory (invalid-free,
 * alloc-dealloc-mismatch). */
void memsan_free_pages(void *, unsigned order);
/* The smallest order whose pages hold `size` bytes. */
unsigned memsan_get_order(size_t size);

/* ---- pools: objects inside of memory that the program's own allocator cuts up ----
 *
 * The program says where its objects are, and memsan checks them there, without moving anything.  Both modes find
 * double and invalid frees.  Check mode also has stacks and red zones, and where the shadow reaches (libc calls on heap
 * memory, instrumented code anywhere) it finds each use of pool memory outside live objects.  All functions are
 * thread-safe, none is async-signal-safe. */
struct memsan_pool;
/* Freed objects are filled with 0x6b and verified, so the allocator may keep no data of its own in them.  Without this
 * flag their first 16 bytes may hold the allocator's links and are not checked. */
#define MEMSAN_POOL_POISON 0x1u
/* The program has to free each object: scans for leaks report objects that nothing points to, and destroying the pool
 * reports live objects (objects-remaining). */
#define MEMSAN_POOL_LEAKS 0x2u
/* The allocator leaves `redzone` bytes free before and behind each object, which memsan fills (0: no red zones; a
 * multiple of 8 for the shadow).  On failure NULL with errno. */
struct memsan_pool *memsan_pool_create(const char *name, size_t redzone, unsigned flags);
/* Memory that the pool cuts its objects from.  Outside live objects only the allocator itself may use this memory (and
 * then the allocator should not be instrumented); uses by libc calls and instrumented code are reported.  Optional.
 * Returns 0, or -1. */
int memsan_pool_add(struct memsan_pool *, void *mem, size_t size);
/* An object of `size` bytes begins at p.  The shadow tells objects apart only if p is a multiple of 8.  Returns 0, or
 * -1 with errno ENOMEM: then the object is not known, and its free will be reported as invalid. */
int memsan_pool_alloc(struct memsan_pool *, void *p, size_t size);
/* The object at p ends.  The program calls this before its allocator writes its own data there. */
void memsan_pool_free(struct memsan_pool *, void *p);
/* All objects of the pool end at once.  The program calls this before it frees the memory itself.  Returns 0, or -1
 * with errno EBUSY when MEMSAN_POOL_LEAKS had live objects to report.  NULL is allowed. */
int memsan_pool_destroy(struct memsan_pool *);

/* ---- shrinkers ------------------------------------------------------------------------------- */

struct memsan_shrinker;
struct memsan_shrink_control {
	unsigned long nr_to_scan; /* the number of objects that scan should look at */
	unsigned long nr_scanned; /* = nr_to_scan; scan changes it if it looked at more or fewer objects */
};
#define MEMSAN_SHRINK_STOP (~0ul)
/* Registers a cache of the program's whose objects can be freed when memory is short.  `count` says how many objects
 * could be freed now; if it returns 0, `scan` is not called.  `scan` frees some objects and returns how many, or
 * MEMSAN_SHRINK_STOP when it cannot free any now.  Both are called when memory is short (an allocation finds none, or
 * less than a sixteenth of the arena is left), by malloc_trim and by memsan_shrink_all.  They run in the thread that
 * needs memory, perhaps inside its malloc.  They may allocate and free, but must not wait for a lock that the program
 * holds while it allocates: try the lock, and return MEMSAN_SHRINK_STOP.  Thread-safe; not async-signal-safe. */
struct memsan_shrinker *memsan_shrinker_register(const char *name, unsigned long (*count)(void *data),
                                                 unsigned long (*scan)(void *data,
                                                                       struct memsan_shrink_control *control),
                                                 void *data);
/* Waits until no other thread is in the shrinker's callbacks.  NULL is allowed. */
void memsan_shrinker_unregister(struct memsan_shrinker *);
/* Asks every shrinker for all that its cache holds, then gives all free memory of memsan's own caches back to the
 * system.  Returns how many objects the shrinkers said they freed. */
size_t memsan_shrink_all(void);

/* ---- views, as text to a file descriptor; 0, or -1 with errno ----
 *
 * The columns are those of the kernel's files of these names.  The memsan command shows the same views of another
 * process. */
int memsan_slabinfo(int fd);
int memsan_buddyinfo(int fd);
int memsan_vmallocinfo(int fd);
/* The stacks that allocated a cache's live objects, or that freed its quarantined objects, with their ages; the most
 * frequent stack first.  `cache`: a name, or NULL for all caches.  Only caches with user tracking have these stacks. */
int memsan_alloc_traces(int fd, const char *cache);
int memsan_free_traces(int fd, const char *cache);

/* ---- leaks (kmemleak's words; the names of sanitizer/lsan_interface.h work as well) ---------- */

/* Scans now for objects that nothing points to any more, and reports those that were not reported before.  Returns how
 * many objects were found.  The other threads stand still for a moment.  Thread-safe; not async-signal-safe. */
size_t memsan_leak_check(void);
/* Notes about the heap object that p points into.  All functions are thread-safe and cheap, and ignore a p outside the
 * heap. */
/* The object is in use although nothing points to it, and so are the objects that it points to. */
void memsan_leak_not_leak(const void *p);
/* The object is not reported, and its pointers do not count. */
void memsan_leak_ignore(const void *p);
/* The object holds no pointers (a bitmap, compressed data). */
void memsan_leak_no_scan(const void *p);
/* The object holds pointers only in [p, p+size) and in other areas that were passed to this function. */
void memsan_leak_scan_area(const void *p, size_t size);
/* For pools of the program's own.  memsan_leak_alloc: from now on [p, p+size), a part of an allocation or of memory
 * that the program mapped, is an object of its own: scans reach it, read it and report it.  memsan_leak_free: the
 * object ends; a p that is not the start of such an object is ignored.  Thread-safe.  As the kernel's kmemleak_alloc
 * and kmemleak_free. */
void memsan_leak_alloc(const void *p, size_t size);
void memsan_leak_free(const void *p);
/* A program may define this function: it returns suppressions in the form of the file that the option suppressions
 * names.  (__lsan_default_suppressions works too.) */
const char *memsan_leak_default_suppressions(void);

/* The number of reports about this process so far, without repetitions of the same report.  Thread-safe and
 * async-signal-safe. */
unsigned memsan_report_count(void);

/* A program may define this function: it gets each report that was printed, as text and as one line of JSON
 * (memsan-report(5)), whatever option format says.  The strings live until it returns.  memsan calls it in the thread
 * that made the report, after the report was written and before fault=panic or fault=abort end the program.  All
 * signals are blocked meanwhile, and 100 KiB of stack are there.  It may allocate, lock and write, but it may have been
 * called inside of the program's malloc or free: it must not wait for a lock that the program holds while it allocates.
 * Scans for leaks that it asks for find nothing, and leaks that a scan from outside or at an interval finds are not
 * passed to it: no thread of the program's makes those reports.
 * It must return, and not by longjmp or an exception.  A program that is not linked with memsan exports it (-rdynamic).
 * __asan_on_error, and the function of __asan_set_error_report_callback, are called for each report as well. */
void memsan_on_report(const char *text, const char *json);

/* Does nothing.  memsan calls it after each report: a place for a debugger's breakpoint. */
void memsan_breakpoint(void);

/* "0.2.0".  Static storage. */
const char *memsan_version(void);

/* A program may define this function: it returns options in the form of MEMSAN_OPTIONS, which apply before those.
 * memsan calls it once, before the first allocation returns and possibly before any constructor has run, so it may only
 * return a constant string. */
const char *memsan_default_options(void);

#ifdef __cplusplus
}
#endif

#endif
