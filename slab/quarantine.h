/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/quarantine.h - freed objects held back. */
#ifndef MEMSAN_SLAB_QUARANTINE_H
#define MEMSAN_SLAB_QUARANTINE_H

#include "slab/tcache.h"

void quarantine_init(void);
/* All objects of one cache leave the quarantine and go back to it. */
void quarantine_remove_cache(struct slab_cache *c, const struct unwind_regs *regs);
/* Gives up all guarded slabs of a cache. */
void quarantine_remove_guarded(const struct slab_cache *c);
void quarantine_flush_block(struct tcache_block *b, const struct unwind_regs *regs);
/* The rest of quarantine_put: a cache whose objects are not held, one of the program's, or a thread without a block. */
__cold_path void quarantine_put_rarely(struct tcache_block *b, struct slab_cache *c, uintptr_t object,
                                       const struct unwind_regs *regs);
#define QUARANTINE_BUFFER_BYTES ((size_t)64 << 10)

/* Takes an object of a checked slab that the program freed. `byte`: the object's byte in the slab's descriptor.
 *
 * Objects of the program's caches go to the queue at once, because they could not be taken out of the buffers of other
 * threads when a cache is destroyed. */
__inline_hot void quarantine_put(struct slab_cache *c, uint8_t *byte, uintptr_t object, const struct unwind_regs *regs)
{
	struct tcache_block *b = (struct tcache_block *)tcache_own;
	uint32_t n;

	/* Pairs with the acquiring load in verify.c: a thread that sees HELD sees the poison. */
	if (likely(c->held))
		STORE_RELEASE(*byte, (uint8_t)(READ_ONCE(*byte) | OBJECT_HELD));
	if (unlikely(!c->held || !b || cache_is_custom(c))) {
		quarantine_put_rarely(b, c, object, regs);
		return;
	}
	n = b->held_count;
	WRITE_ONCE(b->frees, b->frees + 1);
	b->held[n] = (void *)object;
	tcache_barrier();
	WRITE_ONCE(b->held_count, n + 1);
	WRITE_ONCE(b->held_bytes, b->held_bytes + c->slot_size);
	if (unlikely(n + 1 == QUARANTINE_BUFFER || b->held_bytes > QUARANTINE_BUFFER_BYTES))
		quarantine_flush_block(b, regs);
}
/* Empties this thread's buffer and the whole queue. */
void quarantine_drain(const struct unwind_regs *regs);
/* `bytes` and `objects`: in memory. `guarded`: objects in slabs that are guarded as a whole and hold no memory. */
struct quarantine_stats {
	uint64_t bytes, objects, guarded;
};
void quarantine_get_stats(struct quarantine_stats *s);

#endif
