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
#define MEMSAN_VERSION_MINOR 1

/* Verifies the red zones of every live object and the poison of every freed one that is still in quarantine, and reports
 * what was overwritten.  Returns how many damaged objects were found (0 in production mode, which keeps neither).  Takes time
 * in proportion to the heap.  Thread-safe; not async-signal-safe. */
size_t memsan_check_all(void);

/* Counters of this process.  `size` is sizeof(struct memsan_stats) on entry: members that this library does not know yet, or the
 * program does not, are left alone.  Returns 0, or -1 when size is too small to be one. */
struct memsan_stats {
	size_t size;
	unsigned long long reports;                  /* made so far, repetitions not counted */
	unsigned long long allocs, frees;            /* approximate while threads run */
	unsigned long long live_objects, live_bytes;
	unsigned long long quarantine_objects, quarantine_bytes;
	unsigned long long fence_slots;              /* places for fenced objects */
	unsigned long long fence_live;               /* fenced now */
	unsigned long long fence_allocs, fence_frees; /* ever */
	unsigned long long fence_bugs;               /* found with fences */
	unsigned long long fence_skipped_covered;    /* not fenced, since their allocation stack had an object in the pool */
	unsigned long long fence_skipped_capacity;   /* not fenced, since the pool was full */
};
int memsan_stat(struct memsan_stats *stats);

/* ---- leaks (kmemleak's words; the names of sanitizer/lsan_interface.h work as well) ---- */

/* Looks for objects that nothing points to any more, now, and reports them (those that were reported before are not reported
 * again).  Returns how many objects were found.  The other threads stand still for a moment.  Thread-safe; not async-signal-safe. */
size_t memsan_leak_check(void);
/* The heap object that p points into ...  All are thread-safe, cheap, and do nothing for a p outside the heap. */
void memsan_leak_not_leak(const void *p);  /* ... is in use although nothing points to it; what it points to is in use too */
void memsan_leak_ignore(const void *p);    /* ... is not reported, and what it points to does not count as pointed to */
void memsan_leak_no_scan(const void *p);   /* ... holds no pointers (a bitmap, compressed data) */
void memsan_leak_scan_area(const void *p, size_t size); /* ... holds pointers only in [p, p+size) and other areas given so */
/* For pools of the program's own: [p, p+size), a part of an allocation or of memory that the program mapped, is an object from here on, which is
 * reached, scanned and reported by itself; and it is none any more.  Thread-safe; p that is none is ignored.  The kernel's kmemleak_alloc and
 * kmemleak_free. */
void memsan_leak_alloc(const void *p, size_t size);
void memsan_leak_free(const void *p);
/* Defined by the program, if it likes: suppressions as in the file of option suppressions.  (__lsan_default_suppressions too.) */
const char *memsan_leak_default_suppressions(void);

/* Reports made so far about this process, repetitions of the same report not counted.  Thread- and async-signal-safe. */
unsigned memsan_report_count(void);

/* "0.1.0".  Static storage. */
const char *memsan_version(void);

/* Defined by the program, if it likes: options that apply before those in MEMSAN_OPTIONS, in the same form.  Called once, before
 * the first allocation returns and possibly before any constructor has run: it may only return a constant string. */
const char *memsan_default_options(void);

#ifdef __cplusplus
}
#endif

#endif
