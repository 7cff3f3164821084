/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/track.c - SLUB's user tracking: the stacks and threads that allocated and freed an object, in 16 bytes. */
#include "slab/slab.h"
#include "slab/track.h"

static void track_write(struct slab_track *to, const union packed_track *from)
{
	uint64_t *word = (uint64_t *)to;

	WRITE_ONCE(word[0], from->word[0]);
	WRITE_ONCE(word[1], from->word[1]);
}

static void track_stamp(struct slab_track *t)
{
	uint32_t now = jiffies_now();

	t->when_low = now & ((1u << 22) - 1);
	t->when_high = now >> 22 & 31;
}

uint32_t track_when(const struct slab_track *t)
{
	return (uint32_t)t->when_high << 22 | (uint32_t)t->when_low;
}

void track_set_size(struct slab_track *t, size_t size, stack_handle stack)
{
	union packed_track p = { .t = track_read(t) };

	p.t.size = size & 0xffff;
	p.t.api = p.t.api == SLAB_API_MEMALIGN ? SLAB_API_MALLOC : p.t.api; /* as api_resized (finding.h) */
	p.t.alloc_stack = stack;
	p.t.alloc_thread = thread_index() & ((1u << THREAD_INDEX_BITS) - 1);
	track_stamp(&p.t);
	track_write(t, &p);
}
