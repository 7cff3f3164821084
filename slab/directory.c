/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/directory.c - where everything is, for readers outside of the process: another process, a core file. */
#include "slab/area.h"
#include "slab/arena.h"
#include "slab/cache.h"
#include "slab/directory.h"
#include "slab/key.h"
#include "slab/mempool.h"
#include "slab/slab.h"

struct slab_directory slab_directory;

void directory_init(const struct slab_cache *caches, const void *pool_table)
{
	struct slab_directory *r = &slab_directory;

	r->version = SLAB_DIRECTORY_VERSION;
	r->size = sizeof(*r);
	r->size_page = sizeof(struct page);
	r->size_slab = sizeof(struct slab);
	r->size_cache = sizeof(struct slab_cache);
	r->size_area = sizeof(struct area);
	r->arena = arena_base;
	r->state = (uint64_t)(uintptr_t)arena_state;
	r->coarse = (uint64_t)(uintptr_t)arena_coarse;
	r->memmap = (uint64_t)(uintptr_t)arena_memmap;
	r->blocks = (uint64_t)(uintptr_t)arena_blocks;
	r->ready_blocks = (uint64_t)(uintptr_t)&arena_ready_blocks;
	r->caches = (uint64_t)(uintptr_t)caches;
	r->nr_caches = SLAB_FIRST_CUSTOM;
	r->pools = (uint64_t)(uintptr_t)pool_table;
	r->size_pool = sizeof(struct slab_mempool);
	r->size_pool_object = sizeof(struct mempool_object);
	r->key = (uint64_t)(uintptr_t)&harden_secret;
	lib_directory_fill(&r->lib);
	r->self = (uint64_t)(uintptr_t)r;
	mem_copy(r->magic, SLAB_DIRECTORY_MAGIC, sizeof(r->magic));
}
