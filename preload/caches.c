/* SPDX-License-Identifier: BSD-2-Clause */
/* preload/caches.c - the kernel's allocators by memsan's names: slab caches, kmalloc and vmalloc, pages, shrinkers. */
#include "preload/preload.h"

#include "preload/memsan.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#define CACHE_LINE 64u
#define PUBLIC_FLAGS 0xffu

_Static_assert(MEMSAN_CACHE_CONSISTENCY_CHECKS == SLAB_F_SANITY && MEMSAN_CACHE_RED_ZONE == SLAB_F_REDZONE &&
                       MEMSAN_CACHE_POISON == SLAB_F_POISON && MEMSAN_CACHE_STORE_USER == SLAB_F_TRACK,
               "passed on as they are");
_Static_assert(MEMSAN_MAX_ORDER == SLAB_ORDER_MAX, "the public header says it");
_Static_assert(sizeof(struct memsan_shrink_control) == sizeof(struct slab_shrink) &&
                       MEMSAN_SHRINK_STOP == SLAB_SHRINK_STOP,
               "passed on as they are");

static struct slab_cache *inner(struct memsan_cache *c)
{
	return (struct slab_cache *)c;
}

static void *fail(int error)
{
	errno = error;
	return NULL;
}

/* ---- caches ---------------------------------------------------------------------------------- */

/* As the kernel does: a small object may share a cache line, but must not lie across two. */
static size_t align_to_line(size_t size, size_t align)
{
	size_t line = CACHE_LINE;

	while (size <= line / 2 && line > 16)
		line /= 2;
	return MAX(align, line);
}

static struct slab_cache *create(const char *name, size_t size, size_t align, unsigned flags, void (*ctor)(void *))
{
	unsigned inner_flags = flags & (SLAB_F_SANITY | SLAB_F_REDZONE | SLAB_F_POISON | SLAB_F_TRACK);
	struct slab_cache *c;

	if (!name || !*name || !size || size > SLAB_CUSTOM_SIZE_MAX ||
	    (align && (!IS_POW2(align) || align > PAGE_SIZE)) || flags & ~PUBLIC_FLAGS)
		return fail(EINVAL);
	if (flags & MEMSAN_CACHE_HWCACHE_ALIGN)
		align = align_to_line(size, align);
	if (flags & MEMSAN_CACHE_TYPESAFE)
		inner_flags |= SLAB_F_TYPESAFE;
	c = runtime_state_now == RUNTIME_READY ? slab_custom_create(name, size, align, inner_flags, ctor) : NULL;
	return c ? c : fail(ENOMEM);
}

MEMSAN_EXPORT struct memsan_cache *memsan_cache_create(const char *name, size_t size, size_t align, unsigned flags,
                                                       void (*ctor)(void *))
{
	struct slab_cache *c;

	runtime_attach();
	c = create(name, size, align, flags, ctor);
	if (!c && flags & MEMSAN_CACHE_PANIC) {
		report_line("memsan_cache_create: cannot create the cache '%s' of size %zu", name ? name : "(null)",
		            size);
		abort();
	}
	return (struct memsan_cache *)c;
}

/* Visits the fenced objects of a cache that is being destroyed: counts them, then reports them. */
struct fenced {
	struct slab_cache *cache;
	size_t nr;
	bool tell;
	const struct unwind_regs *regs;
};

static void fenced_visit(void *ctx, uintptr_t addr, size_t size)
{
	struct fenced *f = ctx;
	(void)size;
	if (fence_owner((void *)addr) != slab_custom_id(f->cache))
		return;
	if (f->tell)
		slab_custom_report_remaining(f->cache, (void *)addr, f->nr, f->regs);
	else
		f->nr++;
}

/* Returns the number of objects that remained. */
static size_t cache_destroy(struct slab_cache *c, const struct unwind_regs *regs)
{
	struct fenced f = { .cache = c, .nr = 0, .tell = false, .regs = regs };
	size_t fenced;

	fence_for_each_live(fenced_visit, &f);
	fenced = f.nr;
	f.nr = slab_custom_destroy(c, fenced, regs);
	f.tell = true;
	if (fenced && f.nr)
		fence_for_each_live(fenced_visit, &f);
	return f.nr;
}

MEMSAN_EXPORT void *memsan_cache_alloc(struct memsan_cache *c)
{
	void *p = slab_custom_alloc_fast(inner(c));
	struct unwind_regs regs;

	if (likely(p))
		return p;
	UNWIND_HERE(&regs);
	return allocate_cached(inner(c), false, &regs);
}

MEMSAN_EXPORT void *memsan_cache_zalloc(struct memsan_cache *c)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	runtime_attach();
	if (!slab_custom_check(inner(c), &regs) || slab_custom_has_ctor(inner(c)))
		return fail(EINVAL);
	return allocate_cached(inner(c), true, &regs);
}

MEMSAN_EXPORT size_t memsan_cache_alloc_bulk(struct memsan_cache *c, size_t n, void **objects)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	for (size_t i = 0; i < n; i++) {
		objects[i] = allocate_cached(inner(c), false, &regs);
		if (unlikely(!objects[i])) {
			while (i-- > 0)
				release_cached(inner(c), objects[i], &regs);
			return 0;
		}
	}
	return n;
}

MEMSAN_EXPORT void memsan_cache_free(struct memsan_cache *c, void *p)
{
	struct unwind_regs regs;

	if (likely(slab_custom_free_fast(inner(c), p)))
		return;
	UNWIND_HERE(&regs);
	if (p)
		release_cached(inner(c), p, &regs);
}

MEMSAN_EXPORT void memsan_cache_free_bulk(struct memsan_cache *c, size_t n, void *const *objects)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	for (size_t i = 0; i < n; i++)
		if (objects[i])
			release_cached(inner(c), objects[i], &regs);
}

MEMSAN_EXPORT size_t memsan_cache_shrink(struct memsan_cache *c)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	if (!slab_custom_check(inner(c), &regs))
		return 0;
	return slab_custom_shrink(inner(c), &regs) << PAGE_SHIFT;
}

MEMSAN_EXPORT int memsan_cache_destroy(struct memsan_cache *c)
{
	struct unwind_regs regs;
	int error = 0;

	UNWIND_HERE(&regs);
	if (!c)
		return 0;
	if (!runtime_enter()) {
		errno = EBUSY;
		return -1;
	}
	report_batch_begin();
	if (!slab_custom_check(inner(c), &regs))
		error = EINVAL;
	else if (cache_destroy(inner(c), &regs))
		error = EBUSY;
	report_batch_end();
	runtime_leave();
	if (!error)
		return 0;
	errno = error;
	return -1;
}

MEMSAN_EXPORT size_t memsan_cache_size(const struct memsan_cache *c)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	return slab_custom_check((const struct slab_cache *)c, &regs) ? slab_custom_size((const struct slab_cache *)c)
	                                                              : 0;
}

/* ---- kmalloc: malloc by another name --------------------------------------------------------- */

#define API_ALLOCATE(name, params, overflow, size, zero)                               \
	MEMSAN_EXPORT void *name params                                                \
	{                                                                              \
		struct unwind_regs regs;                                               \
		size_t bytes;                                                          \
		UNWIND_HERE(&regs);                                                    \
		if (unlikely(overflow))                                                \
			return fail(ENOMEM);                                           \
		return allocate_object(size, MIN_ALIGN, SLAB_API_MALLOC, zero, &regs); \
	}
API_ALLOCATE(memsan_kmalloc, (size_t size), (bytes = size, false), bytes, false)
API_ALLOCATE(memsan_kzalloc, (size_t size), (bytes = size, false), bytes, true)
API_ALLOCATE(memsan_kmalloc_array, (size_t n, size_t size), __builtin_mul_overflow(n, size, &bytes), bytes, false)
API_ALLOCATE(memsan_kcalloc, (size_t n, size_t size), __builtin_mul_overflow(n, size, &bytes), bytes, true)
#undef API_ALLOCATE

MEMSAN_EXPORT void *memsan_krealloc(void *p, size_t size)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	return reallocate_object(p, size, &regs);
}

MEMSAN_EXPORT void memsan_kfree(void *p)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	if (p)
		release_object(p, SLAB_API_MALLOC, SIZE_MAX, &regs);
}

/* ---- vmalloc, kvmalloc ----------------------------------------------------------------------- */

static void *vmalloc_allocate(size_t size, bool zero, const struct unwind_regs *regs)
{
	return size ? allocate_vmalloc(size, zero, regs) : fail(EINVAL);
}

static void *kvmalloc_allocate(size_t size, bool zero, const struct unwind_regs *regs)
{
	if (size <= SLAB_CLASS_MAX)
		return allocate_object(size, MIN_ALIGN, SLAB_API_MALLOC, zero, regs);
	return allocate_vmalloc(size, zero, regs);
}

MEMSAN_EXPORT void *memsan_vmalloc(size_t size)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	return vmalloc_allocate(size, false, &regs);
}

MEMSAN_EXPORT void *memsan_vzalloc(size_t size)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	return vmalloc_allocate(size, true, &regs);
}

MEMSAN_EXPORT void memsan_vfree(void *p)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	if (p)
		release_vmalloc(p, &regs);
}

MEMSAN_EXPORT void *memsan_kvmalloc(size_t size)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	return kvmalloc_allocate(size, false, &regs);
}

MEMSAN_EXPORT void *memsan_kvzalloc(size_t size)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	return kvmalloc_allocate(size, true, &regs);
}

MEMSAN_EXPORT void *memsan_kvmalloc_array(size_t n, size_t size)
{
	struct unwind_regs regs;
	size_t bytes;
	UNWIND_HERE(&regs);
	return unlikely(__builtin_mul_overflow(n, size, &bytes)) ? fail(ENOMEM)
	                                                         : kvmalloc_allocate(bytes, false, &regs);
}

MEMSAN_EXPORT void *memsan_kvcalloc(size_t n, size_t size)
{
	struct unwind_regs regs;
	size_t bytes;
	UNWIND_HERE(&regs);
	return unlikely(__builtin_mul_overflow(n, size, &bytes)) ? fail(ENOMEM) : kvmalloc_allocate(bytes, true, &regs);
}

MEMSAN_EXPORT void memsan_kvfree(void *p)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	if (p && slab_is_vmalloc(p))
		release_vmalloc(p, &regs);
	else if (p)
		release_object(p, SLAB_API_MALLOC, SIZE_MAX, &regs);
}

/* ---- pages ----------------------------------------------------------------------------------- */

MEMSAN_EXPORT void *memsan_alloc_pages(unsigned order)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	return order <= SLAB_ORDER_MAX ? allocate_pages(order, false, &regs) : fail(EINVAL);
}

MEMSAN_EXPORT void *memsan_get_zeroed_page(void)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	return allocate_pages(0, true, &regs);
}

MEMSAN_EXPORT void memsan_free_pages(void *p, unsigned order)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	if (p)
		release_pages(p, order, &regs);
}

MEMSAN_EXPORT unsigned memsan_get_order(size_t size)
{
	return size <= PAGE_SIZE ? 0 : 64 - (unsigned)__builtin_clzl((size - 1) >> PAGE_SHIFT);
}

/* ---- shrinkers ------------------------------------------------------------------------------- */

MEMSAN_EXPORT struct memsan_shrinker *memsan_shrinker_register(
	const char *name, unsigned long (*count)(void *data),
	unsigned long (*scan)(void *data, struct memsan_shrink_control *control), void *data)
{
	void *s;

	runtime_ensure();
	if (!name || !count || !scan)
		return fail(EINVAL);
	/* The two control structures have the same layout. */
	s = slab_shrinker_register(name, count, (unsigned long (*)(void *, struct slab_shrink *))(void (*)(void))scan,
	                           data);
	return s ? s : fail(ENOMEM);
}

MEMSAN_EXPORT void memsan_shrinker_unregister(struct memsan_shrinker *s)
{
	if (s && !slab_shrinker_unregister((struct slab_shrinker *)s))
		report_line("memsan_shrinker_unregister(%p): no such shrinker", (void *)s);
}

MEMSAN_EXPORT size_t memsan_shrink_all(void)
{
	size_t freed;

	if (!runtime_enter())
		return 0;
	freed = slab_shrink_all();
	slab_trim(0);
	runtime_leave();
	return freed;
}

/* ---- pools ----------------------------------------------------------------------------------- */

_Static_assert(MEMSAN_POOL_POISON == SLAB_MEMPOOL_POISON && MEMSAN_POOL_LEAKS == SLAB_MEMPOOL_LEAKS,
               "passed on as they are");

MEMSAN_EXPORT struct memsan_pool *memsan_pool_create(const char *name, size_t redzone, unsigned flags)
{
	void *pool;

	runtime_ensure();
	if (!name || redzone > PAGE_SIZE || flags & ~(MEMSAN_POOL_POISON | MEMSAN_POOL_LEAKS))
		return fail(EINVAL);
	pool = slab_mempool_create(name, redzone, flags);
	return pool ? pool : fail(ENOMEM);
}

MEMSAN_EXPORT int memsan_pool_add(struct memsan_pool *pool, void *mem, size_t size)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	if (size < 16 || slab_mempool_add((struct slab_mempool *)pool, mem, size, &regs))
		return 0;
	errno = ENOMEM;
	return -1;
}

MEMSAN_EXPORT int memsan_pool_alloc(struct memsan_pool *pool, void *p, size_t size)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	runtime_attach();
	if (!slab_mempool_alloc((struct slab_mempool *)pool, p, size, &regs)) {
		errno = ENOMEM;
		return -1;
	}
	if (size && slab_mempool_tells_leaks((struct slab_mempool *)pool)) {
		leak_registered_alloc(p, size, &regs);
		if (unlikely(leak_disabled))
			leak_annotate(p, LEAK_NOTE_NOT_LEAK);
	} else {
		leak_registered_free(p); /* an object of another pool may have been here */
	}
	return 0;
}

MEMSAN_EXPORT void memsan_pool_free(struct memsan_pool *pool, void *p)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	runtime_attach();
	if (!p)
		return;
	if (slab_mempool_owns((struct slab_mempool *)pool, p))
		leak_registered_free(p);
	slab_mempool_free((struct slab_mempool *)pool, p, &regs);
}

MEMSAN_EXPORT int memsan_pool_destroy(struct memsan_pool *pool)
{
	struct unwind_regs regs;
	size_t remain;

	UNWIND_HERE(&regs);
	if (!pool)
		return 0;
	if (slab_mempool_tells_leaks((struct slab_mempool *)pool))
		slab_mempool_each_live((struct slab_mempool *)pool, leak_registered_free);
	report_batch_begin();
	remain = slab_mempool_destroy((struct slab_mempool *)pool, &regs);
	report_batch_end();
	if (!remain)
		return 0;
	errno = EBUSY;
	return -1;
}
