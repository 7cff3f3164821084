/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/fast.h - production's inline paths, for malloc and for the program's caches. They leave all other cases
 * to slab_malloc, slab_free and slab_custom_….
 *
 * Both sides use a thread's block of bins and the state map:
 *
 *     tcache_self ──► bins[ state byte ] ── items ──► p p p p . . .    count: how many are there, max: how many may be
 *     arena_state [ (p - arena_base) / 16 ]                            0, or the size class of the live object at p
 *     arena_coarse[ (p - arena_base) / 1024 ]                          0, or class and place of the live object that
 *                                                                      starts in that KiB
 *
 * A state byte is also the index of the bin that the object goes back to. Every other value has an empty bin with max
 * 0. Value 0 means no live object, or one that the state map does not record. So one test, "is there room in the bin",
 * rejects a double free, an interior pointer and a large area. The pointer's low bits are rotated to the top of the
 * index, so one compare rejects a pointer outside of the arena and a pointer that is no multiple of 16.
 *
 * For caches with debugging flags the bins stay empty with max 0, and these paths always refuse. The same holds before
 * slab_init and in threads without a block. So these paths test no flag. Objects of these caches, and large areas, are
 * not in the state map: a byte for 16 bytes is cheap for small objects, which are freed by one load, but each large
 * object would touch a page of the map (debug.c). In check mode there is no state map at all, and its limit stays 0.
 *
 * Objects of more than 1 KiB are not in the state map either. No two of them start in the same KiB, so one word for
 * each KiB says which class starts where in it, for a 32nd of the memory. A heap of such objects would use only a few
 * bytes of the state map, but touch all pages of the map. Parts of the coarse map that were never written are the
 * kernel's page of zeros, and read as "not here" from the processor's cache.
 *
 * A cache of the program's has its own bin in each thread and, as long as there are enough, its own state byte. So the
 * byte alone says that an object is live and belongs to this cache. The bin is found by the cache's address (the caches
 * are an array, so no two share a bin) and names the cache. The address itself is never read, because it may not be a
 * cache at all. The bins of a checked cache, or of one that shares its state byte, do not name it, and destroying a
 * cache takes its name out of every thread's bin. Bins that were never used name NULL and are empty. */
#ifndef MEMSAN_SLAB_FAST_H
#define MEMSAN_SLAB_FAST_H

#ifndef MEMSAN_SLAB_H
#error "include slab/slab.h"
#endif

/* They are hidden, so code addresses them directly and not through the global offset table. */
#pragma GCC visibility push(hidden)

/* Size classes are numbered from 1 in order of size. */
#define SLAB_NR_CLASSES 61
/* Behind them: malloc's caches for alignments beyond 16 in hardened production (class.c). */
#define SLAB_NR_ALIGNED 28
#define SLAB_NR_MALLOC (SLAB_NR_CLASSES + SLAB_NR_ALIGNED)
#define COARSE_SHIFT 10
#define COARSE_PLACE ((1u << COARSE_SHIFT) - 1)
#define SLAB_CLASS_COARSE 22 /* the first beyond SLAB_FAST_SIZE */
#define SLAB_CLASS_MAX ((size_t)32 << 10)
/* State bytes above the size classes: a live object of a cache that is not malloc's. Each such cache has its own byte
 * while there are enough; the other caches share the last byte. */
#define SLAB_STATE_CUSTOM (SLAB_NR_MALLOC + 1)
#define SLAB_STATE_OTHER 255
#define SLAB_STATE_NR 256

/* Up to this size the table maps (size + 7) / 8 to a class. Above it there are eight classes a doubling (class.c). */
#define SLAB_FAST_SIZE ((size_t)1024)
extern uint8_t slab_class_table[SLAB_FAST_SIZE / 8 + 1]; /* class_harden changes it before the first allocation */

/* A stack of pointers to objects that are free for this thread alone. Only the owning thread writes it. */
struct tcache_bin {
	void **items;
	uint16_t count;
	uint16_t max;   /* room for objects; 0 in bins of malloc's caches without canaries */
	uint16_t plain; /* room in those */
	uint16_t tail;  /* offset of the word with an object's size (harden.h); 0: objects without canaries */
};
/* The bin of a cache that the program made, in both modes. */
struct slab_cache;
struct custom_bin {
	struct tcache_bin bin;
	const struct slab_cache *cache; /* or CUSTOM_NOT_INLINE; NULL if the bin was never used */
	uint32_t generation;            /* of the cache; if it is another one by now, the objects are gone */
	uint8_t state;                  /* the state byte of its live objects */
	bool ran_empty;                 /* since tcache_decay looked last */
};
struct tcache {
	struct tcache_bin bins[SLAB_STATE_NR];
	uint64_t key;              /* of objects that are free for this thread (harden.h) */
	int32_t ticks;             /* allocations until the slow path asks fence/; below 0: now */
	int32_t ticks_put_off;     /* the ticks that slab_slow_next took away; fence/ gives them back */
	struct custom_bin *custom; /* SLAB_CACHES of them; all zeros until the thread uses such a cache */
};
#define CUSTOM_NOT_INLINE ((const struct slab_cache *)1)
#define SLAB_CACHES 512
#define SLAB_CACHE_ALIGN 64
/* A thread's block, by its use:
 *
 *                       outside     in an inline path    inside the runtime (slab_enter … slab_leave)
 *     tcache_self       gate        NULL                 NULL
 *     tcache_idle       gate        gate                 TCACHE_INSIDE
 *
 * gate is the block, or NULL if no cache is fast. So the inline paths of a signal handler that interrupted one, or the
 * runtime, find no block, and slab_enter finds that the two differ. */
struct tcache_thread {
	struct tcache *self, *idle, *gate;
	struct tcache *own; /* the block; NULL: the thread has none yet, or no longer */
	bool finish;        /* a signal handler has left work for the next slab_leave (preload/interrupted.c) */
};
extern TLS_IE struct tcache_thread tcache_thread;
#define tcache_self tcache_thread.self
#define tcache_idle tcache_thread.idle
#define tcache_gate tcache_thread.gate
#define tcache_own tcache_thread.own
#define TCACHE_INSIDE ((struct tcache *)1)

extern bool harden_full; /* harden=full; written once by harden_init */
/* Only with harden=full, where the inline path refuses all frees: true if p was a sound object of malloc's, of the size
 * that delete was told (SIZE_MAX: none), which is freed then (tcache.c). */
bool slab_free_full(void *p, size_t size_given);

/* One byte for each 16 bytes of the arena. The limit counts bytes of the map. It only grows, and covers every pointer
 * that a cache without checks ever handed out. */
extern uint8_t *arena_state;
extern size_t arena_state_limit;
extern uintptr_t arena_state_zero; /* where the map's byte for address 0 would be */
/* One word for each KiB, as far as the state map goes. */
extern uint16_t *arena_coarse;
_Static_assert(SLAB_FAST_SIZE == (size_t)1 << COARSE_SHIFT && SLAB_NR_CLASSES < 1 << (16 - COARSE_SHIFT),
               "a class and a place fit in a word");

#pragma GCC visibility pop

/* A reader of another thread's bins (the child of fork, the statistics) sees a pointer before the count that
 * includes it. */
#define tcache_barrier() __asm__ volatile("" ::: "memory")

/* Every path into the runtime that uses the thread's block; the others are known by the locks that they hold. False:
 * this is a signal handler that interrupted the runtime (or the thread has left such a handler by longjmp): no lock may
 * be taken, and the thread's block may not be used. */
__inline_hot bool slab_enter(void)
{
	if (unlikely(READ_ONCE(tcache_self) != READ_ONCE(tcache_idle) || locks_held))
		return false;
	WRITE_ONCE(tcache_self, NULL);
	tcache_barrier();
	WRITE_ONCE(tcache_idle, TCACHE_INSIDE);
	tcache_barrier();
	return true;
}

__inline_hot void slab_leave(void)
{
	struct tcache *gate = tcache_gate;

	tcache_barrier();
	WRITE_ONCE(tcache_idle, gate);
	tcache_barrier();
	WRITE_ONCE(tcache_self, gate);
	tcache_barrier();
}

/* In a signal handler: did it interrupt the runtime, beyond the inline paths? */
__inline_hot bool slab_is_inside(void)
{
	return READ_ONCE(tcache_idle) == TCACHE_INSIDE || locks_held;
}

/* Around calls of the program's functions from inside the runtime. Returns what slab_again needs. */
__inline_hot bool slab_outside(void)
{
	bool inside = tcache_idle == TCACHE_INSIDE;

	if (inside)
		slab_leave();
	return inside;
}

__inline_hot void slab_again(bool inside)
{
	if (inside)
		slab_enter();
}

/* Around the few instructions that change a bin. */
__inline_hot void tcache_shut(void)
{
	WRITE_ONCE(tcache_self, NULL);
	tcache_barrier();
}

__inline_hot void tcache_open(struct tcache *tc)
{
	tcache_barrier();
	WRITE_ONCE(tcache_self, tc);
}

__inline_hot size_t arena_state_index(const void *p)
{
	uintptr_t off = (uintptr_t)p - arena_base;

	return off >> 4 | off << 60;
}

__inline_hot unsigned slab_class_large(size_t size)
{
	unsigned top = 63 - (unsigned)__builtin_clzl(size - 1);

	return SLAB_CLASS_COARSE + (top - COARSE_SHIFT) * 8 + (unsigned)((size - 1) >> (top - 3) & 7);
}

/* A live object of that class starts at p from now on. */
__inline_hot void slab_coarse_set(const void *p, unsigned class)
{
	uintptr_t off = (uintptr_t)p - arena_base;

	WRITE_ONCE(arena_coarse[off >> COARSE_SHIFT], (uint16_t)(class << COARSE_SHIFT | (off & COARSE_PLACE)));
}

/* The class of the live object beyond 1 KiB that starts at p, any pointer below the limit; 0: there is none. */
__inline_hot unsigned slab_coarse_class(const void *p)
{
	uintptr_t off = (uintptr_t)p - arena_base;
	unsigned w = READ_ONCE(arena_coarse[off >> COARSE_SHIFT]);

	return (w ^ off) & COARSE_PLACE ? 0 : w >> COARSE_SHIFT;
}

/* Takes the last of the n objects in the bin; n is not 0. */
__inline_hot void *slab_bin_pop(struct tcache_bin *bin, uint32_t n)
{
	void *p = bin->items[n - 1];

	if (!p)
		__builtin_unreachable(); /* drops the caller's test for NULL */
	WRITE_ONCE(bin->count, (uint16_t)(n - 1));
	return p;
}

/* Adds p behind the n objects in the bin, which has room. */
__inline_hot void slab_bin_push(struct tcache_bin *bin, uint32_t n, void *p)
{
	bin->items[n] = p;
	tcache_barrier();
	WRITE_ONCE(bin->count, (uint16_t)(n + 1));
}

/* ---- canaries and marks of freed objects (harden.h) ------------------------------------------ */

typedef uint32_t slab_word32 __attribute__((may_alias, aligned(1)));
typedef uint64_t slab_word64 __attribute__((may_alias, aligned(8)));
#define HARDEN_TAIL ((size_t)8) /* bytes of a slot that are the canary's at least */
#define HARDEN_SIZE_MAX (SLAB_CLASS_MAX + HARDEN_TAIL)

__inline_hot void slab_arm_size(void *p, size_t size, unsigned tail, uint64_t key)
{
	*(slab_word32 *)((char *)p + size) = (uint32_t)key;
	tcache_barrier(); /* whoever reads a live object's size finds the canary there (verify.c) */
	*(slab_word32 *)((char *)p + tail) = (uint32_t)(size + key);
}

/* The object becomes the program's, with `size` bytes. While it is free, the word at the slot's end is that of 0 bytes.
 * The size is added to it, so that damage of the word stays, and is found when the object is freed. */
__inline_hot void slab_arm(void *p, size_t size, unsigned tail, uint64_t key)
{
	*(slab_word64 *)p = 0;
	*(slab_word32 *)((char *)p + size) = (uint32_t)key;
	tcache_barrier(); /* as in slab_arm_size */
	*(slab_word32 *)((char *)p + tail) += (uint32_t)size;
}

/* A sound object becomes free for the thread with this key. */
__inline_hot void slab_disarm(void *p, unsigned tail, uint64_t key)
{
	*(slab_word64 *)p = key;
	*(slab_word32 *)((char *)p + tail) = (uint32_t)key;
}

/* The size of a live object. More than HARDEN_SIZE_MAX: the word was overwritten. */
__inline_hot size_t slab_armed_size(const void *p, unsigned tail, uint64_t key)
{
	return *(const slab_word32 *)((const char *)p + tail) - (uint32_t)key;
}

__inline_hot bool slab_is_sound(const void *p, unsigned tail, uint64_t key)
{
	size_t size = slab_armed_size(p, tail, key);

	return size <= HARDEN_SIZE_MAX && *(const slab_word32 *)((const char *)p + size) == (uint32_t)key;
}

/* ---- malloc and free ------------------------------------------------------------------------- */

/* Makes the compiler compute the address once, not for each field. */
__inline_hot struct tcache_bin *slab_bin(struct tcache *tc, unsigned i)
{
	struct tcache_bin *bin = &tc->bins[i];

	__asm__("" : "+r"(bin));
	return bin;
}

/* The object that malloc took out of the bin, whose count is n by now, has no mark. NULL: it should have one, and goes
 * back into the bin; the slow path finds out why. */
__inline_hot void *slab_malloc_unmarked(struct tcache *tc, struct tcache_bin *bin, uint32_t n, void *p)
{
	if (unlikely(bin->tail)) {
		WRITE_ONCE(bin->count, (uint16_t)(n + 1));
		p = NULL;
	}
	tcache_open(tc);
	return p;
}

/* Between tcache_shut and tcache_open. */
__inline_hot void *slab_malloc_from(struct tcache *tc, struct tcache_bin *bin, size_t size)
{
	uint64_t key = tc->key;
	uint32_t n = bin->count;
	void *p;

	__asm__("" : "+r"(n)); /* the compiler subtracts once, and takes the carry */
	if (unlikely(__builtin_sub_overflow(n, 1u, &n))) {
		tcache_open(tc);
		return NULL;
	}
	WRITE_ONCE(bin->count, (uint16_t)n);
	p = bin->items[n];
	if (!p)
		__builtin_unreachable(); /* drops the caller's test for NULL */
	if (unlikely(*(slab_word64 *)p != key))
		return slab_malloc_unmarked(tc, bin, n, p);
	slab_arm(p, size, READ_ONCE(bin->tail), key);
	tcache_open(tc);
	return p;
}

__inline_hot void *slab_malloc_coarse(struct tcache *tc, size_t size)
{
	unsigned class;
	void *p;

	if (unlikely(size > SLAB_CLASS_MAX))
		return NULL;
	class = slab_class_large(size);
	tcache_shut();
	p = slab_malloc_from(tc, slab_bin(tc, class), size);
	if (likely(p))
		slab_coarse_set(p, class);
	return p;
}

__inline_hot void *slab_malloc_fast(size_t size)
{
	struct tcache *tc = tcache_self;
	unsigned class;
	void *p;

	if (unlikely(!tc))
		return NULL;
	if (unlikely(--tc->ticks < 0))
		return NULL;
	if (unlikely(size > SLAB_FAST_SIZE))
		return slab_malloc_coarse(tc, size);
	class = slab_class_table[(size + 7) / 8];
	tcache_shut();
	p = slab_malloc_from(tc, slab_bin(tc, class), size);
	if (likely(p))
		WRITE_ONCE(((uint8_t *)arena_state_zero)[(uintptr_t)p >> 4], (uint8_t) class);
	return p;
}

/* For objects beyond 1 KiB. */
__inline_hot bool slab_free_coarse(struct tcache *tc, void *p)
{
	struct tcache_bin *bin;
	uint32_t n;

	__asm__("" : "+r"(p)); /* keeps this out of the path of small objects */
	bin = slab_bin(tc, slab_coarse_class(p));
	n = bin->count;
	if (likely(n < bin->max && slab_is_sound(p, bin->tail, tc->key)))
		slab_disarm(p, READ_ONCE(bin->tail), tc->key);
	else if (n >= bin->plain) {
		tcache_open(tc);
		return false;
	}
	WRITE_ONCE(arena_coarse[((uintptr_t)p - arena_base) >> COARSE_SHIFT], 0);
	slab_bin_push(bin, n, p);
	tcache_open(tc);
	return true;
}

__inline_hot bool slab_free_fast(void *p)
{
	struct tcache *tc = tcache_self;
	size_t i = arena_state_index(p);
	struct tcache_bin *bin;
	uint8_t *state;
	uint64_t key;
	uint32_t n;

	if (unlikely(i >= READ_ONCE(arena_state_limit) || !tc))
		return false;
	state = &arena_state[i];
	bin = slab_bin(tc, *state);
	tcache_shut();
	n = bin->count;
	if (likely(n < bin->max)) {
		key = tc->key;
		if (unlikely(!slab_is_sound(p, bin->tail, key))) {
			tcache_open(tc);
			return false;
		}
		slab_disarm(p, READ_ONCE(bin->tail), key); /* read again: registers are few */
	} else if (n >= bin->plain) {
		return slab_free_coarse(tc, p);
	}
	WRITE_ONCE(*state, 0);
	slab_bin_push(bin, n, p);
	tcache_open(tc);
	return true;
}

/* c may be any pointer. */
__inline_hot struct custom_bin *slab_custom_bin(const struct slab_cache *c, struct custom_bin *bins)
{
	return &bins[(uintptr_t)c / SLAB_CACHE_ALIGN % SLAB_CACHES];
}

__inline_hot void *slab_custom_alloc_fast(struct slab_cache *c)
{
	struct tcache *tc = tcache_self;
	struct custom_bin *x;
	uint32_t n;
	void *p;

	if (unlikely(!tc))
		return NULL;
	x = slab_custom_bin(c, tc->custom);
	if (unlikely(READ_ONCE(x->cache) != c))
		return NULL;
	tcache_shut();
	n = x->bin.count;
	if (unlikely(n == 0 || --tc->ticks < 0)) {
		tcache_open(tc);
		return NULL;
	}
	p = slab_bin_pop(&x->bin, n);
	tcache_open(tc);
	WRITE_ONCE(arena_state[((uintptr_t)p - arena_base) >> 4], x->state);
	return p;
}

__inline_hot bool slab_custom_free_fast(struct slab_cache *c, void *p)
{
	struct tcache *tc = tcache_self;
	size_t i = arena_state_index(p);
	struct custom_bin *x;
	uint32_t n;

	if (unlikely(!tc || i >= READ_ONCE(arena_state_limit)))
		return false;
	x = slab_custom_bin(c, tc->custom);
	if (unlikely(READ_ONCE(x->cache) != c))
		return false;
	tcache_shut();
	n = x->bin.count;
	if (unlikely(READ_ONCE(arena_state[i]) != x->state || n >= x->bin.max)) {
		tcache_open(tc);
		return false;
	}
	WRITE_ONCE(arena_state[i], 0);
	slab_bin_push(&x->bin, n, p);
	tcache_open(tc);
	return true;
}

/* This thread's next allocation takes the slow path, once. The distance to the next sample stays as it is. */
__inline_hot void slab_slow_next(void)
{
	struct tcache *tc = tcache_own;

	if (!tc || tc->ticks <= 0)
		return;
	tc->ticks_put_off = tc->ticks;
	tc->ticks = 0;
}

#endif
