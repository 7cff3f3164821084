/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/debug.c - allocation and free for caches with debugging flags: every check at the moment when it can be made. */
#include "slab/slab_internal.h"

/* The life of an object's memory and of its byte in the slab's descriptor (slab_internal.h):
 *
 *     in its slab      6b…6b a5   a
 *     debug_alloc      verify poison, fill slack, track, then LIVE|a              ← from here on the program's
 *     debug_free       exchange LIVE|a with a: one thread wins, the others report a double free
 *                      verify red zones, track, fill poison, hold it
 *     quarantine       6b…6b a5   HELD|a
 *
 * Between the exchange and HELD nobody but the freeing thread looks at the memory.  A stack is saved before the first lock and only where
 * the cache tracks.
 *
 * DESIGN has a state map for all modes, a byte for 16 bytes of the arena.  It costs a page of memory for each object of 64 KiB, and was 65 bytes
 * for one of 1000; here the slab is looked up anyway, and a byte for each object says the same.
 *
 * A free that races with all of this (its object freed by another thread, every other object of the slab too, the slab's descriptor given
 * new pages, and an object allocated there) is seen by the descriptor's base, which is read again after the exchange; what the
 * exchange did is then undone.  Accepted weakness: a rightful free in between the two is called a double one. */

static stack_handle save_stack(const struct slab_cache *c, const struct unwind_regs *regs)
{
	return regs && c->flags & SLAB_F_TRACK ? unwind_save(regs) : 0;
}

static slab_trace_fn trace_hook; /* written once at start-up */

void slab_set_trace_hook(slab_trace_fn fn)
{
	trace_hook = fn;
}

void debug_trace(const char *cache, bool free, uintptr_t user, size_t size, stack_handle stack)
{
	struct slab_trace_event event = { .free = free, .cache = cache, .addr = user, .size = size, .stack = stack };

	if (trace_hook)
		trace_hook(&event);
}

static inline void trace(const struct slab_cache *c, bool free, uintptr_t user, size_t size, stack_handle stack)
{
	if (unlikely(c->flags & SLAB_F_TRACE))
		debug_trace(c->name, free, user, size, stack);
}

void *debug_alloc(struct slab_cache *c, size_t size, size_t align, enum slab_api api, bool zero, const struct unwind_regs *regs)
{
	/* First, also because the walk's frames would keep the object's address on the stack, where a scan for leaks finds it. */
	stack_handle stack = save_stack(c, regs);
	void *object = cache_is_custom(c) ? tcache_take_custom(c) : tcache_take_debug(c);
	uintptr_t user;
	struct slab *s;
	uint32_t i;

	if (!object)
		return NULL;
	s = slab_of((uintptr_t)object);
	i = slab_index(c, s, (uintptr_t)object);
	if (c->flags & SLAB_F_SANITY)
		check_poisoned_again(c, s, i, regs);
	user = ALIGN_UP((uintptr_t)object, align);
	if (!(c->flags & SLAB_F_TRACK) && !cache_is_custom(c))
		size = (uintptr_t)object + c->object_size - user;
	check_fill_slack(c, (uintptr_t)object, user, size);
	slab_shadow->live((uintptr_t)object, (uintptr_t)object + c->object_size, user, size, false);
	if (zero)
		mem_set((void *)user, 0, size);
	if (c->flags & SLAB_F_TRACK)
		track_set_alloc(track_of(c, s, i), size, api, stack);
	/* Pairs with the loads in check_all and object.c: who sees the object live sees its zones and track. */
	STORE_RELEASE(*slab_byte(c, s, i), (uint8_t)(OBJECT_LIVE | ((unsigned)__builtin_ctzl(align) - 4)));
	trace(c, false, user, size, stack);
	return (void *)user;
}

/* The byte of a live object, 0 when none starts at `user`, which may be anything in (what was a moment ago) the slab. */
static uint8_t live_byte(struct slab *s, uintptr_t base, uintptr_t user, uint32_t *index)
{
	const struct slab_cache *c = s->cache;
	uintptr_t off = user - base;
	uint8_t byte;
	uint32_t i;

	if (unlikely(c->fast || off >= (uintptr_t)c->nr_pages << PAGE_SHIFT))
		return 0;
	i = (uint32_t)((off * c->reciprocal) >> 40);
	if (unlikely(i >= c->nr_objects))
		return 0;
	*index = i;
	byte = LOAD_ACQUIRE(*slab_byte(c, s, i));
	return byte & OBJECT_LIVE && object_start(base + (uintptr_t)i * c->slot_size + c->offset, byte) == user ? byte : 0;
}

bool debug_is_live(struct slab *s, uintptr_t user)
{
	uint32_t i;

	return live_byte(s, READ_ONCE(s->base), user, &i) != 0;
}

/* One of several threads that free the object at `user` gets true. */
static bool claim(struct slab *s, uintptr_t user, uint32_t *index)
{
	uintptr_t base = READ_ONCE(s->base);
	uint8_t live = live_byte(s, base, user, index), freed = live & OBJECT_ALIGN, *byte;

	if (unlikely(!live))
		return false;
	byte = slab_byte(s->cache, s, *index);
	if (unlikely(!__atomic_compare_exchange_n(byte, &live, freed, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)))
		return false;
	if (likely(READ_ONCE(s->base) == base))
		return true;
	STORE_RELEASE(*byte, live);
	return false;
}

static inline size_t size_of(const struct slab_cache *c, struct slab *s, uint32_t i, uintptr_t user)
{
	const struct slab_track *t = track_of(c, s, i);

	if (unlikely(cache_is_custom(c)))
		return c->user_size;
	return likely(t) ? track_read(t).size : slab_object_at(c, s, i) + c->object_size - user;
}

size_t debug_size(struct slab *s, uintptr_t user)
{
	return size_of(s->cache, s, slab_index(s->cache, s, user), user);
}

static void check_api(const struct slab_cache *c, struct slab *s, uint32_t i, uintptr_t user, enum slab_api api,
                      size_t size_given, const struct unwind_regs *regs)
{
	const struct slab_track t = track_read(track_of(c, s, i));
	bool mismatch = mismatch_of_apis((enum slab_api)t.api, api);
	size_t size = cache_is_custom(c) ? c->user_size : t.size;
	struct slab_finding f;

	if (likely(!mismatch && (size_given == SIZE_MAX || size_given == size)))
		return;
	finding_init(&f, mismatch ? SLAB_ALLOC_DEALLOC_MISMATCH : SLAB_SIZED_DELETE_MISMATCH, SLAB_AT_FREE, user, regs);
	f.size = mismatch ? 0 : size_given;
	f.api_used = api;
	f.have_object = true;
	object_describe(c, s, i, &f.object);
	f.object.state = SLAB_OBJ_LIVE;
	finding_report(&f);
}

/* All that a free looks at, asked for at once, so that it comes while the stack is walked; nothing is known of `user` yet. */
static inline void free_expect(const struct slab_cache *c, struct slab *s, uintptr_t user)
{
	uint32_t i = slab_index(c, s, user);

	__builtin_prefetch(slab_byte(c, s, i), 1);
	__builtin_prefetch(track_of(c, s, i), 1);
	__builtin_prefetch((const void *)(user - REDZONE_SIZE));
	__builtin_prefetch((const void *)(slab_object_at(c, s, i) + c->object_size));
}

void debug_free(struct slab *s, uintptr_t user, enum slab_api api, size_t size_given, const struct unwind_regs *regs)
{
	struct slab_cache *c = s->cache;
	stack_handle stack;
	uintptr_t object;
	size_t size;
	uint32_t i;

	free_expect(c, s, user);
	stack = save_stack(c, regs);
	if (unlikely(!claim(s, user, &i))) {
		object_report_bad(user, api, SLAB_AT_FREE, regs);
		return;
	}
	object = slab_object_at(c, s, i);
	size = size_of(c, s, i, user);
	if (c->flags & SLAB_F_TRACK)
		check_api(c, s, i, user, api, size_given, regs);
	check_redzones(c, s, i, user, size, SLAB_AT_FREE, regs);
	if (c->flags & SLAB_F_TRACK) {
		track_set_free(track_of(c, s, i), stack);
		trace(c, true, user, size, stack);
	}
	if (!c->typesafe)
		slab_shadow->bad(object, c->object_size, SLAB_MARK_FREED);
	if (c->flags & SLAB_F_POISON)
		check_poison(c, object);
	quarantine_put(s, i, regs);
}

/* Shrinking stays in place down to half of the object; growing always moves, which catches pointers that were not updated. */
static bool keeps_place(const struct slab_cache *c, size_t old, size_t size)
{
	return c->flags & SLAB_F_TRACK ? size <= old && size >= c->object_size / 2 : size <= old;
}

void *debug_realloc(struct slab *s, uintptr_t user, size_t size, const struct unwind_regs *regs)
{
	struct slab_cache *c = s->cache;
	uint32_t i = slab_index(c, s, user);
	uintptr_t object = slab_object_at(c, s, i);
	size_t old = size_of(c, s, i, user);
	stack_handle stack;

	if (!keeps_place(c, old, size))
		return NULL;
	if (!(c->flags & SLAB_F_TRACK))
		return (void *)user;
	stack = save_stack(c, regs);
	check_redzones(c, s, i, user, old, SLAB_AT_REALLOC, regs);
	/* The new slack first, then the smaller size: a verifier in between checks less, never the program's bytes. */
	check_fill_slack(c, object, user, size);
	slab_shadow->live(object, object + c->object_size, user, size, false);
	track_set_size(track_of(c, s, i), size, stack);
	trace(c, false, user, size, stack);
	return (void *)user;
}
