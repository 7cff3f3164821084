/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/track.h - SLUB's user tracking: the stacks and threads that allocated and freed an object. */
#ifndef MEMSAN_SLAB_TRACK_H
#define MEMSAN_SLAB_TRACK_H

#include "slab/slab.h"

/* The kernel keeps two struct track of some 32 bytes behind each object. Here one track holds both, out of line:
 *
 *     word 0   alloc stack 28 │ free stack 28 │ api 3 │ when 5 high
 *     word 1   size 16 │ alloc thread 13 │ free thread 13 │ when 22 low
 *
 * `when` is the last change in jiffies: 27 bits are 15 days. A track is built in registers and stored as two words. So
 * a reader without a lock never sees half of a field, but it may see the two words of different moments. The thread
 * that owns the object writes them; readers take a snapshot. */
struct slab_track {
	uint64_t alloc_stack : STACK_HANDLE_BITS, free_stack : STACK_HANDLE_BITS, api : 3, when_high : 5;
	uint64_t size : 16, alloc_thread : THREAD_INDEX_BITS, free_thread : THREAD_INDEX_BITS, when_low : 22;
};
_Static_assert(sizeof(struct slab_track) == 16, "a track is 16 bytes");

void track_set_size(struct slab_track *t, size_t size, stack_handle stack);
uint32_t track_when(const struct slab_track *t);
/* Each of the two words is read by one load. */
union packed_track {
	struct slab_track t;
	uint64_t word[2];
};
static inline struct slab_track track_read(const struct slab_track *t)
{
	const uint64_t *word = (const uint64_t *)t;
	union packed_track p;

	p.word[0] = READ_ONCE(word[0]);
	p.word[1] = READ_ONCE(word[1]);
	return p.t;
}

/* The next two run in every allocation and free. They build the words by shifts: for bit fields the compiler masks each
 * one anew. */
#define TRACK_WHEN_LOW_BITS 22
#define TRACK_API_SHIFT (2 * STACK_HANDLE_BITS)
#define TRACK_WHEN_HIGH_SHIFT (TRACK_API_SHIFT + 3)
#define TRACK_FREE_THREAD_SHIFT (16 + THREAD_INDEX_BITS)
#define TRACK_WHEN_LOW_SHIFT (TRACK_FREE_THREAD_SHIFT + THREAD_INDEX_BITS)
_Static_assert(TRACK_WHEN_LOW_SHIFT + TRACK_WHEN_LOW_BITS == 64, "the parts fill the words");

__inline_hot void track_set_alloc(struct slab_track *t, size_t size, enum slab_api api, stack_handle stack)
{
	uint64_t *word = (uint64_t *)t, now = jiffies_now();

	WRITE_ONCE(word[0], stack | (uint64_t)(api & 7) << TRACK_API_SHIFT |
	                            (now >> TRACK_WHEN_LOW_BITS) << TRACK_WHEN_HIGH_SHIFT);
	WRITE_ONCE(word[1], (size & 0xffff) | (uint64_t)(thread_index() & ((1u << THREAD_INDEX_BITS) - 1)) << 16 |
	                            now << TRACK_WHEN_LOW_SHIFT);
}

__inline_hot void track_set_free(struct slab_track *t, stack_handle stack)
{
	const uint64_t kept0 = ((1ULL << STACK_HANDLE_BITS) - 1) | 7ULL << TRACK_API_SHIFT,
		       kept1 = (1ULL << TRACK_FREE_THREAD_SHIFT) - 1;
	uint64_t *word = (uint64_t *)t, now = jiffies_now(), thread = thread_index() & ((1u << THREAD_INDEX_BITS) - 1);

	WRITE_ONCE(word[0], (word[0] & kept0) | (uint64_t)stack << STACK_HANDLE_BITS |
	                            (now >> TRACK_WHEN_LOW_BITS) << TRACK_WHEN_HIGH_SHIFT);
	WRITE_ONCE(word[1], (word[1] & kept1) | thread << TRACK_FREE_THREAD_SHIFT | now << TRACK_WHEN_LOW_SHIFT);
}

#endif
