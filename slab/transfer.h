/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/transfer.h - halves of bins on their way to the next thread that needs one. */
#ifndef MEMSAN_SLAB_TRANSFER_H
#define MEMSAN_SLAB_TRANSFER_H

#include "slab/cache.h"

/* Did a batch ever go this way? A process that ends asks before it calls transfer_check. */
extern bool transfer_used __attribute__((visibility("hidden")));
/* How many objects go at once: half of the largest bin. 0: objects of this cache do not go this way. */
uint32_t transfer_batch(const struct slab_cache *c);
/* Gives transfer_batch() objects, free for the owner of `key`. False: there is no room. */
bool transfer_put(struct slab_cache *c, void *const *objects, uint64_t key);
/* Takes as many. *key: for whom they are free. False: there are none. */
bool transfer_take(struct slab_cache *c, void **objects, uint64_t *key);
/* There was no room: there may be less room than before, and then some go to their slabs. */
void transfer_trim(struct slab_cache *c);
/* All of these objects go to their slabs; or half of those that nobody took since the last call. */
void transfer_flush(void);
void transfer_decay(void);
/* How many objects wait. The caller holds the cache's lock. */
uint64_t transfer_count(const struct slab_cache *c);
/* Hardened production: verifies them, reports damage, and returns how many. */
size_t transfer_check(enum slab_found_at at);

#endif
