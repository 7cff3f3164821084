/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/quarantine.c - freed objects held back from reuse, so that a late write or free still finds them. */
#include "slab/slab_internal.h"

/*     debug_free ──► thread's buffer ──batch──► global queue, first in first out ──over budget──► verified, back to its slab
 *                     64 objects                 bytes <= budget
 *
 * The budget is quarantine.size, but never more than quarantine.percent of the live heap (always up to 1 MiB), so that a program with a
 * small heap stays small.  Objects stay poisoned, their held bit tells the verifier which ones they are.
 *
 * The queue is a list of chunks of pointers; chunks are recycled.  A full system (no memory for a chunk) sends the object back at
 * once: the quarantine is a convenience, never a reason to fail. */

#define CHUNK_OBJECTS 510
#define VICTIMS 64
#define BUFFER_BYTES ((size_t)64 << 10)
#define BUDGET_FLOOR ((uint64_t)1 << 20)

struct chunk {
	struct chunk *next;
	uint32_t first, count; /* objects [first, count) are in the queue */
	void *objects[CHUNK_OBJECTS];
};

struct ranked_lock quarantine_lock = RANKED_LOCK_INIT(LOCK_RANK_QUARANTINE);

/* All under quarantine_lock. */
static struct chunk *head, *tail, *spare;
static uint64_t queue_bytes, queue_objects;

void quarantine_init(void)
{
	lock_register_for_fork(&quarantine_lock);
}

static size_t slot_bytes(const void *object)
{
	return slab_of((uintptr_t)object)->cache->slot_size;
}

/* ---- the queue; under quarantine_lock ------------------------------------------------------------------------------------------ */

static bool chunk_add(void)
{
	struct chunk *k = spare;

	if (k)
		spare = k->next;
	else
		k = meta_alloc(sizeof(*k), COST_QUARANTINE);
	if (!k)
		return false;
	k->next = NULL;
	k->first = k->count = 0;
	if (tail)
		tail->next = k;
	else
		head = k;
	tail = k;
	return true;
}

static bool queue_push(void *object)
{
	if ((!tail || tail->count == CHUNK_OBJECTS) && !chunk_add())
		return false;
	tail->objects[tail->count++] = object;
	queue_bytes += slot_bytes(object);
	queue_objects++;
	return true;
}

static void *queue_pop(void)
{
	struct chunk *k = head;
	void *object;

	if (!k)
		return NULL;
	object = k->objects[k->first++];
	if (k->first == k->count) {
		head = k->next;
		if (!head)
			tail = NULL;
		k->next = spare;
		spare = k;
	}
	queue_bytes -= slot_bytes(object);
	queue_objects--;
	return object;
}

static uint64_t budget(void)
{
	int64_t out = __atomic_load_n(&cache_checked_bytes, __ATOMIC_RELAXED) - (int64_t)queue_bytes;
	uint64_t share = (uint64_t)MAX(out, 0) / 100 * options.quarantine_percent;

	return MIN(options.quarantine_size, MAX(share, BUDGET_FLOOR));
}

/* ---- leaving -------------------------------------------------------------------------------------------------------------------- */

static void verify_victim(void *object, const struct unwind_regs *regs)
{
	uintptr_t addr = (uintptr_t)object;
	struct slab *s = slab_of(addr);
	struct slab_cache *c = s->cache;
	uint32_t i = slab_index(c, s, addr);

	check_poisoned(c, s, i, SLAB_AT_QUARANTINE_EXIT, regs);
	check_redzones(c, s, i, addr, c->object_size, SLAB_AT_QUARANTINE_EXIT, regs);
	if (unlikely(s->displaced))
		*state_of(object_user_addr(c, s, i)) = 0;
	map_clear(slab_held_map(c, s), i);
}

/* Each cache's objects in one batch. */
static void release_victims(void **victims, size_t n)
{
	void *batch[VICTIMS];
	size_t i, k;

	while (n) {
		struct slab_cache *c = slab_of((uintptr_t)victims[0])->cache;
		size_t rest = 0;

		for (i = k = 0; i < n; i++) {
			if (slab_of((uintptr_t)victims[i])->cache == c)
				batch[k++] = victims[i];
			else
				victims[rest++] = victims[i];
		}
		cache_return(c, batch, k);
		n = rest;
	}
}

static void evict(uint64_t keep, bool drain, const struct unwind_regs *regs)
{
	void *victims[VICTIMS];
	size_t n, i;

	do {
		lock_acquire(&quarantine_lock);
		for (n = 0; n < VICTIMS && queue_objects && queue_bytes > (drain ? keep : budget()); n++)
			victims[n] = queue_pop();
		lock_release(&quarantine_lock);
		for (i = 0; i < n; i++)
			verify_victim(victims[i], regs);
		release_victims(victims, n);
	} while (n == VICTIMS);
}

/* ---- entering ------------------------------------------------------------------------------------------------------------------- */

/* The count is reset under the lock: the child of a fork sees the objects in the queue or in the buffer, not in both. */
void quarantine_flush_block(struct tcache_block *b, const struct unwind_regs *regs)
{
	void *lost[QUARANTINE_BUFFER];
	size_t nr_lost = 0;
	uint32_t i;

	lock_acquire(&quarantine_lock);
	for (i = 0; i < b->held_count; i++)
		if (!queue_push(b->held[i]))
			lost[nr_lost++] = b->held[i];
	b->held_count = 0;
	b->held_bytes = 0;
	lock_release(&quarantine_lock);
	for (i = 0; i < nr_lost; i++)
		verify_victim(lost[i], regs);
	release_victims(lost, nr_lost);
	evict(0, false, regs);
}

static void put_without_block(void *object, const struct unwind_regs *regs)
{
	bool queued;

	lock_acquire(&quarantine_lock);
	queued = queue_push(object);
	lock_release(&quarantine_lock);
	if (queued) {
		evict(0, false, regs);
	} else {
		verify_victim(object, regs);
		release_victims(&object, 1);
	}
}

void quarantine_put(struct slab_cache *c, void *object, const struct unwind_regs *regs)
{
	struct tcache_block *b = tcache_block();
	struct slab *s = slab_of((uintptr_t)object);
	uint32_t i = slab_index(c, s, (uintptr_t)object);

	if (!c->held) {
		if (s->displaced)
			*state_of(object_user_addr(c, s, i)) = 0;
		cache_return(c, &object, 1);
		return;
	}
	/* Pairs with the acquiring load in check_all: who sees the bit sees the poison. */
	map_set(slab_held_map(c, s), i);
	if (unlikely(!b)) {
		put_without_block(object, regs);
		return;
	}
	b->held[b->held_count] = object;
	tcache_barrier();
	b->held_count++;
	b->held_bytes += c->slot_size;
	if (b->held_count == QUARANTINE_BUFFER || b->held_bytes > BUFFER_BYTES)
		quarantine_flush_block(b, regs);
}

void quarantine_drain(const struct unwind_regs *regs)
{
	struct tcache_block *b = tcache_block();

	if (b)
		quarantine_flush_block(b, regs);
	evict(0, true, regs);
}

void quarantine_get_stats(struct quarantine_stats *s)
{
	lock_acquire(&quarantine_lock);
	s->bytes = queue_bytes;
	s->objects = queue_objects;
	lock_release(&quarantine_lock);
}
