/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/mempool.h - objects inside of the program's own memory. */
#ifndef MEMSAN_SLAB_MEMPOOL_H
#define MEMSAN_SLAB_MEMPOOL_H

#include "slab/slab.h"

/* The entries of mempool.c's table. view_mempools.c reads them from outside. */
struct mempool_object {
	uintptr_t addr;
	size_t size;
	struct slab_mempool *pool;
	struct mempool_object *next, *prev; /* list of the pool's objects, live and freed */
	stack_handle alloc_stack, free_stack;
	uint32_t alloc_thread, free_thread, when;
	bool live;
};
struct mempool_block {
	uintptr_t addr;
	size_t size;
	struct mempool_block *next;
};
struct slab_mempool {
	char name[SLAB_NAME_MAX];
	size_t redzone;
	unsigned flags; /* SLAB_MEMPOOL_* */
	bool used;
	size_t nr_live;
	struct mempool_object *objects;
	struct mempool_block *blocks;
	struct slab_mempool *next; /* list of all pools ever made */
};
#define MEMPOOL_TOMBSTONE 1u
/* size: a power of two. used: slots in use, with tombstones. */
struct mempool_table {
	uint32_t size, used;
	struct mempool_object *slots[];
};
/* The address of the pointer to the table. */
const void *mempool_table_place(void);
static inline uint32_t mempool_table_slot(uint32_t size, uintptr_t addr)
{
	return (uint32_t)((addr >> 3) * 0x9e3779b97f4a7c15u >> 32) & (size - 1);
}
static inline bool mempool_object_holds(const struct mempool_object *o, const struct slab_mempool *pool, uintptr_t addr)
{
	return addr - (o->addr - pool->redzone) < o->size + 2 * pool->redzone;
}
static inline uintptr_t mempool_object_distance(const struct mempool_object *o, uintptr_t addr)
{
	if (addr < o->addr)
		return o->addr - addr;
	return addr < o->addr + o->size ? 0 : addr - (o->addr + o->size) + 1;
}
void mempool_object_describe(const struct mempool_object *o, const struct slab_mempool *pool, bool live,
                             struct slab_object *obj);
size_t mempool_check_all(enum slab_found_at at, const struct unwind_regs *regs);

#endif
