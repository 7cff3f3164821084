/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/leak.h - kmemleak for user programs: which allocated objects can nothing reach any more?
 *
 *   mark.c       the tables, the marking engine (both halves: it reads through a mem_view)
 *   group.c      lost objects by allocation stack
 */
#ifndef MEMSAN_LEAK_H
#define MEMSAN_LEAK_H

#include "lib/lib.h"
#include "slab/slab.h"

/* ---- the engine: mark.c; no malloc, no state of its own ------------------------------------------------------------ */

enum leak_class {
	LEAK_REACHABLE,  /* from a root, by pointers to starts of objects */
	LEAK_POSSIBLE,   /* only through a pointer into the middle of an object */
	LEAK_DIRECT,     /* no pointer anywhere but in itself, or in a ring that it stands for */
	LEAK_INDIRECT,   /* only from lost objects */
	LEAK_CLASS_NR,
};

/* What an annotation says of one object. */
enum leak_note { LEAK_NOTE_NONE, LEAK_NOTE_NOT_LEAK, LEAK_NOTE_IGNORE, LEAK_NOTE_NO_SCAN };

struct leak_scan;
/* Reads the heap's maps through `mem`, which must outlive the scan.  Takes about 1 % of the heap's size of memory, most of it when it is
 * touched.  NULL with *why: what is wrong. */
struct leak_scan *leak_scan_create(const struct mem_view *mem, uint64_t root, const char **why);
void leak_scan_destroy(struct leak_scan *s);
const struct slab_view *leak_scan_heap(const struct leak_scan *s);
/* All before the first root.  addr: the object's start; false when no live object starts there. */
bool leak_scan_note(struct leak_scan *s, uint64_t addr, enum leak_note note);
/* Of the object at addr only this part is scanned (and others given so). */
bool leak_scan_area(struct leak_scan *s, uint64_t object, uint64_t addr, uint64_t size);
/* Every aligned word of [addr, addr + size) may be a pointer: marks what it leads to. */
void leak_scan_root(struct leak_scan *s, uint64_t addr, uint64_t size);
/* After the last root: visits each object of the classes in `wanted` (bits 1 << class): first possible, then reachable, then
 * lost ones, each direct one followed by the indirect ones that it holds. */
typedef void (*leak_visit_fn)(void *ctx, uint64_t addr, enum leak_class class);
void leak_scan_finish(struct leak_scan *s, unsigned wanted, leak_visit_fn visit, void *ctx);
/* In a handler of SIGSEGV or SIGBUS: when the scan that is running here touched what is not there, goes on behind it and does not return. */
void leak_scan_faulted(uint64_t addr);
struct leak_scan_stats { uint64_t live, scanned_bytes, root_bytes, table_bytes; };
void leak_scan_get_stats(const struct leak_scan *s, struct leak_scan_stats *stats);

#endif
