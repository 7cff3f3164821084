/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/track.h - SLUB's user tracking: the stacks and threads that allocated and freed an object. */
#ifndef MEMSAN_SLAB_TRACK_H
#define MEMSAN_SLAB_TRACK_H

#include "slab/slab.h"

/* SLUB's two struct track in 16 bytes. The thread that owns the object writes them; readers take a snapshot. */
struct slab_track {
	uint64_t alloc_stack : STACK_HANDLE_BITS, free_stack : STACK_HANDLE_BITS, api : 3, when_high : 5;
	uint64_t size : 16, alloc_thread : THREAD_INDEX_BITS, free_thread : THREAD_INDEX_BITS, when_low : 22;
};
_Static_assert(sizeof(struct slab_track) == 16, "a track is 16 bytes");

void track_set_alloc(struct slab_track *t, size_t size, enum slab_api api, stack_handle stack);
void track_set_free(struct slab_track *t, stack_handle stack);
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

#endif
