/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/quarantine.h - freed objects held back. */
#ifndef MEMSAN_SLAB_QUARANTINE_H
#define MEMSAN_SLAB_QUARANTINE_H

#include "slab/tcache.h"

void quarantine_init(void);
/* Takes an object of a checked slab that the program freed. `byte`: the object's byte in the slab's descriptor. */
void quarantine_put(struct slab_cache *c, uint8_t *byte, uintptr_t object, const struct unwind_regs *regs);
/* All objects of one cache leave the quarantine and go back to it. */
void quarantine_remove_cache(struct slab_cache *c, const struct unwind_regs *regs);
/* Gives up all guarded slabs of a cache. */
void quarantine_remove_guarded(const struct slab_cache *c);
void quarantine_flush_block(struct tcache_block *b, const struct unwind_regs *regs);
/* Empties this thread's buffer and the whole queue. */
void quarantine_drain(const struct unwind_regs *regs);
/* `bytes` and `objects`: in memory. `guarded`: objects in slabs that are guarded as a whole and hold no memory. */
struct quarantine_stats {
	uint64_t bytes, objects, guarded;
};
void quarantine_get_stats(struct quarantine_stats *s);

#endif
