/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/source.c - the list of object sources. */
#include "slab/source.h"

/* Sources are added and never removed.  A signal handler or another thread that asks while a source is added may miss
 * that source. */
static const struct object_source *sources[OBJECT_SOURCES_MAX];
static uint32_t nr_sources; /* atomic: places taken; NULL while one is being added */

bool object_sources_within;
struct object_layout object_layouts[OBJECT_SOURCES_MAX];

void object_source_register(const struct object_source *source)
{
	uint32_t i = __atomic_fetch_add(&nr_sources, 1, __ATOMIC_RELAXED);

	if (i >= OBJECT_SOURCES_MAX)
		return;
	mem_copy(&object_layouts[i], &source->layout, sizeof(source->layout));
	STORE_RELEASE(sources[i], source);
	if (source->within && source->find)
		WRITE_ONCE(object_sources_within, true);
}

bool object_source_find(bool within, uintptr_t addr, struct slab_object *obj)
{
	for (uint32_t i = 0; i < OBJECT_SOURCES_MAX; i++) {
		const struct object_source *s = LOAD_ACQUIRE(sources[i]);

		if (s && s->within == within && s->find && s->find(addr, obj))
			return true;
	}
	return false;
}

bool object_source_open(uintptr_t addr)
{
	for (uint32_t i = 0; i < OBJECT_SOURCES_MAX; i++) {
		const struct object_source *s = LOAD_ACQUIRE(sources[i]);

		if (s && s->open && s->open(addr))
			return true;
	}
	return false;
}
