/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/source.h - object sources: detectors and allocators whose objects slab's maps do not show.
 *
 * slab hands out most objects from its arena, and its state map leads from any address there to the object.  Other
 * objects come from other sources:
 *
 *     source        its objects                                              by address       in a scan for leaks
 *     slab          slots of caches, large areas                             slab_find_object from the maps
 *     mempools      parts of the program's memory (memsan_pool_alloc)        find, within     if told: registered
 *     registered    parts of the program's memory (memsan_leak_alloc)        -                layout
 *     fence         pages between guard pages                                find, open       layout
 *
 * A source registers itself once.  From then on all others ask the sources, and need not know their names: a report
 * asks slab_find_object, which asks slab itself (directly, because nearly all addresses are its own) and then the
 * others; a fault asks slab_guard_open; scans for leaks and the tools read the layouts.
 *
 * Objects of a source that is `within` lie inside of objects of other sources.  Such a source is asked first, because
 * its answer is the more exact one.
 *
 * The layout is a source's state and metadata as plain structures, after GWP-ASan's AllocatorState and
 * AllocationMetadata: one reader (leak/sources.c, with fence/layout.c) serves the copy of the process in which a scan
 * runs, another process and a core file.  The reader is built from the same headers; the sizes tell whether the process
 * was, too.  slab's own layout and that of its mempools is struct slab_directory.
 */
#ifndef MEMSAN_SLAB_SOURCE_H
#define MEMSAN_SLAB_SOURCE_H

#include "slab/slab.h"

#define OBJECT_SOURCES_MAX 4u
/* The name selects the reader.  All zero: there are no more. */
struct object_layout {
	char name[16];
	uint64_t state; /* address of `nr` structures of state_size bytes: where the objects' metadata is */
	uint32_t nr, state_size;
	uint32_t object_size; /* bytes of metadata for an object */
	uint32_t pad;
};
_Static_assert(sizeof(struct object_layout) == 40, "read by other processes");

struct object_source {
	bool within; /* its objects lie inside of other sources' objects */
	/* As slab_find_object and slab_guard_open, false for other sources' addresses.  NULL: there is nothing to
	 * ask. */
	bool (*find)(uintptr_t addr, struct slab_object *obj);
	bool (*open)(uintptr_t addr);
	struct object_layout layout;
};

/* At most OBJECT_SOURCES_MAX, each once, before its first object; not copied.  Thread-safe. */
void object_source_register(const struct object_source *source);
/* Asks the sources that are `within`, or the others. */
bool object_source_find(bool within, uintptr_t addr, struct slab_object *obj);
bool object_source_open(uintptr_t addr);
/* Is there a source to be asked that is `within`? */
extern bool object_sources_within;
/* The layouts of all sources, for readers outside of this process. */
extern struct object_layout object_layouts[OBJECT_SOURCES_MAX];

#endif
