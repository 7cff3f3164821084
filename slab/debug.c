/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/debug.c - allocation and free for caches with debugging flags: each check is made as soon as it is possible. */
#include "slab/arena.h"
#include "slab/cache.h"
#include "slab/debug.h"
#include "slab/finding.h"
#include "slab/object.h"
#include "slab/quarantine.h"
#include "slab/redzone.h"
#include "slab/slab.h"
#include "slab/tcache.h"
#include "slab/trace_hook.h"
#include "slab/unwritten.h"
#include "slab/track.h"

/* The life of an object's memory, and of its byte in the slab's descriptor (cache.h):
 *
 *     in its slab      6b…6b a5   a
 *     debug_alloc      verify poison, fill slack, track, then LIVE|a              ← from here on the program's
 *     debug_free       exchange LIVE|a with a: one thread wins, the others report a double free
 *                      verify red zones, track, fill poison, hold it
 *     quarantine       6b…6b a5   HELD|a
 *
 * Between the exchange and HELD only the freeing thread looks at the memory. A stack is saved before the first lock,
 * and only if the cache tracks.
 *
 * Check mode does not use the state map, a byte for each 16 bytes of the arena. That map would cost a page of memory
 * for each object of 64 KiB, and 65 bytes for an object of 1000. Here the slab is looked up anyway, and one byte for
 * each object holds the same information.
 *
 * During a free another thread may free the same object, and all other objects of the slab may be freed too. Then the
 * slab's descriptor may get new pages, and an object may be allocated there. The free notices by the descriptor's base,
 * which is read again after the exchange, and undoes the exchange. Accepted weakness: a correct free of the new object
 * between the exchange and its undoing is reported as a double free. */

static inline void trace(const struct slab_cache *c, bool free, uintptr_t user, size_t size, stack_handle stack)
{
	if (unlikely(c->flags & SLAB_F_TRACE))
		trace_tell(c->name, free, user, size, stack);
}

__cold_path void debug_alloc_rare(const struct slab_cache *c, uintptr_t user, size_t size, stack_handle stack,
                                  bool zero)
{
	if (c->flags & SLAB_F_UNWRITTEN && !zero)
		unwritten_fill(user, size);
	trace(c, false, user, size, stack);
}

void *debug_alloc(struct slab_cache *c, size_t size, size_t align, enum slab_api api, bool zero,
                  const struct unwind_regs *regs)
{
	/* The stack comes first, also because the walk's frames would keep the object's address on the stack, where
	 * a scan for leaks finds it. */
	stack_handle stack = debug_stack(c, regs);
	void *object = cache_is_custom(c) ? tcache_take_custom(c) : tcache_take_debug(c);

	return likely(object) ? debug_give(c, object, size, align, api, zero, stack, regs) : NULL;
}

/* The slot and byte of the object at `user`, any pointer into a slab (or into memory that was a slab a moment ago).
 * slot_find is false if there is none. */
struct slot {
	uintptr_t base;
	uint32_t i;
	uint8_t *byte;
};

__inline_hot bool slot_find(const struct slab_cache *c, struct slab *s, uintptr_t user, struct slot *slot)
{
	uintptr_t off;

	slot->base = READ_ONCE(s->base);
	off = user - slot->base;
	if (unlikely(c->fast || off >= (uintptr_t)c->nr_pages << PAGE_SHIFT))
		return false;
	slot->i = (uint32_t)((off * c->reciprocal) >> 40);
	slot->byte = slab_byte(c, s, slot->i);
	return likely(slot->i < c->nr_objects);
}

/* The byte of the live object that starts at `user`; 0: there is none. */
__inline_hot uint8_t live_byte(const struct slab_cache *c, const struct slot *slot, uintptr_t user)
{
	uint8_t byte = LOAD_ACQUIRE(*slot->byte);

	return byte & OBJECT_LIVE &&
	                       object_start(slot->base + (uintptr_t)slot->i * c->slot_size + c->offset, byte) == user
	               ? byte
	               : 0;
}

bool debug_is_live(struct slab *s, uintptr_t user)
{
	const struct slab_cache *c = s->cache;
	struct slot slot;

	return slot_find(c, s, user, &slot) && live_byte(c, &slot, user) != 0;
}

/* libc clears it before it starts the first other thread; older libcs do not have it. */
extern char __libc_single_threaded __attribute__((weak));

__inline_hot bool byte_exchange(uint8_t *byte, uint8_t from, uint8_t to)
{
	/* A locked instruction waits for all stores before it: a tenth of the free. A signal handler that frees does so
	 * later (preload/interrupted.c). */
	if (&__libc_single_threaded && READ_ONCE(__libc_single_threaded)) {
		WRITE_ONCE(*byte, to);
		return true;
	}
	return __atomic_compare_exchange_n(byte, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* If several threads free the object at `user`, one of them gets the byte of the live object, the others 0. */
__inline_hot uint8_t claim(const struct slab_cache *c, struct slab *s, const struct slot *slot, uintptr_t user)
{
	uint8_t live = live_byte(c, slot, user), freed = live & OBJECT_ALIGN;

	if (unlikely(!live || !byte_exchange(slot->byte, live, freed)))
		return 0;
	if (likely(READ_ONCE(s->base) == slot->base))
		return live;
	STORE_RELEASE(*slot->byte, live);
	return 0;
}

static inline size_t size_of(const struct slab_cache *c, const struct slab_track *t, uintptr_t object, uintptr_t user)
{
	if (unlikely(cache_has_one_size(c)))
		return c->user_size;
	return likely(t) ? track_read(t).size : object + c->object_size - user;
}

size_t debug_size(struct slab *s, uintptr_t user)
{
	const struct slab_cache *c = s->cache;
	uint32_t i = slab_index(c, s, user);

	return size_of(c, track_of(c, s, i), slab_object_at(c, s, i), user);
}

static __cold_path void report_api(const struct slab_cache *c, struct slab *s, uint32_t i, uintptr_t user,
                                   enum slab_api api, bool mismatch, size_t size_given, const struct unwind_regs *regs)
{
	struct slab_finding f;

	/* Production does not tell malloc's objects from new's, so it does not for 0 bytes either. */
	if (cache_is_zero(c) && options.mode == MODE_PRODUCTION)
		return;
	finding_init(&f, mismatch ? SLAB_ALLOC_DEALLOC_MISMATCH : SLAB_SIZED_DELETE_MISMATCH, SLAB_AT_FREE, user, regs);
	f.size = mismatch ? 0 : size_given;
	f.api_used = api;
	f.have_object = true;
	object_describe(c, s, i, &f.object);
	f.object.state = SLAB_OBJ_LIVE;
	finding_report(&f);
}

__inline_hot void check_api(const struct slab_cache *c, struct slab *s, uint32_t i, uintptr_t user, size_t size,
                            enum slab_api api, bool aligned, size_t size_given, const struct unwind_regs *regs)
{
	bool mismatch = mismatch_of_apis((enum slab_api)track_read(track_of(c, s, i)).api, api) ||
	                mismatch_of_forms(api, aligned);

	if (unlikely(mismatch || (size_given != SIZE_MAX && size_given != size)))
		report_api(c, s, i, user, api, mismatch, size_given, regs);
}

/* Prefetches all memory that a free reads; it arrives while the stack is walked. */
__inline_hot void slot_prefetch(const struct slab_cache *c, struct slab *s, const struct slot *slot, uintptr_t user)
{
	__builtin_prefetch(slot->byte, 1);
	__builtin_prefetch(track_of(c, s, slot->i), 1);
	__builtin_prefetch((const void *)(user - REDZONE_SIZE), 1);
	__builtin_prefetch((const void *)(slot->base + (slot->i + 1) * (uintptr_t)c->slot_size), 1);
}

/* ---- objects whose pages the program mapped in another way (changed.c) ----------------------- */

/* Can the bytes from the left red zone to the end of the right one be read? */
static bool zones_readable(const struct slab_cache *c, uintptr_t object)
{
	uintptr_t at = object - c->offset, end = object + c->object_size + c->offset;

	for (; at < end; at = ALIGN_DOWN(at, PAGE_SIZE) + PAGE_SIZE)
		if (!os_page_readable((void *)at))
			return false;
	return true;
}

static __cold_path void memory_reopen(const struct slab_cache *c, uintptr_t object)
{
	uintptr_t first = ALIGN_DOWN(object - c->offset, PAGE_SIZE), last = object + c->object_size + c->offset;

	os_unprotect((void *)first, ALIGN_UP(last, PAGE_SIZE) - first);
}

/* Makes the freed object's memory as it was. Its first and last page may belong to its neighbors too, and keep their
 * bytes. False: the memory cannot be used again, so the object stays out of its slab. */
static __cold_path bool memory_renew(const struct slab_cache *c, struct slab *s, uint32_t i, uintptr_t object,
                                     uintptr_t user, size_t size, const struct unwind_regs *regs)
{
	uintptr_t whole = ALIGN_UP(object, PAGE_SIZE), end = ALIGN_DOWN(object + c->object_size, PAGE_SIZE);

	memory_reopen(c, object);
	if (zones_readable(c, object))
		redzones_verify(c, s, i, object, user, size, SLAB_AT_FREE, regs);
	return (whole >= end || arena_renew(page_of(whole), (end - whole) >> PAGE_SHIFT)) && zones_readable(c, object);
}

void debug_free(struct slab *s, uintptr_t user, enum slab_api api, size_t size_given, const struct unwind_regs *regs)
{
	struct slab_cache *c = s->cache;
	struct slab_track *track;
	stack_handle stack = 0;
	uintptr_t object;
	struct slot slot;
	size_t size;
	uint8_t mine = 0;

	if (likely(slot_find(c, s, user, &slot))) {
		slot_prefetch(c, s, &slot, user);
		stack = debug_stack(c, regs);
		mine = claim(c, s, &slot, user);
	}
	if (unlikely(!mine)) {
		finding_report_bad_pointer(user, api, SLAB_AT_FREE, regs);
		return;
	}
	object = slot.base + (uintptr_t)slot.i * c->slot_size + c->offset;
	track = track_of(c, s, slot.i);
	size = size_of(c, track, object, user);
	if (likely(track))
		check_api(c, s, slot.i, user, size, api, mine & OBJECT_ALIGN, size_given, regs);
	if (likely(!(mine & OBJECT_CHANGED)))
		redzones_verify(c, s, slot.i, object, user, size, SLAB_AT_FREE, regs);
	else if (!memory_renew(c, s, slot.i, object, user, size, regs))
		return;
	if (likely(track)) {
		track_set_free(track, stack);
		trace(c, true, user, size, stack);
	}
	if (likely(!c->typesafe))
		slab_shadow->bad(object, c->object_size, SLAB_MARK_FREED);
	if (likely(c->flags & SLAB_F_POISON))
		poison_fill(c, object);
	quarantine_put(c, slot.byte, object, regs);
}

/* Shrinking stays in place down to half of the object. Growing always moves, which catches pointers that were not
 * updated. */
static bool keeps_place(const struct slab_cache *c, size_t old, size_t size)
{
	return c->flags & SLAB_F_TRACK ? size <= old && size >= c->object_size / 2 : size <= old;
}

void debug_verify(struct slab *s, uintptr_t user, enum slab_found_at at, const struct unwind_regs *regs)
{
	const struct slab_cache *c = s->cache;
	uint32_t i = slab_index(c, s, user);
	uintptr_t object = slab_object_at(c, s, i);

	redzones_verify(c, s, i, object, user, size_of(c, track_of(c, s, i), object, user), at, regs);
}

void *debug_realloc(struct slab *s, uintptr_t user, size_t size, const struct unwind_regs *regs)
{
	struct slab_cache *c = s->cache;
	uint32_t i = slab_index(c, s, user);
	uintptr_t object = slab_object_at(c, s, i);
	size_t old = size_of(c, track_of(c, s, i), object, user);
	stack_handle stack;

	if (!keeps_place(c, old, size))
		return NULL;
	if (!(c->flags & SLAB_F_TRACK))
		return (void *)user;
	stack = debug_stack(c, regs);
	if (unlikely(READ_ONCE(*slab_byte(c, s, i)) & OBJECT_CHANGED))
		memory_reopen(c, object);
	redzones_verify(c, s, i, object, user, old, SLAB_AT_REALLOC, regs);
	/* The slack is filled before the size is stored: a verifier in between checks fewer bytes, never the
	 * program's. */
	redzone_fill_slack(c, object, user, size);
	slab_shadow->live(object, object + c->object_size, user, size, false);
	track_set_size(track_of(c, s, i), size, stack);
	trace(c, false, user, size, stack);
	return (void *)user;
}
