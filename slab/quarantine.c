/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/quarantine.c - freed objects are held back from reuse, so late writes and frees are still found. */
#include "slab/arena.h"
#include "slab/budget.h"
#include "slab/cache.h"
#include "slab/guard_slab.h"
#include "slab/quarantine.h"
#include "slab/redzone.h"
#include "slab/slab.h"
#include "slab/tcache.h"

/*     debug_free ──► thread's buffer ──batch──► global queue ──over budget──► verified, back to its slab
 *                     64 objects                first in first out, bytes <= budget
 *
 * budget.c says how much may be held. Objects stay poisoned; their held bit tells the verifier which ones they are.
 *
 * A slab whose objects have all come here is guarded (guard_slab.c): its memory goes back to the system, and only
 * address space is held. Its entries stay in the queue as stale ones until they are met or compacted away.
 *
 * The queue is a list of chunks of pointers; chunks are recycled. If there is no memory for a chunk, the object goes
 * back at once: the quarantine is a convenience, and never a reason to fail. */

#define CHUNK_OBJECTS 510
#define STALE_MIN 4096

struct chunk {
	struct chunk *next;
	uint32_t first, count; /* objects [first, count) are in the queue */
	void *objects[CHUNK_OBJECTS];
};

/* guards the queue, and the guarded slabs */
static struct ranked_lock quarantine_lock = RANKED_LOCK_INIT(LOCK_RANK_QUARANTINE);

/* All under quarantine_lock. */
static struct chunk *head, *tail, *spare;
static uint64_t queue_objects; /* objects that count, as budget_queued_bytes does */
static uint64_t nr_stale;      /* entries of guarded slabs */
static uint32_t refused;       /* objects that pass the queue by */

void quarantine_init(void)
{
	lock_register_for_fork(&quarantine_lock);
}

/* ---- the queue; under quarantine_lock -------------------------------------------------------- */

/* There was no memory for a chunk: so many objects pass the queue by before the kernel is asked again. */
#define REFUSED_PUSHES 1024u

static bool chunk_add(void)
{
	struct chunk *k = spare;

	if (k) {
		spare = k->next;
	} else if (refused) {
		refused--;
	} else {
		k = meta_alloc(sizeof(*k), COST_QUARANTINE);
		refused = k ? 0 : REFUSED_PUSHES;
	}
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

/* *full: this was the slab's last object, and the slab will be guarded. From now on its entries no longer count and are
 * skipped. */
__inline_hot bool queue_push(void *object, struct slab *s, bool *full)
{
	const struct slab_cache *c = s->cache;

	*full = false;
	if (unlikely(!tail || tail->count == CHUNK_OBJECTS) && !chunk_add())
		return false;
	tail->objects[tail->count++] = object;
	WRITE_ONCE(budget_queued_bytes, budget_queued_bytes + c->slot_size);
	queue_objects++;
	if (unlikely(++s->nr_queued == c->nr_objects) && guard_slab_admit(c)) {
		WRITE_ONCE(s->guarded, true);
		WRITE_ONCE(budget_queued_bytes, budget_queued_bytes - (uint64_t)c->nr_objects * c->slot_size);
		queue_objects -= c->nr_objects;
		nr_stale += c->nr_objects;
		*full = true;
	}
	return true;
}

static void chunk_drop_head(void)
{
	struct chunk *k = head;

	head = k->next;
	if (!head)
		tail = NULL;
	k->next = spare;
	spare = k;
}

/* Objects that leave the queue, or a batch that there was no memory to queue, with their slabs. */
_Static_assert(VICTIMS >= QUARANTINE_BUFFER, "a thread's buffer is one batch");
static void victims_add(struct victims *v, void *object, struct slab *s)
{
	v->object[v->n] = object;
	v->slab[v->n++] = s;
}

/* Takes the oldest object that is not in a guarded slab. False: there is none. */
static bool queue_pop(struct victims *v)
{
	while (head) {
		void *object;
		struct slab *s;

		if (head->first == head->count) { /* all of it was taken out */
			chunk_drop_head();
			continue;
		}
		object = head->objects[head->first++];
		s = slab_of((uintptr_t)object);
		if (head->first == head->count)
			chunk_drop_head();
		s->nr_queued--;
		if (!READ_ONCE(s->guarded)) {
			WRITE_ONCE(budget_queued_bytes, budget_queued_bytes - s->cache->slot_size);
			queue_objects--;
			cache_pin(s->cache);
			victims_add(v, object, s);
			return true;
		}
		nr_stale--;
	}
	return false;
}

/* When most entries of the queue are stale, all stale ones are taken out. So each entry is visited a constant number of
 * times on average. */
static bool compact_due(void)
{
	return nr_stale >= STALE_MIN && nr_stale >= 2 * queue_objects;
}

static void queue_compact(void *unused)
{
	struct chunk *from = head, *old_spare = spare;
	uint32_t i;

	(void)unused;
	/* Chunks that have been read are written to again. spare is empty meanwhile, and is not needed before one is
	 * free. */
	head = tail = NULL;
	spare = NULL;
	while (from) {
		struct chunk *next = from->next;
		void *kept[CHUNK_OBJECTS];
		uint32_t n = 0;

		for (i = from->first; i < from->count; i++) {
			struct slab *s = slab_of((uintptr_t)from->objects[i]);

			if (READ_ONCE(s->guarded))
				s->nr_queued--;
			else
				kept[n++] = from->objects[i];
		}
		from->next = spare;
		spare = from;
		for (i = 0; i < n; i++) {
			if (!tail || tail->count == CHUNK_OBJECTS)
				chunk_add();
			tail->objects[tail->count++] = kept[i];
		}
		from = next;
	}
	nr_stale = 0;
	while (old_spare) {
		struct chunk *next = old_spare->next;

		old_spare->next = spare;
		spare = old_spare;
		old_spare = next;
	}
}

/* ---- leaving --------------------------------------------------------------------------------- */

__inline_hot void verify_leaving(void *object, struct slab *s, const struct unwind_regs *regs)
{
	uintptr_t addr = (uintptr_t)object;
	struct slab_cache *c = s->cache;
	uint32_t i = slab_index(c, s, addr);

	poison_verify(c, s, i, addr, SLAB_AT_QUARANTINE_EXIT, regs);
	redzones_verify(c, s, i, addr, addr, c->object_size, SLAB_AT_QUARANTINE_EXIT, regs);
	STORE_RELEASE(*slab_byte(c, s, i), (uint8_t)(READ_ONCE(*slab_byte(c, s, i)) & ~OBJECT_HELD));
}

static void verify_victim(void *object, struct slab *s, const struct unwind_regs *regs)
{
	verify_leaving(object, s, regs);
}

/* Gives the objects back, in one batch for each cache. */
static void release_victims(struct quarantine_work *w, struct victims *v)
{
	struct slab_cache **of = w->of, *c;
	void **batch = w->batch;
	size_t i, k, rest;

	for (i = 0; i < v->n; i++)
		of[i] = v->slab[i]->cache;
	for (; v->n; v->n = rest) {
		c = of[0];
		for (i = k = rest = 0; i < v->n; i++) {
			if (of[i] == c) {
				batch[k++] = v->object[i];
			} else {
				of[rest] = of[i];
				v->object[rest++] = v->object[i];
			}
		}
		cache_return(c, batch, k);
		cache_unpin(c, (uint32_t)k);
	}
}

/* How many bytes the queue may hold. */
static uint64_t queue_allowance(bool drain)
{
	uint64_t budget = drain ? 0 : budget_quarantine();

	return budget - MIN(budget, guard_slab_metadata());
}

/* The bytes of the oldest objects were last touched long ago. Prefetched together, they arrive together. */
static void queue_prefetch(void)
{
	const struct chunk *k = head;
	uint32_t i, end = k ? MIN(k->count, k->first + VICTIMS) : 0;

	for (i = k ? k->first : 0; i < end; i++)
		__builtin_prefetch(k->objects[i]);
}

/* Prefetches the rest of a larger object while others are verified. Beyond PREFETCH_MAX the processor itself finds
 * out what follows. */
#define PREFETCH_MAX 1024u

static void victim_prefetch(const void *object, const struct slab *s)
{
	uint32_t at, size = s->cache->object_size;

	for (at = 64; at < MIN(size, PREFETCH_MAX); at += 64)
		__builtin_prefetch((const char *)object + at);
}

static void evict(struct quarantine_work *w, bool drain, const struct unwind_regs *regs)
{
	struct victims *v = &w->leaving;
	uint64_t most;
	size_t n, i;

	do {
		v->n = 0;
		lock_acquire(&quarantine_lock);
		most = queue_allowance(drain);
		if (budget_queued_bytes > most)
			queue_prefetch();
		while (v->n < VICTIMS && (drain || budget_queued_bytes > most) && queue_pop(v))
			;
		lock_release(&quarantine_lock);
		n = v->n;
		for (i = 0; i < n; i++) {
			if (i + 1 < n)
				victim_prefetch(v->object[i + 1], v->slab[i + 1]);
			verify_leaving(v->object[i], v->slab[i], regs);
		}
		release_victims(w, v);
	} while (n == VICTIMS);
}

/* Gives up the oldest guarded slabs while there are too many, or all of them; of one cache or, if `of` is NULL, of
 * any. */
static void trim_guarded(bool all, const struct slab_cache *of)
{
	struct slab *s;

	for (;;) {
		lock_acquire(&quarantine_lock);
		s = guard_slab_take_oldest(all, of);
		lock_release(&quarantine_lock);
		if (!s)
			return;
		guard_slab_give_up(s);
	}
}

void quarantine_remove_guarded(const struct slab_cache *c)
{
	trim_guarded(true, c);
}

/* ---- entering -------------------------------------------------------------------------------- */

__inline_hot void enter_one(void *object, struct quarantine_work *e)
{
	struct slab *s = slab_of((uintptr_t)object);
	bool full;

	if (unlikely(!queue_push(object, s, &full)))
		victims_add(&e->lost, object, s);
	else if (likely(!full))
		return;
	else
		e->full[e->nr_full++] = s;
	cache_pin(s->cache);
}

/* The work that remains for a batch after the lock is released: what there was no memory to queue, and slabs to be
 * guarded. */
static void enter_finish(struct quarantine_work *e, const struct unwind_regs *regs)
{
	size_t i;

	for (i = 0; i < e->lost.n; i++)
		verify_victim(e->lost.object[i], e->lost.slab[i], regs);
	release_victims(e, &e->lost);
	for (i = 0; i < e->nr_full; i++) {
		guard_slab(e->full[i], regs);
		lock_acquire(&quarantine_lock);
		guard_slab_keep(e->full[i]);
		lock_release(&quarantine_lock);
		cache_unpin(e->full[i]->cache, 1);
	}
	evict(e, false, regs);
	if (e->nr_full)
		trim_guarded(false, NULL);
}

/* The count is reset under the lock. So the child of a fork sees the objects in the queue or in the buffer, never in
 * both. */
void quarantine_flush_block(struct tcache_block *b, const struct unwind_regs *regs)
{
	struct quarantine_work *e = &b->work.quarantine;
	uint32_t i;

	e->lost.n = e->nr_full = 0;
	lock_acquire(&quarantine_lock);
	for (i = 0; i < b->held_count; i++)
		enter_one(b->held[i], e);
	WRITE_ONCE(b->held_count, 0);
	WRITE_ONCE(b->held_bytes, 0);
	if (unlikely(compact_due()))
		deep_run(queue_compact, NULL);
	lock_release(&quarantine_lock);
	enter_finish(e, regs);
}

static void put_one(struct quarantine_work *e, void *object, const struct unwind_regs *regs)
{
	e->lost.n = e->nr_full = 0;
	lock_acquire(&quarantine_lock);
	enter_one(object, e);
	lock_release(&quarantine_lock);
	enter_finish(e, regs);
}

struct put {
	void *object;
	const struct unwind_regs *regs;
};

static void put_deep(void *arg)
{
	const struct put *put = arg;
	struct quarantine_work work;

	put_one(&work, put->object, put->regs);
}

__cold_path void quarantine_put_rarely(struct tcache_block *b, struct slab_cache *c, uintptr_t at,
                                       const struct unwind_regs *regs)
{
	void *object = (void *)at;

	if (!c->held) {
		cache_return(c, &object, 1);
		return;
	}
	if (!b && !(b = tcache_block())) {
		struct put put = { object, regs };

		deep_run(put_deep, &put);
		return;
	}
	WRITE_ONCE(b->frees, b->frees + 1);
	put_one(&b->work.quarantine, object, regs);
}

/* Takes up to VICTIMS of the cache's objects out of the middle of the queue, and keeps the order of the rest. Entries
 * of the cache's guarded slabs are dropped. */
static size_t queue_extract(const struct slab_cache *c, void **victims)
{
	struct chunk *k;
	size_t n = 0;
	uint32_t i, to;

	for (k = head; k && n < VICTIMS; k = k->next) {
		for (i = to = k->first; i < k->count; i++) {
			struct slab *s = slab_of((uintptr_t)k->objects[i]);

			if (s->cache != c || n == VICTIMS) {
				k->objects[to++] = k->objects[i];
				continue;
			}
			s->nr_queued--;
			if (READ_ONCE(s->guarded)) {
				nr_stale--;
				continue;
			}
			WRITE_ONCE(budget_queued_bytes, budget_queued_bytes - c->slot_size);
			queue_objects--;
			victims[n++] = k->objects[i];
		}
		k->count = to;
	}
	while (head && head->first == head->count)
		chunk_drop_head();
	return n;
}

void quarantine_remove_cache(struct slab_cache *c, const struct unwind_regs *regs)
{
	void *victims[VICTIMS];
	size_t n, i;

	do {
		lock_acquire(&quarantine_lock);
		n = queue_extract(c, victims);
		lock_release(&quarantine_lock);
		for (i = 0; i < n; i++)
			verify_victim(victims[i], slab_of((uintptr_t)victims[i]), regs);
		if (n)
			cache_return(c, victims, n);
	} while (n == VICTIMS);
	trim_guarded(true, c);
}

void quarantine_drain(const struct unwind_regs *regs)
{
	struct tcache_block *b = tcache_block();
	struct quarantine_work work;

	if (b)
		quarantine_flush_block(b, regs);
	evict(&work, true, regs);
	trim_guarded(true, NULL);
}

void quarantine_get_stats(struct quarantine_stats *s)
{
	lock_acquire(&quarantine_lock);
	s->bytes = budget_queued_bytes;
	s->objects = queue_objects;
	s->guarded = nr_stale;
	lock_release(&quarantine_lock);
}
