/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/unseen/jemalloc.c - jemalloc's own allocation functions, for programs that are linked with it (BIND, folly).
 *
 * memsan's malloc stands before jemalloc's. Such a program frees by free what mallocx returned, and by sdallocx what
 * malloc returned: so all of these functions are memsan's too. nallocx is also tcmalloc's. mallctl and the rest stay
 * jemalloc's, whose heap is empty then.
 *
 * Flags name a thread cache or an arena of jemalloc's as well; there are none here. */
#include "preload/unseen/unseen.h"

#include <malloc.h>

#define FLAG_LG_ALIGN 0x3fu
#define FLAG_ZERO 0x40u

MEMSAN_EXPORT void *mallocx(size_t size, int flags);
MEMSAN_EXPORT void *rallocx(void *p, size_t size, int flags);
MEMSAN_EXPORT size_t xallocx(void *p, size_t size, size_t extra, int flags);
MEMSAN_EXPORT size_t sallocx(const void *p, int flags);
MEMSAN_EXPORT void dallocx(void *p, int flags);
MEMSAN_EXPORT void sdallocx(void *p, size_t size, int flags);
MEMSAN_EXPORT size_t nallocx(size_t size, int flags);

static size_t alignment_of(int flags)
{
	return MAX((size_t)1 << ((unsigned)flags & FLAG_LG_ALIGN), (size_t)MIN_ALIGN);
}

static bool wants_zeros(int flags)
{
	return (unsigned)flags & FLAG_ZERO;
}

static void *allocate_flags(size_t size, int flags, const struct unwind_regs *regs)
{
	size_t align = alignment_of(flags);

	return allocate_object(size, align, align > MIN_ALIGN ? SLAB_API_MEMALIGN : SLAB_API_MALLOC, wants_zeros(flags),
	                       regs);
}

MEMSAN_EXPORT void *mallocx(size_t size, int flags)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	return allocate_flags(size, flags, &regs);
}

/* Always a new object when its alignment or its new bytes matter: memsan's realloc promises neither. */
MEMSAN_EXPORT void *rallocx(void *p, size_t size, int flags)
{
	struct unwind_regs regs;
	size_t old;
	void *q;

	UNWIND_HERE(&regs);
	if (!size)
		size = 1;
	if (alignment_of(flags) <= MIN_ALIGN && !wants_zeros(flags))
		return reallocate_object(p, size, &regs);
	old = malloc_usable_size(p);
	q = allocate_flags(size, flags, &regs);
	if (q) {
		mem_copy(q, p, MIN(old, size));
		release_object(p, SLAB_API_MALLOC, SIZE_MAX, &regs);
	}
	return q;
}

/* Never in place: the answer is the size that the object keeps. */
MEMSAN_EXPORT size_t xallocx(void *p, size_t size, size_t extra, int flags)
{
	(void)size;
	(void)extra;
	(void)flags;
	return malloc_usable_size(p);
}

MEMSAN_EXPORT size_t sallocx(const void *p, int flags)
{
	(void)flags;
	return malloc_usable_size((void *)p);
}

MEMSAN_EXPORT void dallocx(void *p, int flags)
{
	struct unwind_regs regs;

	(void)flags;
	if (!p)
		return;
	UNWIND_HERE(&regs);
	release_object(p, SLAB_API_MALLOC, SIZE_MAX, &regs);
}

/* Any size from what was asked for to sallocx's answer is right, so none is checked. */
MEMSAN_EXPORT void sdallocx(void *p, size_t size, int flags)
{
	struct unwind_regs regs;

	(void)size;
	(void)flags;
	if (!p)
		return;
	UNWIND_HERE(&regs);
	release_object(p, SLAB_API_MALLOC, SIZE_MAX, &regs);
}

MEMSAN_EXPORT size_t nallocx(size_t size, int flags)
{
	(void)flags;
	return size;
}
