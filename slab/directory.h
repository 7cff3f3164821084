/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/directory.h - the addresses of slab's tables, for other processes. */
#ifndef MEMSAN_SLAB_DIRECTORY_H
#define MEMSAN_SLAB_DIRECTORY_H

#include "slab/slab.h"

struct slab_cache;

/* `caches`: slab_caches. `pool_table`: the address of the pointer to the table of pools' objects. */
void directory_init(const struct slab_cache *caches, const void *pool_table);

#endif
