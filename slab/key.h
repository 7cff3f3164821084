/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/key.h - the secret of hardened production (harden.h). */
#ifndef MEMSAN_SLAB_KEY_H
#define MEMSAN_SLAB_KEY_H

#include "slab/cache.h"

#pragma GCC visibility push(hidden)
extern bool harden_on;           /* this is production, and not harden=off; written once by harden_init */
extern uint64_t harden_secret;   /* of the process; written once by harden_init */
extern uint32_t harden_last_key; /* blocks with higher numbers have no keys yet */
#pragma GCC visibility pop

/* A secret of this process, another one for each purpose (any constant). */
uint64_t key_secret(uint64_t purpose);
/* Called by slab_init before all else. */
void harden_init(void);
/* The key of the thread block with that number. Blocks beyond this many share keys. */
#define HARDEN_BLOCKS (1u << 20)
uint64_t harden_key(uint32_t block);
/* A number below n. */
uint32_t harden_random(uint32_t n);
/* The size of a live object of a cache with canaries. */
size_t harden_size(const struct slab_cache *c, const void *p);
/* The same for an object of any thread's, which may be freed meanwhile: never faults. */
size_t harden_size_seen(const struct slab_cache *c, const void *p);

#endif
