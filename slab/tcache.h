/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/tcache.h - thread caches: a block of bins for each thread. */
#ifndef MEMSAN_SLAB_TCACHE_H
#define MEMSAN_SLAB_TCACHE_H

#include "slab/budget.h"
#include "slab/cache.h"

#define QUARANTINE_BUFFER 64

/* Arrays for work of a thread's that would need much of its stack. Nothing here is kept from call to call. */
#define VICTIMS 64
struct victims {
	size_t n;
	void *object[VICTIMS];
	struct slab *slab[VICTIMS];
};
/* Objects on their way into the quarantine and out of it (quarantine.c). */
struct quarantine_work {
	struct victims lost, leaving;
	struct slab *full[QUARANTINE_BUFFER];
	size_t nr_full;
	struct slab_cache *of[VICTIMS];
	void *batch[VICTIMS];
};

/* A thread's block. Blocks are never unmapped: when a thread ends, its block waits for another thread. Some blocks keep
 * a few free objects meanwhile (tcache_park). */
struct tcache_block {
	struct tcache fast;                         /* first, because tcache_own points to it */
	struct tcache_bin ready[SLAB_FIRST_CUSTOM]; /* free objects of checked caches, for debug_alloc */
	struct tcache_block *next;                  /* in the list of all blocks; written once */
	uint32_t in_use;                            /* exchanged atomically */
	bool parked;                                /* keeps objects; written by the owner of in_use, read without */
	uint16_t capacity[SLAB_NR_MALLOC + 1];      /* of the arrays of malloc's bins */
	uint32_t trips;                             /* trips to a slab cache */
	bool ran_empty[SLAB_NR_MALLOC + 1];         /* malloc's bins, since the last tcache_decay */
	uint32_t number;                            /* of this block */
	uint32_t held_count;                        /* freed objects on their way to the quarantine */
	uint64_t held_bytes;
	void *held[QUARANTINE_BUFFER];
	union {
		struct quarantine_work quarantine;
		void *flushed[BUDGET_BIN_OBJECTS / 2]; /* a bin's older half on its way to the cache */
	} work;
	/* Checked objects, and batches from and to slabs. Other threads read these. */
	uint64_t allocs, frees;
};
extern bool tcache_any_fast;             /* false: no cache uses the inline paths; set by slab_init */
struct tcache_block *tcache_block(void); /* this thread's; NULL: no memory, or the thread has ended */
struct tcache_block *tcache_first_block(void);
/* For fast caches; refills the bin. The caller arms an object that has a canary, then sets its state. */
void *tcache_malloc(unsigned class);
void tcache_free(unsigned class, void *p); /* flushes the bin when it is full */
/* For malloc's caches with checks. */
void *tcache_take_debug_slowly(struct slab_cache *c);
__inline_hot void *tcache_take_debug(struct slab_cache *c)
{
	struct tcache_block *b = (struct tcache_block *)tcache_own;
	struct tcache_bin *bin;
	uint32_t n;

	if (unlikely(!b))
		return tcache_take_debug_slowly(c);
	bin = &b->ready[c->number];
	n = bin->count;
	if (unlikely(n == 0))
		return tcache_take_debug_slowly(c);
	WRITE_ONCE(bin->count, (uint16_t)(n - 1));
	WRITE_ONCE(b->allocs, b->allocs + 1);
	/* The next allocation of this class verifies the poison of this object. */
	if (n > 1)
		__builtin_prefetch(bin->items[n - 2]);
	return bin->items[n - 1];
}
/* For the program's caches. The caller sets and clears the state byte. */
void *tcache_take_custom(struct slab_cache *c);
void tcache_put_custom(struct slab_cache *c, void *p);
void tcache_flush_custom(struct slab_cache *c);        /* this thread's bin */
void tcache_forget_custom(const struct slab_cache *c); /* in all threads: their inline paths no longer use it */
uint64_t tcache_count_custom(const struct slab_cache *c);
/* Hardened production: verifies the freed objects in this thread's bins, reports damage, and returns how many. */
size_t tcache_check_own(enum slab_found_at at);
void tcache_flush_all(struct tcache_block *b);
/* The same for the objects that blocks without a thread keep. */
void tcache_flush_parked(void);
/* Gives back half of each bin that did not run empty since the last call. */
void tcache_decay(struct tcache_block *b);
/* Sets the function that a thread calls on every 256th trip to a slab cache, with no lock held. Set once, before the
 * program's first allocation. */
void tcache_set_tick(void (*fn)(struct tcache_block *b));
/* The thread ends: takes its block away, and it gets no other. Returns the block, or NULL. */
struct tcache_block *tcache_close(void);
/* Gives the thread's block to the next thread that starts, with at most a few objects in its bins. */
void tcache_park(struct tcache_block *b);
/* In the child of fork: blocks of the parent's other threads become free. `flush` is called for each first. */
void tcache_fork_child(void (*flush)(struct tcache_block *b));
/* Counts the objects that all threads have cached, by class. */
void tcache_count(uint64_t counts[SLAB_FIRST_CUSTOM]);

#endif
