/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/tcache.c - thread caches: stacks of free objects, refilled from and flushed to the slab caches in batches. */
#include "slab/budget.h"
#include "slab/cache.h"
#include "slab/harden.h"
#include "slab/lend.h"
#include "slab/slab.h"
#include "slab/state.h"
#include "slab/tcache.h"
#include "slab/transfer.h"

/*     thread A's block            cache "malloc-64"               thread B's block
 *     bins[4] p p p p ◄──refill── slabs' free maps ◄──flush half── bins[4] q q q q q q q q   (B frees what A allocated)
 *
 * A bin starts with room for a few pointers, and takes half as many objects: each object that is taken is written to.
 * Each time that it runs empty or over it grows to four times its size, up
 * to 256 objects or 64 KiB. So a thread that uses a class once costs little, and a thread in a loop takes the lock once
 * in 128 operations. Refilled objects are handed out in order of address, so a program that fills memory walks forward
 * through it.
 *
 * The halves of full bins go through transfer.c, so a bin that runs empty may get one as it was.
 *
 * Objects that wait in a bin keep their slabs from becoming empty. A bin that did not run empty for a while holds more
 * than its thread needs, and half of them go back. (jemalloc's collection of thread caches uses a low-water mark, which
 * would cost instructions on the inline path. A bit that says whether the bin was refilled does the same.)
 *
 * A program that starts a thread for each request should not build the bins anew each time, nor take the locks of all
 * slabs that the thread before has used. So a few blocks keep the newest objects of their bins when their threads end,
 * as many as a bin takes first, and the next threads get these blocks. All bins are small again then: a thread that
 * lives for a moment takes few objects.
 *
 * Only its thread changes a block's bins. A copy taken at any instruction (the child of fork) holds no pointer twice,
 * because pointers are taken off before they go to a slab, and counted after they are written.
 *
 * Check mode keeps its objects in `ready` instead, where the inline paths do not look. Its frees go to the
 * quarantine. */

#define BIN_FIRST 16u
#define BIN_FIRST_BYTES ((size_t)8 << 10)
#define BIN_GROWTH 4u
#define TRIPS_A_TICK 256
#define PARKED_MAX 8u
#define PARKED_BYTES ((size_t)64 << 10) /* in one of these blocks */
#define FULL_LEAST 16u
#define READY_MAX 16u /* cache_init gives no larger batch to a checked cache */

bool tcache_any_fast = true;    /* slab_init knows */
static TLS_IE bool tcache_gone; /* the thread has ended; its last destructors work without a block */

/* The bins of threads that use no cache of the program's. Never written. */
static __large_bss struct custom_bin custom_none[SLAB_CACHES];

static uint32_t nr_blocks;              /* atomic */
static struct tcache_block *all_blocks; /* pushed atomically, never removed */
static uint32_t nr_unused, nr_parked;   /* atomic: blocks without a thread, and those of them that keep objects */

/* ---- blocks ---------------------------------------------------------------------------------- */

struct tcache_block *tcache_first_block(void)
{
	return LOAD_ACQUIRE(all_blocks);
}

/* For readers of the counters in other processes. Threads that start at the same time write the same values. */
static void blocks_publish(void)
{
	WRITE_ONCE(live_counters.blocks, (uint64_t)(uintptr_t)&all_blocks);
	WRITE_ONCE(live_counters.block_next, offsetof(struct tcache_block, next));
	WRITE_ONCE(live_counters.block_allocs, offsetof(struct tcache_block, allocs));
	WRITE_ONCE(live_counters.block_frees, offsetof(struct tcache_block, frees));
}

/* Pairs with the release in block_give. */
static bool block_claim(struct tcache_block *b)
{
	if (READ_ONCE(b->in_use) || __atomic_exchange_n(&b->in_use, 1, __ATOMIC_ACQUIRE))
		return false;
	__atomic_fetch_sub(&nr_unused, 1, __ATOMIC_RELAXED);
	if (b->parked)
		__atomic_fetch_sub(&nr_parked, 1, __ATOMIC_RELAXED);
	WRITE_ONCE(b->parked, false);
	return true;
}

static void block_give(struct tcache_block *b, bool parked)
{
	WRITE_ONCE(b->parked, parked);
	__atomic_fetch_add(&nr_unused, 1, __ATOMIC_RELAXED);
	STORE_RELEASE(b->in_use, 0u);
}

static struct tcache_block *block_find_unused(void)
{
	struct tcache_block *b;

	for (b = READ_ONCE(nr_parked) ? tcache_first_block() : NULL; b; b = b->next)
		if (READ_ONCE(b->parked) && block_claim(b))
			return b;
	for (b = READ_ONCE(nr_unused) ? tcache_first_block() : NULL; b; b = b->next)
		if (block_claim(b))
			return b;
	return NULL;
}

static void gate_set(struct tcache *gate)
{
	bool inside = tcache_idle == TCACHE_INSIDE;

	tcache_gate = gate;
	if (!inside)
		slab_leave();
}

static __cold_path struct tcache_block *block_attach(void)
{
	struct tcache_block *b;

	if (tcache_gone || !arena_size)
		return NULL;
	b = block_find_unused();
	if (!b) {
		b = slab_meta_alloc(sizeof(*b), COST_THREADS);
		if (!b)
			return NULL;
		b->in_use = 1;
		b->fast.custom = custom_none;
		b->number = __atomic_fetch_add(&nr_blocks, 1, __ATOMIC_RELAXED);
		b->fast.key = harden_key(b->number);
		b->next = READ_ONCE(all_blocks);
		blocks_publish();
		while (!__atomic_compare_exchange_n(&all_blocks, &b->next, b, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			;
	}
	tcache_own = &b->fast;
	gate_set(tcache_any_fast ? tcache_own : NULL);
	return b;
}

struct tcache_block *tcache_block(void)
{
	struct tcache_block *b = (struct tcache_block *)tcache_own;

	return likely(b) ? b : block_attach();
}

/* ---- bins ------------------------------------------------------------------------------------ */

static uint32_t bin_first(const struct slab_cache *c)
{
	return (uint32_t)MIN(BIN_FIRST, MAX(2, BIN_FIRST_BYTES / c->object_size));
}

/* Where the bin's room is: the inline paths do not take objects of malloc's for hardened ones that are none. */
static inline uint16_t *bin_room(struct tcache_bin *bin, const struct slab_cache *c)
{
	return c->tail || cache_is_custom(c) ? &bin->max : &bin->plain;
}

/* How many objects the bin's array has room for. Only malloc's bins become small again. */
static inline uint16_t *bin_capacity(struct tcache_block *b, struct tcache_bin *bin, const struct slab_cache *c)
{
	bool malloc_bin = c->number <= SLAB_NR_MALLOC && bin == &b->fast.bins[c->number];

	return malloc_bin ? &b->capacity[c->number] : bin_room(bin, c);
}

/* Makes more room in the bin, if it may have more. The old array is abandoned; it is at most a third of the new one. */
static void bin_grow(struct tcache_block *b, struct tcache_bin *bin, const struct slab_cache *c)
{
	uint16_t *room = bin_room(bin, c), *capacity = bin_capacity(b, bin, c);
	uint32_t max = MIN(budget_bin_limit(c->object_size), *room ? (uint32_t)*room * BIN_GROWTH : bin_first(c));
	void **items;

	if (max <= *room)
		return;
	if (max <= *capacity) {
		*room = (uint16_t)max;
		return;
	}
	items = slab_meta_alloc(max * sizeof(void *), COST_THREADS);
	if (!items)
		return;
	if (bin->count)
		mem_copy(items, bin->items, bin->count * sizeof(void *));
	bin->items = items;
	bin->tail = c->tail;
	tcache_barrier();
	*room = *capacity = (uint16_t)max;
}

static void (*tick_hook)(struct tcache_block *b); /* set once before the program's first allocation */

void tcache_set_tick(void (*fn)(struct tcache_block *b))
{
	tick_hook = fn;
}

/* Every thread checks now and then whether memory that was freed long ago is still kept, because no other thread is
 * certain to do so. */
static void tick(struct tcache_block *b)
{
	if (++b->trips % TRIPS_A_TICK == 0)
		tick_hook(b);
}

/* Reverses the order: the cache gives the lowest address first, and that address must be on top of the stack. */
static void reverse(void **items, size_t n)
{
	size_t i;

	for (i = 0; i < n / 2; i++) {
		void *p = items[i];

		items[i] = items[n - 1 - i];
		items[n - 1 - i] = p;
	}
}

static size_t take(struct slab_cache *c, void **objects, size_t n, uint64_t key)
{
	size_t got = cache_take(c, objects, n);

	return c->tail ? harden_take(c, objects, got, key) : got;
}

/* An older half of a bin. Its lowest address is on top already, as far as it was when the half was given. */
static uint32_t take_transferred(struct tcache_block *b, struct tcache_bin *bin, struct slab_cache *c)
{
	uint32_t n = transfer_batch(c);
	uint64_t key;

	if (!transfer_take(c, bin->items, &key))
		return 0;
	return c->tail && key != b->fast.key ? (uint32_t)harden_take(c, bin->items, n, b->fast.key) : n;
}

static uint32_t take_from_slabs(struct tcache_block *b, struct tcache_bin *bin, struct slab_cache *c, uint32_t want)
{
	uint32_t got = (uint32_t)take(c, bin->items, want, b->fast.key);

	reverse(bin->items, got);
	return got;
}

static bool bin_refill(struct tcache_block *b, struct tcache_bin *bin, struct slab_cache *c, uint32_t want)
{
	uint32_t got = 0;

	/* This comes first, because it may run the program's shrinkers, and they may allocate. */
	tick(b);
	if (unlikely(bin->count))
		return true;
	if (want == transfer_batch(c))
		got = take_transferred(b, bin, c);
	if (!got)
		got = take_from_slabs(b, bin, c, want);
	if (c->fast)
		WRITE_ONCE(b->allocs, b->allocs + got);
	tcache_barrier();
	WRITE_ONCE(bin->count, (uint16_t)got);
	return got != 0;
}

static size_t bin_check(const struct tcache_bin *bin, const struct slab_cache *c, uint64_t key, enum slab_found_at at)
{
	size_t found = 0;
	uint32_t i;

	for (i = 0; c->tail && i < bin->count; i++)
		found += !harden_is_free(c, bin->items[i], key, at);
	return found;
}

/* harden=full: objects leave the bin, and are not looked at again before they are taken. */
static __cold_path void bin_check_leaving(const struct tcache_bin *bin, const struct slab_cache *c, uint32_t n,
                                          uint64_t key)
{
	struct tcache_bin leaving = { .items = bin->items, .count = (uint16_t)n };

	bin_check(&leaving, c, key, SLAB_AT_FREE);
}

/* Takes the n oldest objects off. The objects freed last are still in the processor's caches. */
static void **bin_take_old(struct tcache_block *b, struct tcache_bin *bin, struct slab_cache *c, uint32_t n)
{
	void **old = b->work.flushed;
	uint32_t rest = bin->count - n;

	if (unlikely(harden_full))
		bin_check_leaving(bin, c, n, b->fast.key);
	mem_copy(old, bin->items, n * sizeof(void *));
	/* In this order an interrupted copy loses objects, and never doubles one. */
	WRITE_ONCE(bin->count, 0);
	tcache_barrier();
	mem_move(bin->items, bin->items + n, rest * sizeof(void *));
	tcache_barrier();
	WRITE_ONCE(bin->count, (uint16_t)rest);
	return old;
}

static void bin_flush_old(struct tcache_block *b, struct tcache_bin *bin, struct slab_cache *c, uint32_t n)
{
	cache_return(c, bin_take_old(b, bin, c, n), n);
}

/* The bin has no room. */
static void bin_flush_full(struct tcache_block *b, struct tcache_bin *bin, struct slab_cache *c)
{
	uint32_t n = (bin->count + 1u) / 2;
	void **old = bin_take_old(b, bin, c, n);

	WRITE_ONCE(b->frees, b->frees + n);
	if (n == transfer_batch(c) && transfer_put(c, old, b->fast.key))
		return;
	cache_return(c, old, n);
	if (n == transfer_batch(c))
		transfer_trim(c);
}

static void bin_flush_half(struct tcache_block *b, struct tcache_bin *bin, struct slab_cache *c)
{
	bin_flush_old(b, bin, c, (bin->count + 1) / 2);
}

/* A bin that did not run empty since the last time has more objects than it needs, and each of them may keep a slab
 * from becoming empty. */
static void bins_decay(struct tcache_block *b)
{
	unsigned i;

	for (i = 1; i <= SLAB_NR_MALLOC; i++) {
		if (b->fast.bins[i].count && !b->ran_empty[i])
			bin_flush_half(b, &b->fast.bins[i], &malloc_caches[i]);
		b->ran_empty[i] = false;
	}
	for (i = 1; harden_full && i <= SLAB_NR_MALLOC; i++)
		if (b->ready[i].count > FULL_LEAST)
			bin_flush_half(b, &b->ready[i], &malloc_caches[i]);
}

static void bin_flush_all(struct tcache_bin *bin, struct slab_cache *c)
{
	uint32_t n = bin->count;

	WRITE_ONCE(bin->count, 0);
	tcache_barrier();
	if (n)
		cache_return(c, bin->items, n);
}

/* ---- production ------------------------------------------------------------------------------ */

static void *take_without_block(struct slab_cache *c)
{
	void *p;

	return take(c, &p, 1, harden_key(0)) ? p : NULL;
}

static void *bin_take(struct tcache_block *b, struct tcache_bin *bin, struct slab_cache *c)
{
	void *p;

	do {
		if (bin->count == 0) {
			/* A bin without room stays empty, so each allocation comes here and may fail. */
			if (!failslab_on)
				bin_grow(b, bin, c);
			if (!*bin_room(bin, c))
				return take_without_block(c);
			if (!bin_refill(b, bin, c, (*bin_room(bin, c) + 1u) / 2))
				return NULL;
		}
		WRITE_ONCE(bin->count, (uint16_t)(bin->count - 1));
		p = bin->items[bin->count];
	} while (c->tail && unlikely(!harden_may_give(c, p, b->fast.key)));
	return p;
}

/* False: there is no room for it. */
static bool bin_put(struct tcache_block *b, struct tcache_bin *bin, struct slab_cache *c, void *p)
{
	uint16_t *room = bin_room(bin, c);

	if (unlikely(failslab_on))
		return false;
	if (bin->count == *room) {
		bin_grow(b, bin, c);
		if (bin->count && bin->count == *room)
			bin_flush_full(b, bin, c);
	}
	if (unlikely(bin->count == *room))
		return false;
	slab_bin_push(bin, bin->count, p);
	return true;
}

/* harden=full. Freed objects wait in a pool, where the inline paths do not look. The quarter of a pool that was freed
 * last is not given out, and of the others any one may be. A pool takes fresh objects until it holds FULL_LEAST.
 *
 *     ──free──► pool (ready): zeroed, marked ──picked at random, verified──► bin ──inline path──► the program
 *
 * Only a few small objects are picked at once, since the inline path looks at an object's mark alone. The bin has no
 * room, so the inline path of free refuses it. */
#define FULL_PICK 8u
#define FULL_PICK_SIZE 1024u

static inline struct tcache_bin *full_pool(struct tcache_block *b, const struct slab_cache *c)
{
	return &b->ready[c->number];
}

static void full_refill(struct tcache_block *b, struct tcache_bin *pool, struct slab_cache *c)
{
	uint32_t want = MIN(MIN(FULL_LEAST, (uint32_t)pool->max) - pool->count, FULL_LEAST);

	tick(b);
	want = MIN(want, (uint32_t)pool->max - pool->count); /* the program's shrinkers may have run */
	WRITE_ONCE(pool->count, (uint16_t)(pool->count + take(c, pool->items + pool->count, want, b->fast.key)));
}

static bool full_bin_ready(struct tcache_bin *bin, const struct slab_cache *c)
{
	if (likely(bin->items))
		return true;
	bin->items = slab_meta_alloc(FULL_PICK * sizeof(void *), COST_THREADS);
	bin->tail = c->tail;
	return bin->items != NULL;
}

/* Takes up to FULL_PICK objects at random out of the pool's older ones. */
static uint32_t full_draw(struct tcache_bin *pool, const struct slab_cache *c, void **drawn)
{
	uint32_t count = pool->count, newest = MAX(count / 4u, count > 1u), old = count - newest, n, k, i, random = 0;

	n = c->slot_size <= FULL_PICK_SIZE ? MIN(MAX(old / 2, 1u), FULL_PICK) : 1;
	/* In this order an interrupted copy loses objects, and never doubles one. */
	WRITE_ONCE(pool->count, 0);
	tcache_barrier();
	for (k = 0; k < n; k++) {
		random = k % 2 ? random >> 16 : harden_random(UINT32_MAX);
		i = (random & 0xffff) * (old - k) >> 16;
		drawn[k] = pool->items[i];
		pool->items[i] = pool->items[old - 1 - k];
	}
	mem_move(pool->items + old - n, pool->items + old, newest * sizeof(void *));
	tcache_barrier();
	WRITE_ONCE(pool->count, (uint16_t)(count - n));
	return n;
}

/* Fills the empty bin. What is given out at once, the last object, is verified by the caller. */
static bool full_pick(struct tcache_block *b, struct tcache_bin *bin, struct slab_cache *c)
{
	struct tcache_bin *pool = full_pool(b, c);
	void *drawn[FULL_PICK];
	uint32_t n, k;

	if (pool->count < FULL_LEAST) {
		if (!failslab_on)
			bin_grow(b, pool, c);
		if (!pool->max)
			return false;
		if (pool->count < MIN(FULL_LEAST, (uint32_t)pool->max))
			full_refill(b, pool, c);
	}
	if (!pool->count || bin->count)
		return bin->count != 0;
	n = full_draw(pool, c, drawn);
	for (k = 0; k < n; k++) {
		if (k < n - 1 && !harden_may_give(c, drawn[k], b->fast.key))
			continue;
		/* A report may have run code of the program, which has filled the bin. */
		if (unlikely(bin->count == FULL_PICK))
			cache_return(c, &drawn[k], 1);
		else
			slab_bin_push(bin, bin->count, drawn[k]);
	}
	return true;
}

static __cold_path void *full_take(struct tcache_block *b, struct slab_cache *c)
{
	struct tcache_bin *bin = &b->fast.bins[c->number];
	void *p;

	do {
		if (bin->count == 0 && (!full_bin_ready(bin, c) || !full_pick(b, bin, c)))
			return take_without_block(c);
		WRITE_ONCE(bin->count, (uint16_t)(bin->count - 1));
		p = bin->items[bin->count];
	} while (unlikely(!harden_may_give(c, p, b->fast.key)));
	return p;
}

bool slab_free_full(void *p, size_t size_given)
{
	struct tcache *tc = tcache_self;
	size_t i = arena_state_index(p);
	struct tcache_bin *pool;
	unsigned class;
	uint32_t n;

	if (unlikely(i >= READ_ONCE(arena_state_limit) || !tc))
		return false;
	class = READ_ONCE(arena_state[i]);
	if (!class)
		class = slab_coarse_class(p);
	if (unlikely(!class || class > SLAB_NR_MALLOC))
		return false;
	pool = full_pool((struct tcache_block *)tc, &malloc_caches[class]);
	tcache_shut();
	n = pool->count;
	if (unlikely(n >= pool->max || !slab_is_sound(p, pool->tail, tc->key) ||
	             (size_given != SIZE_MAX && size_given != slab_armed_size(p, pool->tail, tc->key)))) {
		tcache_open(tc);
		return false;
	}
	/* In this order a live object always has its canary (verify.c). */
	state_clear(p, class);
	harden_free_sound(&malloc_caches[class], p, tc->key);
	slab_bin_push(pool, n, p);
	tcache_open(tc);
	return true;
}

void *tcache_malloc(unsigned class)
{
	struct tcache_block *b = tcache_block();
	struct slab_cache *c = &malloc_caches[class];
	void *p;

	if (likely(b) && b->fast.bins[class].count == 0)
		b->ran_empty[class] = true;
	if (unlikely(!b))
		p = take_without_block(c);
	else if (harden_full && c->tail)
		p = full_take(b, c);
	else
		p = bin_take(b, &b->fast.bins[class], c);
	return p;
}

/* The caller has cleared the state byte. */
void tcache_free(unsigned class, void *p)
{
	struct tcache_block *b = tcache_block();
	struct slab_cache *c = &malloc_caches[class];
	struct tcache_bin *bin = NULL;

	if (likely(b))
		bin = harden_full && c->tail ? full_pool(b, c) : &b->fast.bins[class];
	if (c->tail)
		harden_free(c, p, b ? b->fast.key : harden_key(0));
	if (unlikely(!bin || !bin_put(b, bin, c, p)))
		cache_return(c, &p, 1);
}

/* ---- check mode ------------------------------------------------------------------------------ */

static void *bin_take_debug(struct tcache_block *b, struct tcache_bin *bin, struct slab_cache *c)
{
	if (!bin->items) {
		bin->items = slab_meta_alloc(READY_MAX * sizeof(void *), COST_THREADS);
		if (!bin->items)
			return take_without_block(c);
	}
	if (!bin->count) {
		/* Fresh objects are filled when they are taken: a class that is used once should not touch sixteen. */
		bin->max = (uint16_t)MIN(c->batch, bin->max * 2u + 1);
		if (!bin_refill(b, bin, c, bin->max))
			return NULL;
	}
	WRITE_ONCE(bin->count, (uint16_t)(bin->count - 1));
	/* The next allocation of this class verifies the poison of this object. */
	if (bin->count)
		__builtin_prefetch(bin->items[bin->count - 1]);
	WRITE_ONCE(b->allocs, b->allocs + 1);
	return bin->items[bin->count];
}

void *tcache_take_debug_slowly(struct slab_cache *c)
{
	struct tcache_block *b = tcache_block();

	return likely(b) ? bin_take_debug(b, &b->ready[c->number], c) : take_without_block(c);
}

/* ---- caches that the program made: one bin each, for either mode ----------------------------- */

static __cold_path bool custom_bins_new(struct tcache_block *b)
{
	struct custom_bin *bins = slab_meta_alloc(sizeof(custom_none), COST_THREADS);

	if (bins)
		STORE_RELEASE(b->fast.custom, bins); /* pairs with tcache_count_custom */
	return bins != NULL;
}

/* The bin in any thread's block. */
static struct custom_bin *custom_bin_of(struct tcache_block *b, const struct slab_cache *c)
{
	return slab_custom_bin(c, LOAD_ACQUIRE(b->fast.custom));
}

/* The bin in this thread's block. NULL: no memory. */
static inline struct tcache_bin *custom_bin(struct tcache_block *b, const struct slab_cache *c)
{
	struct custom_bin *x;

	if (unlikely(b->fast.custom == custom_none) && !custom_bins_new(b))
		return NULL;
	x = slab_custom_bin(c, b->fast.custom);
	if (unlikely(x->generation != READ_ONCE(c->generation))) {
		WRITE_ONCE(x->bin.count, 0);
		WRITE_ONCE(x->generation, READ_ONCE(c->generation));
		x->state = c->state;
		WRITE_ONCE(x->cache, c->fast && c->state != SLAB_STATE_OTHER ? c : CUSTOM_NOT_INLINE);
	}
	return &x->bin;
}

void *tcache_take_custom(struct slab_cache *c)
{
	struct tcache_block *b = tcache_block();
	struct tcache_bin *bin = b ? custom_bin(b, c) : NULL;

	if (unlikely(!bin))
		return take_without_block(c);
	if (bin->count == 0)
		custom_bin_of(b, c)->ran_empty = true;
	return c->fast ? bin_take(b, bin, c) : bin_take_debug(b, bin, c);
}

void tcache_put_custom(struct slab_cache *c, void *p)
{
	struct tcache_block *b = tcache_block();
	struct tcache_bin *bin = b ? custom_bin(b, c) : NULL;

	if (unlikely(!bin || !bin_put(b, bin, c, p)))
		cache_return(c, &p, 1);
}

static void custom_flush_all(struct tcache_block *b)
{
	uint32_t i, end = b->fast.custom == custom_none ? 0 : LOAD_ACQUIRE(slab_directory.nr_caches);

	for (i = SLAB_FIRST_CUSTOM; i < end; i++) {
		struct custom_bin *x = slab_custom_bin(&slab_caches[i], b->fast.custom);

		/* Another thread may be destroying the cache. */
		if (x->bin.count && cache_try_pin(&slab_caches[i], x->generation)) {
			bin_flush_all(&x->bin, &slab_caches[i]);
			cache_unpin(&slab_caches[i], 1);
		}
		WRITE_ONCE(x->bin.count, 0);
	}
}

static void custom_decay(struct tcache_block *b)
{
	uint32_t i, end = b->fast.custom == custom_none ? 0 : LOAD_ACQUIRE(slab_directory.nr_caches);

	for (i = SLAB_FIRST_CUSTOM; i < end; i++) {
		struct slab_cache *c = &slab_caches[i];
		struct custom_bin *x = slab_custom_bin(c, b->fast.custom);

		if (x->bin.count && !x->ran_empty && c->fast && cache_try_pin(c, x->generation)) {
			bin_flush_half(b, &x->bin, c);
			cache_unpin(c, 1);
		}
		x->ran_empty = false;
	}
}

void tcache_decay(struct tcache_block *b)
{
	bins_decay(b);
	custom_decay(b);
}

void tcache_flush_custom(struct slab_cache *c)
{
	struct tcache_block *b = tcache_block();
	struct tcache_bin *bin = b ? custom_bin(b, c) : NULL;

	if (bin)
		bin_flush_all(bin, c);
}

/* The cache is being destroyed and only a buggy program still uses it, so no thread writes the name into its bin
 * meanwhile. */
void tcache_forget_custom(const struct slab_cache *c)
{
	struct tcache_block *b;

	for (b = tcache_first_block(); b; b = b->next) {
		struct custom_bin *x = custom_bin_of(b, c);

		if (READ_ONCE(x->cache) == c)
			WRITE_ONCE(x->cache, CUSTOM_NOT_INLINE);
	}
}

uint64_t tcache_count_custom(const struct slab_cache *c)
{
	struct tcache_block *b;
	uint64_t n = 0;

	for (b = tcache_first_block(); b; b = b->next) {
		const struct custom_bin *x = custom_bin_of(b, c);

		if (READ_ONCE(x->generation) == READ_ONCE(c->generation))
			n += READ_ONCE(x->bin.count);
	}
	return n;
}

size_t tcache_check_own(enum slab_found_at at)
{
	struct tcache_block *b = (struct tcache_block *)tcache_own;
	size_t found = 0;
	unsigned i;

	for (i = 1; b && harden_on && i <= SLAB_NR_MALLOC; i++) {
		found += bin_check(&b->fast.bins[i], &malloc_caches[i], b->fast.key, at);
		found += bin_check(&b->ready[i], &malloc_caches[i], b->fast.key, at);
	}
	return found;
}

/* ---- threads come and go --------------------------------------------------------------------- */

static void flush_others(struct tcache_block *b)
{
	unsigned i;

	for (i = 1; i < SLAB_FIRST_CUSTOM; i++)
		bin_flush_all(&b->ready[i], &malloc_caches[i]);
	custom_flush_all(b);
}

void tcache_flush_all(struct tcache_block *b)
{
	unsigned i;

	for (i = 1; i <= SLAB_NR_MALLOC; i++)
		bin_flush_all(&b->fast.bins[i], &malloc_caches[i]);
	flush_others(b);
}

struct tcache_block *tcache_close(void)
{
	tcache_gone = true;
	gate_set(NULL);
	return (struct tcache_block *)tcache_own;
}

static bool park_reserve(void)
{
	if (__atomic_fetch_add(&nr_parked, 1, __ATOMIC_RELAXED) < PARKED_MAX)
		return true;
	__atomic_fetch_sub(&nr_parked, 1, __ATOMIC_RELAXED);
	return false;
}

/* The bin is small again, and keeps objects of at most *bytes. */
static void bin_park(struct tcache_block *b, struct tcache_bin *bin, struct slab_cache *c, size_t *bytes)
{
	uint16_t *room = bin_room(bin, c);
	uint32_t first = MIN(bin_first(c), *room), keep = (uint32_t)MIN(MIN(bin->count, first), *bytes / c->slot_size);

	while (bin->count > keep)
		bin_flush_old(b, bin, c, MIN(bin->count - keep, (uint32_t)ARRAY_SIZE(b->work.flushed)));
	*bytes -= keep * c->slot_size;
	*room = (uint16_t)first;
}

void tcache_park(struct tcache_block *b)
{
	bool park = park_reserve();
	size_t bytes = park ? PARKED_BYTES : 0;
	unsigned i;

	for (i = 1; i <= SLAB_NR_MALLOC; i++)
		if (b->fast.bins[i].items)
			bin_park(b, &b->fast.bins[i], &malloc_caches[i], &bytes);
	flush_others(b);
	tcache_own = NULL;
	block_give(b, park);
}

void tcache_flush_parked(void)
{
	struct tcache_block *b;

	for (b = READ_ONCE(nr_parked) ? tcache_first_block() : NULL; b; b = b->next) {
		if (!READ_ONCE(b->parked) || !block_claim(b))
			continue;
		tcache_flush_all(b);
		block_give(b, false);
	}
}

void tcache_fork_child(void (*flush)(struct tcache_block *b))
{
	struct tcache_block *b;

	nr_unused = nr_parked = 0;
	for (b = tcache_first_block(); b; b = b->next) {
		if (&b->fast == tcache_own)
			continue;
		if (b->in_use) {
			flush(b);
			b->parked = false;
			b->in_use = 0;
		}
		nr_unused++;
		nr_parked += b->parked;
	}
}

void tcache_count(uint64_t counts[SLAB_FIRST_CUSTOM])
{
	const struct tcache_block *b;
	unsigned i;

	for (i = 0; i < SLAB_FIRST_CUSTOM; i++)
		counts[i] = 0;
	for (b = tcache_first_block(); b; b = b->next)
		for (i = 1; i < SLAB_FIRST_CUSTOM; i++)
			counts[i] += (i <= SLAB_NR_MALLOC ? READ_ONCE(b->fast.bins[i].count) : 0u) +
			             READ_ONCE(b->ready[i].count);
}
