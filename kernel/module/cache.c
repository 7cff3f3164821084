// SPDX-License-Identifier: GPL-2.0-only
/* kernel/module/cache.c - bugs with slab caches and mempools, and bugs made for SLUB's own checks. */
#include "memsan_bugs.h"

#include <linux/atomic.h>
#include <linux/mempool.h>
#include <linux/rcupdate.h>

#define SIZE 200

static void fill(void *object)
{
	memset(object, 0x11, SIZE);
}

/* Each bug gets its own cache.  SLUB does not take back an object that it has reported, and destroying the cache would
 * then cause a second report, so such a cache stays.  The number keeps the names unique. */
static struct kmem_cache *cache_make(const char *what, size_t size, void (*ctor)(void *))
{
	static atomic_t number = ATOMIC_INIT(0);
	char name[40];

	snprintf(name, sizeof(name), "memsan_%s_%d", what, atomic_inc_return(&number));
	return kmem_cache_create(name, size, 0, 0, ctor);
}

int bug_cache_oob(void)
{
	struct kmem_cache *cache = cache_make("oob", SIZE, NULL);
	char *p = cache ? hidden(kmem_cache_alloc(cache, GFP_KERNEL)) : NULL;

	if (p) {
		p[SIZE] = 'x';
		kmem_cache_free(cache, p);
	}
	return p ? 0 : -ENOMEM;
}

int bug_cache_ctor_oob(void)
{
	struct kmem_cache *cache = cache_make("ctor_oob", SIZE, fill);
	char *p = cache ? hidden(kmem_cache_alloc(cache, GFP_KERNEL)) : NULL;

	if (p) {
		p[-1] = 'x';
		kmem_cache_free(cache, p);
	}
	return p ? 0 : -ENOMEM;
}

/* Writes to a freed object while a second object keeps the slab from being freed. */
static __always_inline int write_after_free(struct kmem_cache *cache)
{
	char *other = cache ? kmem_cache_alloc(cache, GFP_KERNEL) : NULL;
	char *p = other ? hidden(kmem_cache_alloc(cache, GFP_KERNEL)) : NULL;

	if (p) {
		kmem_cache_free(cache, p);
		hidden(p)[100] = 'x';
	}
	if (other)
		kmem_cache_free(cache, other);
	kmem_cache_destroy(cache);
	return p ? 0 : -ENOMEM;
}

int bug_cache_uaf(void)
{
	return write_after_free(cache_make("uaf", SIZE, NULL));
}

int bug_cache_ctor_uaf(void)
{
	return write_after_free(cache_make("ctor_uaf", SIZE, fill));
}

int bug_cache_double_free(void)
{
	struct kmem_cache *cache = cache_make("double_free", SIZE, NULL);
	char *other = cache ? kmem_cache_alloc(cache, GFP_KERNEL) : NULL;
	char *p = other ? hidden(kmem_cache_alloc(cache, GFP_KERNEL)) : NULL;

	if (p) {
		kmem_cache_free(cache, p);
		kmem_cache_free(cache, hidden(p));
	}
	return p ? 0 : -ENOMEM;
}

int bug_cache_invalid_free(void)
{
	struct kmem_cache *cache = cache_make("invalid_free", SIZE, NULL);
	char *p = cache ? hidden(kmem_cache_alloc(cache, GFP_KERNEL)) : NULL;

	if (p) {
		kmem_cache_free(cache, hidden(p) + 16);
		kmem_cache_free(cache, p);
	}
	kmem_cache_destroy(cache);
	return p ? 0 : -ENOMEM;
}

int bug_cache_wrong_cache(void)
{
	struct kmem_cache *right = cache_make("right", SIZE, NULL), *wrong = cache_make("wrong", 80, NULL);
	char *p = right && wrong ? hidden(kmem_cache_alloc(right, GFP_KERNEL)) : NULL;

	if (p)
		kmem_cache_free(wrong, p);
	kmem_cache_destroy(wrong);
	kmem_cache_destroy(right);
	return p ? 0 : -ENOMEM;
}

int bug_cache_destroy_busy(void)
{
	struct kmem_cache *cache = cache_make("busy", SIZE, NULL);
	char *p = cache ? hidden(kmem_cache_alloc(cache, GFP_KERNEL)) : NULL;

	kmem_cache_destroy(cache);
	return p ? 0 : -ENOMEM;
}

int bug_cache_bulk_oob(void)
{
	struct kmem_cache *cache = cache_make("bulk", SIZE, NULL);
	void *objects[8];
	bool done = false;

	if (cache && kmem_cache_alloc_bulk(cache, GFP_KERNEL, ARRAY_SIZE(objects), objects)) {
		((char *)hidden(objects[3]))[SIZE] = 'x';
		kmem_cache_free_bulk(cache, ARRAY_SIZE(objects), objects);
		done = true;
	}
	return done ? 0 : -ENOMEM;
}

int bug_cache_bulk_double_free(void)
{
	struct kmem_cache *cache = cache_make("bulk_double", SIZE, NULL);
	void *objects[4];
	bool done = false;

	if (cache && kmem_cache_alloc_bulk(cache, GFP_KERNEL, ARRAY_SIZE(objects), objects)) {
		void *twice[2] = { objects[0], objects[1] };

		kmem_cache_free_bulk(cache, ARRAY_SIZE(twice), twice);
		twice[0] = objects[2];
		twice[1] = objects[1];
		kmem_cache_free_bulk(cache, ARRAY_SIZE(twice), twice);
		kmem_cache_free(cache, objects[3]);
		done = true;
	}
	return done ? 0 : -ENOMEM;
}

int bug_mempool_oob(void)
{
	mempool_t *pool = mempool_create_kmalloc_pool(2, 64);
	char *p = pool ? hidden((char *)mempool_alloc(pool, GFP_KERNEL)) : NULL;

	if (p) {
		p[64] = 'x';
		mempool_free(p, pool);
	}
	mempool_destroy(pool);
	return p ? 0 : -ENOMEM;
}

/* A pool keeps a freed element only while it holds fewer than its minimum; otherwise it frees the element.  So the
 * minimum is set to one more than the pool holds.  Its table has the room, because the pool was larger before. */
int bug_mempool_uaf(void)
{
	mempool_t *pool = mempool_create_kmalloc_pool(4, 64);
	char *p = pool ? hidden((char *)mempool_alloc(pool, GFP_KERNEL)) : NULL;

	if (p) {
		mempool_resize(pool, 2);
		pool->min_nr = 3;
		mempool_free(p, pool);
		hidden(p)[20] = 'x';
	}
	mempool_destroy(pool);
	return p ? 0 : -ENOMEM;
}

int bug_mempool_double_free(void)
{
	mempool_t *pool = mempool_create_kmalloc_pool(4, 64);
	char *p = pool ? hidden((char *)mempool_alloc(pool, GFP_KERNEL)) : NULL;

	if (p) {
		mempool_resize(pool, 2);
		pool->min_nr = 4;
		mempool_free(p, pool);
		mempool_free(hidden(p), pool);
	}
	mempool_destroy(pool);
	return p ? 0 : -ENOMEM;
}

int bug_cache_typesafe_uaf(void)
{
	struct kmem_cache *cache = kmem_cache_create("memsan_typesafe", SIZE, 0, SLAB_TYPESAFE_BY_RCU, NULL);
	char *p = cache ? hidden((char *)kmem_cache_alloc(cache, GFP_KERNEL)) : NULL;

	if (p) {
		rcu_read_lock();
		kmem_cache_free(cache, p);
		hidden(p)[20] = 'x';
		rcu_read_unlock();
	}
	kmem_cache_destroy(cache);
	return p ? 0 : -ENOMEM;
}

int bug_slub_poison_alloc(void)
{
	struct kmem_cache *cache = cache_make("poison", SIZE, NULL);
	char *p = cache ? hidden(kmem_cache_alloc(cache, GFP_KERNEL)) : NULL;
	void *again[64];
	int i;

	if (p) {
		kmem_cache_free(cache, p);
		hidden(p)[30] = 'x';
		for (i = 0; i < ARRAY_SIZE(again); i++)
			again[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		for (i = 0; i < ARRAY_SIZE(again); i++)
			if (again[i])
				kmem_cache_free(cache, again[i]);
	}
	return p ? 0 : -ENOMEM;
}

/* With slub_debug=ZP a red zone of 8 bytes follows the object of 64 bytes, and then the free pointer. */
int bug_slub_free_pointer(void)
{
	struct kmem_cache *cache = cache_make("freepointer", 64, NULL);
	char *other = cache ? kmem_cache_alloc(cache, GFP_KERNEL) : NULL;
	char *p = other ? hidden(kmem_cache_alloc(cache, GFP_KERNEL)) : NULL;

	if (p) {
		kmem_cache_free(cache, p);
		*(unsigned long *)(hidden(p) + 72) = 0x1234567812345678;
	}
	if (other)
		kmem_cache_free(cache, other);
	return p ? 0 : -ENOMEM;
}

int bug_slub_redzone_far(void)
{
	struct kmem_cache *cache = cache_make("redzone", 64, NULL);
	char *p = cache ? hidden(kmem_cache_alloc(cache, GFP_KERNEL)) : NULL;

	if (p) {
		p[71] = 'x';
		kmem_cache_free(cache, p);
	}
	return p ? 0 : -ENOMEM;
}
