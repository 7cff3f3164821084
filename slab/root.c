/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/root.c - where everything is, for those who look at the heap from outside: another process, a core file. */
#include "slab/slab_internal.h"

struct slab_root slab_root;

void root_init(void)
{
	struct slab_root *r = &slab_root;

	r->version = SLAB_ROOT_VERSION;
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
	r->caches = (uint64_t)(uintptr_t)malloc_caches;
	r->nr_caches = SLAB_FIRST_CUSTOM;
	r->pools = (uint64_t)(uintptr_t)pool_table_place();
	r->size_pool = sizeof(struct slab_pool);
	r->size_pool_object = sizeof(struct pool_object);
	lib_root_fill(&r->lib);
	r->self = (uint64_t)(uintptr_t)r;
	mem_copy(r->magic, SLAB_ROOT_MAGIC, sizeof(r->magic));
}
