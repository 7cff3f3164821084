/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/tcache.h - thread caches. */
#ifndef MEMSAN_SLAB_TCACHE_H
#define MEMSAN_SLAB_TCACHE_H

#include "slab/cache.h"

#define QUARANTINE_BUFFER 64

/* A thread's block.  Blocks are never unmapped; those of threads that ended wait for the next. */
struct tcache_block {
	struct tcache fast;                           /* must be first: tcache_self points to it */
	struct tcache_bin ready[SLAB_NR_CLASSES + 1]; /* objects for debug_alloc */
	struct tcache_block *next;                    /* in the list of all blocks: written once */
	uint32_t in_use;                              /* exchanged atomically */
	uint32_t trips;                               /* to a slab cache */
	/* which of malloc's bins did since they were last looked at: a bit per class */
	uint64_t ran_empty;
	uint32_t held_count; /* freed objects on their way to the quarantine */
	uint64_t held_bytes;
	void *held[QUARANTINE_BUFFER];
	/* checked ones, and batches from and to slabs; read by others */
	uint64_t allocs, frees;
};
struct tcache_block *tcache_block(void); /* this thread's; NULL: no memory, or the thread has ended */
struct tcache_block *tcache_first_block(void);
void *tcache_malloc(unsigned class);       /* refills: fast caches */
void tcache_free(unsigned class, void *p); /* flushes */
/* One of malloc's caches with checks. */
void *tcache_take_debug_slowly(struct slab_cache *c);
__inline_hot void *tcache_take_debug(struct slab_cache *c)
{
	struct tcache_block *b = (struct tcache_block *)tcache_self;
	struct tcache_bin *bin;
	uint32_t n;

	if (unlikely(!b))
		return tcache_take_debug_slowly(c);
	bin = &b->ready[c->number];
	n = bin->count;
	if (unlikely(n == 0))
		return tcache_take_debug_slowly(c);
	WRITE_ONCE(bin->count, n - 1);
	WRITE_ONCE(b->allocs, b->allocs + 1);
	/* Its poison is going to be verified by the next allocation of this class. */
	if (n > 1)
		__builtin_prefetch(bin->items[n - 2]);
	return bin->items[n - 1];
}
/* Of a cache that the program made; the state byte is the caller's. */
void *tcache_take_custom(struct slab_cache *c);
void tcache_put_custom(struct slab_cache *c, void *p);
void tcache_flush_custom(struct slab_cache *c);        /* this thread's */
void tcache_forget_custom(const struct slab_cache *c); /* in all threads: it is for the inline paths no more */
uint64_t tcache_count_custom(const struct slab_cache *c);
void tcache_flush_all(struct tcache_block *b);
/* Half of each bin that did not run empty since the last time goes back. */
void tcache_decay(struct tcache_block *b);
/* Called on every 256th of a thread's trips to a slab cache, with no lock held. Set once before the program's first
 * allocation. */
void tcache_set_tick(void (*fn)(struct tcache_block *b));
/* The thread ends: it gets no block again. Its block, or NULL. */
struct tcache_block *tcache_close(void);
/* The block, which is empty, waits for another thread. */
void tcache_detach(struct tcache_block *b);
/* Objects cached by all threads, by class. */
void tcache_count(uint64_t counts[SLAB_NR_CLASSES + 1]);

#endif
