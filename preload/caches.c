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
               MEMSAN_CACHE_POISON == SLAB_F_POISON && MEMSAN_CACHE_STORE_USER == SLAB_F_TRACK, "passed on as they are");
_Static_assert(MEMSAN_MAX_ORDER == SLAB_ORDER_MAX, "the public header says it");
_Static_assert(sizeof(struct memsan_shrink_control) == sizeof(struct slab_shrink) && MEMSAN_SHRINK_STOP == SLAB_SHRINK_STOP,
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

/* ---- caches -------------------------------------------------------------------------------------------------------------- */

/* As the kernel does: a small object need not have a line of its own, but shall not lie across two. */
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

	if (!name || !*name || !size || size > SLAB_CUSTOM_SIZE_MAX || (align && (!IS_POW2(align) || align > PAGE_SIZE)) ||
	    flags & ~PUBLIC_FLAGS)
		return fail(EINVAL);
	if (flags & MEMSAN_CACHE_HWCACHE_ALIGN)
		align = align_to_line(size, align);
	if (flags & MEMSAN_CACHE_TYPESAFE)
		inner_flags |= SLAB_F_TYPESAFE;
	struct slab_cache *c = runtime_state_now == RUNTIME_READY ? slab_custom_create(name, size, align, inner_flags, ctor) : NULL;
	return c ? c : fail(ENOMEM);
}

MEMSAN_EXPORT struct memsan_cache *memsan_cache_create(const char *name, size_t size, size_t align, unsigned flags, void (*ctor)(void *))
{
	runtime_ensure();
	thread_ensure();
	struct slab_cache *c = create(name, size, align, flags, ctor);
	if (!c && flags & MEMSAN_CACHE_PANIC) {
		report_line("memsan_cache_create: cannot create the cache '%s' of size %zu", name ? name : "(null)", size);
		abort();
	}
	return (struct memsan_cache *)c;
}

/* The one place where an object of a cache comes from; sets errno. */
static __attribute__((noinline)) void *cache_allocate(struct slab_cache *c, bool zero, const struct unwind_regs *regs)
{
	void *p = NULL;

	thread_ensure();
	if (unlikely(!slab_custom_check(c, regs)))
		return fail(EINVAL);
	if (unlikely(failslab_on) && failslab_should(slab_custom_name(c), slab_custom_size(c), regs))
		return fail(ENOMEM);
	if (unlikely(fence_wanted()) && !slab_custom_is_typesafe(c)) {
		p = fence_alloc(slab_custom_size(c), slab_custom_align(c), SLAB_API_CACHE, regs);
		if (p) {
			fence_set_owner(p, slab_custom_id(c));
			slab_custom_construct(c, p);
		}
	}
	if (likely(!p))
		p = slab_custom_alloc(c, zero, regs);
	if (unlikely(!p))
		return fail(ENOMEM);
	if (unlikely(leak_disabled))
		leak_allocated_unseen(p);
	return p;
}

static __attribute__((noinline)) void cache_release(struct slab_cache *c, void *p, const struct unwind_regs *regs)
{
	if (!p)
		return;
	thread_ensure();
	if (likely(!fence_contains(p))) {
		slab_custom_free(c, p, regs);
		return;
	}
	if (!slab_custom_check(c, regs))
		return;
	uint32_t owner = fence_owner(p);
	if (owner && owner != slab_custom_id(c))
		slab_custom_report_wrong(c, owner, p, regs);
	fence_free(p, SLAB_API_CACHE, SIZE_MAX, regs);
}

/* Fenced objects of a cache that is being destroyed. */
struct fenced { struct slab_cache *cache; size_t nr; bool tell; const struct unwind_regs *regs; };

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

/* How many objects remained. */
static size_t cache_destroy(struct slab_cache *c, const struct unwind_regs *regs)
{
	struct fenced f = { .cache = c, .nr = 0, .tell = false, .regs = regs };
	fence_for_each_live(fenced_visit, &f);
	size_t fenced = f.nr;
	f.nr = slab_custom_destroy(c, fenced, regs);
	f.tell = true;
	if (fenced && f.nr)
		fence_for_each_live(fenced_visit, &f);
	return f.nr;
}

MEMSAN_EXPORT void *memsan_cache_alloc(struct memsan_cache *c)
{
	void *p = slab_custom_alloc_fast(inner(c));
	if (likely(p))
		return p;
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	return cache_allocate(inner(c), false, &regs);
}

MEMSAN_EXPORT void *memsan_cache_zalloc(struct memsan_cache *c)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	thread_ensure();
	if (!slab_custom_check(inner(c), &regs) || slab_custom_has_ctor(inner(c)))
		return fail(EINVAL);
	return cache_allocate(inner(c), true, &regs);
}

MEMSAN_EXPORT size_t memsan_cache_alloc_bulk(struct memsan_cache *c, size_t n, void **objects)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	for (size_t i = 0; i < n; i++) {
		objects[i] = cache_allocate(inner(c), false, &regs);
		if (unlikely(!objects[i])) {
			while (i-- > 0)
				cache_release(inner(c), objects[i], &regs);
			return 0;
		}
	}
	return n;
}

MEMSAN_EXPORT void memsan_cache_free(struct memsan_cache *c, void *p)
{
	if (likely(slab_custom_free_fast(inner(c), p)))
		return;
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	cache_release(inner(c), p, &regs);
}

MEMSAN_EXPORT void memsan_cache_free_bulk(struct memsan_cache *c, size_t n, void *const *objects)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	for (size_t i = 0; i < n; i++)
		cache_release(inner(c), objects[i], &regs);
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
	UNWIND_HERE(&regs);
	if (!c)
		return 0;
	thread_ensure();
	if (!slab_custom_check(inner(c), &regs)) {
		errno = EINVAL;
		return -1;
	}
	if (!cache_destroy(inner(c), &regs))
		return 0;
	errno = EBUSY;
	return -1;
}

MEMSAN_EXPORT size_t memsan_cache_size(const struct memsan_cache *c)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	return slab_custom_check((const struct slab_cache *)c, &regs) ? slab_custom_size((const struct slab_cache *)c) : 0;
}

/* ---- kmalloc: malloc by another name ---------------------------------------------------------------------------------------------- */

#define API_ALLOCATE(name, params, overflow, size, zero)                                                     \
	MEMSAN_EXPORT void *name params                                                                      \
	{                                                                                                    \
		struct unwind_regs regs;                                                                     \
		size_t bytes;                                                                                \
		UNWIND_HERE(&regs);                                                                          \
		if (unlikely(overflow))                                                                      \
			return fail(ENOMEM);                                                                 \
		return malloc_allocate(size, zero, &regs);                                                   \
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
	return malloc_reallocate(p, size, &regs);
}

MEMSAN_EXPORT void memsan_kfree(void *p)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	if (p)
		malloc_release(p, &regs);
}

/* ---- vmalloc, kvmalloc ---------------------------------------------------------------------------------------------------------------- */

static void *vmalloc_allocate(size_t size, bool zero, const struct unwind_regs *regs)
{
	runtime_ensure();
	thread_ensure();
	if (!size)
		return fail(EINVAL);
	if (unlikely(failslab_on) && failslab_should("vmalloc", size, regs))
		return fail(ENOMEM);
	void *p = size <= PTRDIFF_MAX && runtime_state_now == RUNTIME_READY ? slab_vmalloc(size, zero, regs) : NULL;
	if (unlikely(!p))
		return fail(ENOMEM);
	if (unlikely(leak_disabled))
		leak_allocated_unseen(p);
	return p;
}

static void *kvmalloc_allocate(size_t size, bool zero, const struct unwind_regs *regs)
{
	return size <= SLAB_CLASS_MAX ? malloc_allocate(size, zero, regs) : vmalloc_allocate(size, zero, regs);
}

/* What is not `api`'s is reported. */
static void release_as(void *p, enum slab_api api, const struct unwind_regs *regs)
{
	if (!p)
		return;
	runtime_ensure();
	thread_ensure();
	if (unlikely(fence_contains(p)))
		fence_free(p, api, SIZE_MAX, regs);
	else
		slab_release(p, api, regs);
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
	release_as(p, SLAB_API_VMALLOC, &regs);
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
	return unlikely(__builtin_mul_overflow(n, size, &bytes)) ? fail(ENOMEM) : kvmalloc_allocate(bytes, false, &regs);
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
		release_as(p, SLAB_API_VMALLOC, &regs);
	else if (p)
		malloc_release(p, &regs);
}

/* ---- pages -------------------------------------------------------------------------------------------------------------------------------- */

static void *pages_allocate(unsigned order, bool zero, const struct unwind_regs *regs)
{
	runtime_ensure();
	thread_ensure();
	if (order > SLAB_ORDER_MAX)
		return fail(EINVAL);
	if (unlikely(failslab_on) && failslab_should("pages", PAGE_SIZE << order, regs))
		return fail(ENOMEM);
	void *p = runtime_state_now == RUNTIME_READY ? slab_pages_alloc(order, zero, regs) : NULL;
	if (unlikely(!p))
		return fail(ENOMEM);
	if (unlikely(leak_disabled))
		leak_allocated_unseen(p);
	return p;
}

MEMSAN_EXPORT void *memsan_alloc_pages(unsigned order)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	return pages_allocate(order, false, &regs);
}

MEMSAN_EXPORT void *memsan_get_zeroed_page(void)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	return pages_allocate(0, true, &regs);
}

MEMSAN_EXPORT void memsan_free_pages(void *p, unsigned order)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	if (!p)
		return;
	runtime_ensure();
	thread_ensure();
	if (unlikely(fence_contains(p)))
		fence_free(p, SLAB_API_PAGES, SIZE_MAX, &regs);
	else
		slab_pages_free(p, order, &regs);
}

MEMSAN_EXPORT unsigned memsan_get_order(size_t size)
{
	return size <= PAGE_SIZE ? 0 : 64 - (unsigned)__builtin_clzl((size - 1) >> PAGE_SHIFT);
}

/* ---- shrinkers ------------------------------------------------------------------------------------------------------------------------------ */

MEMSAN_EXPORT struct memsan_shrinker *memsan_shrinker_register(const char *name, unsigned long (*count)(void *data),
                                                               unsigned long (*scan)(void *data, struct memsan_shrink_control *control),
                                                               void *data)
{
	runtime_ensure();
	if (!name || !count || !scan)
		return fail(EINVAL);
	/* The two control structures are one by another name. */
	void *s = slab_shrinker_register(name, count, (unsigned long (*)(void *, struct slab_shrink *))(void (*)(void))scan, data);
	return s ? s : fail(ENOMEM);
}

MEMSAN_EXPORT void memsan_shrinker_unregister(struct memsan_shrinker *s)
{
	if (s && !slab_shrinker_unregister((struct slab_shrinker *)s))
		report_line("memsan_shrinker_unregister(%p): no such shrinker", (void *)s);
}

MEMSAN_EXPORT size_t memsan_shrink_all(void)
{
	runtime_ensure();
	size_t freed = slab_shrink_all();
	slab_trim(0);
	return freed;
}

/* ---- pools ---------------------------------------------------------------------------------------------------------------------------------- */

_Static_assert(MEMSAN_POOL_POISON == SLAB_MEMPOOL_POISON && MEMSAN_POOL_LEAKS == SLAB_MEMPOOL_LEAKS, "passed on as they are");

MEMSAN_EXPORT struct memsan_pool *memsan_pool_create(const char *name, size_t redzone, unsigned flags)
{
	runtime_ensure();
	if (!name || redzone > PAGE_SIZE || flags & ~(MEMSAN_POOL_POISON | MEMSAN_POOL_LEAKS))
		return fail(EINVAL);
	void *pool = slab_mempool_create(name, redzone, flags);
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
	thread_ensure();
	if (!slab_mempool_alloc((struct slab_mempool *)pool, p, size, &regs)) {
		errno = ENOMEM;
		return -1;
	}
	if (size && slab_mempool_tells_leaks((struct slab_mempool *)pool))
		leak_registered_alloc(p, size, &regs);
	else
		leak_registered_free(p); /* what another pool had there */
	return 0;
}

MEMSAN_EXPORT void memsan_pool_free(struct memsan_pool *pool, void *p)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	thread_ensure();
	if (!p)
		return;
	if (slab_mempool_owns((struct slab_mempool *)pool, p))
		leak_registered_free(p);
	slab_mempool_free((struct slab_mempool *)pool, p, &regs);
}

MEMSAN_EXPORT int memsan_pool_destroy(struct memsan_pool *pool)
{
	struct unwind_regs regs;
	UNWIND_HERE(&regs);
	if (!pool)
		return 0;
	if (slab_mempool_tells_leaks((struct slab_mempool *)pool))
		slab_mempool_each_live((struct slab_mempool *)pool, leak_registered_free);
	if (!slab_mempool_destroy((struct slab_mempool *)pool, &regs))
		return 0;
	errno = EBUSY;
	return -1;
}
