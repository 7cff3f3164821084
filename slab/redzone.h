/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/redzone.h - red zones and poison: filled, verified, repaired. */
#ifndef MEMSAN_SLAB_REDZONE_H
#define MEMSAN_SLAB_REDZONE_H

#include "slab/cache.h"
#include "slab/finding.h"

/* Slots [from, to) of the slab are about to be handed out for the first time: fills their zones and poison.  *d: bytes
 * there that somebody has written to already; size 0: none. */
void redzone_fill_fresh(const struct slab_cache *c, struct slab *s, uint32_t from, uint32_t to, struct damage *d);
/* Bytes that were written to in slots that were never handed out.  False: none.  Under the cache lock. */
bool redzone_find_unused_damage(const struct slab_cache *c, const struct slab *s, struct damage *d);
/* Such damage becomes a finding about the object that is nearest to it, if there is one. */
void redzone_init_unused(struct slab_finding *f, enum slab_found_at at, const struct damage *d,
                         const struct unwind_regs *regs);
/* Describe damage of an object's red zones or poison, and neither report nor repair it. Return the number of
 * findings. */
unsigned redzones_find_damage(const struct slab_cache *c, struct slab *s, uint32_t i, uintptr_t user, size_t size,
                              enum slab_found_at at, const struct unwind_regs *regs, struct slab_finding found[2]);
unsigned poison_find_damage(const struct slab_cache *c, struct slab *s, uint32_t i, enum slab_found_at at,
                            const struct unwind_regs *regs, struct slab_finding *found);
/* Verify again, report and repair. The object belongs to the caller. Return the number of findings. */
unsigned redzones_report(const struct slab_cache *c, struct slab *s, uint32_t i, uintptr_t user, size_t size,
                         enum slab_found_at at, const struct unwind_regs *regs);
unsigned poison_report(const struct slab_cache *c, struct slab *s, uint32_t i, enum slab_found_at at,
                       const struct unwind_regs *regs);
bool bytes_intact(uintptr_t from, uintptr_t to, uint8_t expected, struct damage *d);
bool poison_bytes_intact(const struct slab_cache *c, uintptr_t object, struct damage *d);

/* The rest runs in every allocation and free, so it is inline. Objects and their sizes are multiples of 16. */

#define POISON_WORD (POISON_FREE * 0x0101010101010101ULL)
#define POISON_LAST_WORD (POISON_WORD ^ (uint64_t)(POISON_FREE ^ POISON_END) << 56)
#define POISON_INLINE 256u /* up to here a loop beats a call */

static inline void poison_fill(const struct slab_cache *c, uintptr_t object)
{
	arch_vec16 v = arch_vec16_fill(POISON_WORD);
	uintptr_t p = object, end = object + c->object_size;

	if (likely(c->object_size <= POISON_INLINE))
		for (; p < end; p += 16)
			*(arch_vec16 *)p = v;
	else
		mem_set((void *)object, POISON_FREE, c->object_size);
	WRITE_ONCE(((uint64_t *)end)[-1], POISON_LAST_WORD);
}

/* Fills the bytes before a displaced object, and behind one that is smaller than its slot. */
static inline void redzone_fill_slack(const struct slab_cache *c, uintptr_t object, uintptr_t user, size_t size)
{
	if (!(c->flags & SLAB_F_REDZONE))
		return;
	if (unlikely(user != object))
		mem_set((void *)object, SLUB_RED_ACTIVE, user - object);
	mem_set_short((void *)(user + size), SLUB_RED_ACTIVE, object + c->object_size - (user + size));
}

static inline bool poison_intact(uintptr_t object, size_t size)
{
	const uint64_t *tail = (const uint64_t *)(object + size - 16);
	const char *p = (const char *)object, *end = (const char *)tail;
	arch_vec16 v = arch_vec16_fill(POISON_WORD);

	for (; end - p >= 64; p += 64)
		if (!arch_equal_64(p, v))
			return false;
	for (; p < end; p += 16)
		if (!arch_equal_16(p, v))
			return false;
	return ((tail[0] ^ POISON_WORD) | (tail[1] ^ POISON_LAST_WORD)) == 0;
}

/* n: a multiple of 16, and not 0 */
static inline bool zone_intact(uintptr_t at, uint32_t n, arch_vec16 red)
{
	for (; n >= 64; n -= 64, at += 64)
		if (!arch_equal_64((const void *)at, red))
			return false;
	for (; n; n -= 16, at += 16)
		if (!arch_equal_16((const void *)at, red))
			return false;
	return true;
}

/* Checks the red zones of `zone` bytes before `object` and at `next`, and the slack from `end` to `next`, for an object
 * that starts where its slot's object does. The slack is read 16 bytes at a time; the last 16 may reach into the
 * zone. */
static inline bool redzones_intact(uintptr_t object, uintptr_t end, uintptr_t next, uint32_t zone)
{
	arch_vec16 red = arch_vec16_fill(SLUB_RED_ACTIVE * 0x0101010101010101ULL);

	if (likely(zone == REDZONE_SIZE)) {
		if (!arch_equal_16((const void *)(object - REDZONE_SIZE), red) ||
		    !arch_equal_16((const void *)next, red))
			return false;
	} else if (!zone_intact(object - zone, zone, red) || !zone_intact(next, zone, red)) {
		return false;
	}
	for (; end < next; end += 16)
		if (!arch_equal_16((const void *)end, red))
			return false;
	return true;
}

/* In the next three functions `object` is the address of object i of the slab. */
static inline void redzones_verify(const struct slab_cache *c, struct slab *s, uint32_t i, uintptr_t object,
                                   uintptr_t user, size_t size, enum slab_found_at at, const struct unwind_regs *regs)
{
	if (c->flags & SLAB_F_REDZONE &&
	    unlikely(user != object || !redzones_intact(object, user + size, object + c->object_size, c->offset)))
		redzones_report(c, s, i, user, size, at, regs);
}

static inline void poison_verify(const struct slab_cache *c, struct slab *s, uint32_t i, uintptr_t object,
                                 enum slab_found_at at, const struct unwind_regs *regs)
{
	if (c->flags & SLAB_F_POISON && unlikely(!poison_intact(object, c->object_size)))
		poison_report(c, s, i, at, regs);
}

/* Verifies an object at its allocation; it was verified whole when it left the quarantine. In an instrumented program
 * only the two ends of larger objects are looked at. The bytes between were intact at the end of the quarantine, which
 * was shortly before. Since then only code that is not instrumented can have damaged them unseen. Giving up that check
 * saves programs with objects of some KiB a fifteenth of their time. */
#define CHECK_ENDS 64u
static inline void poison_verify_again(const struct slab_cache *c, struct slab *s, uint32_t i, uintptr_t object,
                                       const struct unwind_regs *regs)
{
	if (likely(c->object_size <= 2 * CHECK_ENDS || !slab_accesses_checked))
		poison_verify(c, s, i, object, SLAB_AT_ALLOC, regs);
	else if (c->flags & SLAB_F_POISON &&
	         unlikely(!arch_equal_64((const void *)object, arch_vec16_fill(POISON_WORD)) ||
	                  !poison_intact(object + c->object_size - CHECK_ENDS, CHECK_ENDS)))
		poison_report(c, s, i, SLAB_AT_ALLOC, regs);
}

#endif
