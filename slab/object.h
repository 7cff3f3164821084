/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/object.h - from any address to the object there. */
#ifndef MEMSAN_SLAB_OBJECT_H
#define MEMSAN_SLAB_OBJECT_H

#include "slab/slab.h"

struct area;
struct slab;
struct slab_cache;

extern const struct slab_foreign *slab_foreign; /* NULL: there is none */
/* Finds the object of a pool at addr or beside it. mempool.c sets it when the first pool is made. Takes no lock. */
extern bool (*object_find_pooled)(uintptr_t addr, struct slab_object *obj);
void object_describe(const struct slab_cache *c, struct slab *s, uint32_t i, struct slab_object *obj);
void object_describe_area(const struct area *a, struct slab_object *obj);

#endif
