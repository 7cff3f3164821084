/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/debug.h - allocation and free with checks. */
#ifndef MEMSAN_SLAB_DEBUG_H
#define MEMSAN_SLAB_DEBUG_H

#include "slab/redzone.h"
#include "slab/tcache.h"
#include "slab/unwritten.h"

void *debug_alloc(struct slab_cache *c, size_t size, size_t align, enum slab_api api, bool zero,
                  const struct unwind_regs *regs);
/* Does a live object start at `user`? False for a slab without checks. */
bool debug_is_live(struct slab *s, uintptr_t user);
/* Reports a pointer at which no live object starts. */
void debug_free(struct slab *s, uintptr_t user, enum slab_api api, size_t size_given, const struct unwind_regs *regs);
/* For the next three: a live object starts at `user`. */
void *debug_realloc(struct slab *s, uintptr_t user, size_t size, const struct unwind_regs *regs);
/* Reports damage of its red zones, and repairs it. */
void debug_verify(struct slab *s, uintptr_t user, enum slab_found_at at, const struct unwind_regs *regs);
/* The requested size if it is known, else the size of the object. */
size_t debug_size(struct slab *s, uintptr_t user);

/* ---- an object becomes the program's; in line in malloc.c ------------------------------------ */

__inline_hot stack_handle debug_stack(const struct slab_cache *c, const struct unwind_regs *regs)
{
	return regs && c->flags & SLAB_F_TRACK ? unwind_save(regs) : 0;
}

__cold_path void debug_alloc_rare(const struct slab_cache *c, uintptr_t user, size_t size, stack_handle stack,
                                  bool zero);

/* Takes a free object of the cache, with its poison, and gives it to the program. */
__inline_hot void *debug_give(struct slab_cache *c, void *object, size_t size, size_t align, enum slab_api api,
                              bool zero, stack_handle stack, const struct unwind_regs *regs)
{
	struct slab *s = slab_of((uintptr_t)object);
	uint32_t i = slab_index(c, s, (uintptr_t)object);
	uintptr_t user;

	if (c->flags & SLAB_F_SANITY)
		poison_verify_again(c, s, i, (uintptr_t)object, regs);
	user = ALIGN_UP((uintptr_t)object, align);
	if (!(c->flags & SLAB_F_TRACK) && !cache_is_custom(c))
		size = (uintptr_t)object + c->object_size - user;
	redzone_fill_slack(c, (uintptr_t)object, user, size);
	slab_shadow->live((uintptr_t)object, (uintptr_t)object + c->object_size, user, size, false);
	if (zero)
		mem_set((void *)user, 0, size);
	if (c->flags & SLAB_F_TRACK)
		track_set_alloc(track_of(c, s, i), size, api, stack);
	/* Pairs with the loads in verify.c and object.c: a thread that sees the object live sees its zones and
	 * track. */
	STORE_RELEASE(*slab_byte(c, s, i), (uint8_t)(OBJECT_LIVE | ((unsigned)__builtin_ctzl(align) - 4)));
	if (unlikely(c->flags & (SLAB_F_TRACE | SLAB_F_UNWRITTEN)))
		debug_alloc_rare(c, user, size, stack, zero);
	return (void *)user;
}

#endif
