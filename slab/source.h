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
 * A source registers itself once.  From then on other code asks the sources without knowing their names.  A report asks
 * slab_find_object, which asks slab itself (directly, because nearly all addresses are slab's) and then the other
 * sources.  A fault asks slab_guard_open. Scans for leaks and the tools read the layouts.
 *
 * Objects of a source that is `within` lie inside of objects of other sources.  Such a source is asked first, because
 * its answer is more exact.
 *
 * The layout is a source's state and metadata as plain structures, after GWP-ASan's AllocatorState and
 * AllocationMetadata.  One reader (leak/sources.c, with fence/layout.c) serves the copy of the process in which a scan
 * runs, another process, and a core file.  The reader is built from the same headers, and the sizes tell whether the
 * process was built from them too.  struct slab_directory is the layout of slab itself and of its mempools.
 */
#ifndef MEMSAN_SLAB_SOURCE_H
#define MEMSAN_SLAB_SOURCE_H

#include "slab/slab.h"

#define OBJECT_SOURCES_MAX 4u
/* The name selects the reader.  All zero: the end of the list. */
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
	/* As slab_find_object and slab_guard_open, false for other sources' addresses.  NULL: the source cannot be
	 * asked. */
	bool (*find)(uintptr_t addr, struct slab_object *obj);
	bool (*open)(uintptr_t addr);
	struct object_layout layout;
};

/* At most OBJECT_SOURCES_MAX, each once, before its first object; not copied.  Thread-safe. */
void object_source_register(const struct object_source *source);
/* Asks the sources that are `within`, or the others. */
bool object_source_find(bool within, uintptr_t addr, struct slab_object *obj);
bool object_source_open(uintptr_t addr);
/* Is any source `within`? */
extern bool object_sources_within;
/* The layouts of all sources, for readers outside of this process. */
extern struct object_layout object_layouts[OBJECT_SOURCES_MAX];

#endif
