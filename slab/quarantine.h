/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/quarantine.h - freed objects held back. */
#ifndef MEMSAN_SLAB_QUARANTINE_H
#define MEMSAN_SLAB_QUARANTINE_H

#include "slab/tcache.h"

extern struct ranked_lock quarantine_lock; /* guards the global queue */
void quarantine_init(void);
/* An object of a checked slab, whose byte is `byte`, out of the program's hands. */
void quarantine_put(struct slab_cache *c, uint8_t *byte, uintptr_t object, const struct unwind_regs *regs);
/* All that is held of one cache goes back to it. */
void quarantine_remove_cache(struct slab_cache *c, const struct unwind_regs *regs);
/* The guarded slabs of a cache that nobody uses any more are given up. */
void quarantine_remove_guarded(const struct slab_cache *c);
void quarantine_flush_block(struct tcache_block *b, const struct unwind_regs *regs);
/* This thread's buffer and the whole queue go back. */
void quarantine_drain(const struct unwind_regs *regs);
/* `bytes`: held memory; `guarded`: objects in slabs that are guarded as a whole, which hold none. */
struct quarantine_stats {
	uint64_t bytes, objects, guarded;
};
void quarantine_get_stats(struct quarantine_stats *s);

#endif
