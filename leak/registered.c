/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/registered.c - registered objects: the program cuts them out of its own memory, and says so (kmemleak_alloc,
 * kmemleak_free). */
#include "leak/leak_internal.h"

/* A hash table by address.  The copy of the process reads the table without the lock, because an entry is linked only
 * when it is complete.  The copy may miss or still see an entry that is being removed; at that moment the thread that
 * removes the object holds a pointer to it.
 *
 * The program may give memory back as a whole without freeing the objects in it.  So a scan ignores an object that lies
 * neither in a live object nor in readable memory. */

#define ENTRIES_AT_ONCE 64u

/* Guards everything below. */
static struct ranked_lock registered_lock = RANKED_LOCK_INIT(LOCK_RANK_LEAK);
static struct leak_registered_object **buckets;
static struct leak_registered_object *spare;
static uint32_t nr_objects; /* readable without the lock */

static struct leak_registered_object **bucket_of(uint64_t addr)
{
	return &buckets[registered_bucket(addr)];
}

/* Under the lock. */
static struct leak_registered_object *entry_new(void)
{
	struct leak_registered_object *e = spare;

	if (!buckets)
		__atomic_store_n(&buckets, meta_alloc(REGISTERED_BUCKETS * sizeof(*buckets), COST_LEAK),
		                 __ATOMIC_RELEASE);
	if (!buckets)
		return NULL;
	if (e) {
		spare = e->next;
		return e;
	}
	e = meta_alloc(ENTRIES_AT_ONCE * sizeof(*e), COST_LEAK);
	for (uint32_t i = 1; e && i < ENTRIES_AT_ONCE; i++) {
		e[i].next = spare;
		spare = &e[i];
	}
	return e;
}

static struct leak_registered_object *entry_find(uint64_t addr)
{
	struct leak_registered_object *e = buckets ? __atomic_load_n(bucket_of(addr), __ATOMIC_ACQUIRE) : NULL;

	while (e && e->addr != addr)
		e = e->next;
	return e;
}

void leak_registered_alloc(const void *p, size_t size, const struct unwind_regs *regs)
{
	stack_handle stack = unwind_save(regs);
	uint32_t thread = thread_index();
	struct leak_registered_object *e;
	bool fresh;

	lock_register_for_fork(&registered_lock);
	if (lock_mine(&registered_lock))
		return; /* a signal handler that interrupted this function */
	lock_acquire(&registered_lock);
	e = entry_find((uintptr_t)p);
	fresh = !e;
	if (fresh)
		e = entry_new();
	if (e) {
		e->addr = (uintptr_t)p;
		e->size = size;
		e->stack = stack;
		e->thread = thread;
		e->when = jiffies_now();
	}
	if (e && fresh) {
		e->next = *bucket_of(e->addr);
		__atomic_store_n(bucket_of(e->addr), e, __ATOMIC_RELEASE);
		__atomic_fetch_add(&nr_objects, 1, __ATOMIC_RELAXED);
	}
	lock_release(&registered_lock);
}

void leak_registered_free(const void *p)
{
	if (!__atomic_load_n(&nr_objects, __ATOMIC_RELAXED) || lock_mine(&registered_lock))
		return;
	lock_acquire(&registered_lock);
	for (struct leak_registered_object **at = bucket_of((uintptr_t)p); *at; at = &(*at)->next) {
		struct leak_registered_object *e = *at;
		if (e->addr != (uintptr_t)p)
			continue;
		__atomic_store_n(at, e->next, __ATOMIC_RELEASE);
		e->addr = 0;
		e->next = spare;
		spare = e;
		__atomic_fetch_sub(&nr_objects, 1, __ATOMIC_RELAXED);
		break;
	}
	lock_release(&registered_lock);
}

bool leak_registered_find(uint64_t addr, struct slab_object *o)
{
	const struct leak_registered_object *e = __atomic_load_n(&nr_objects, __ATOMIC_RELAXED) ? entry_find(addr)
	                                                                                        : NULL;
	struct slab_object named;

	if (!e)
		return false;
	registered_describe(e, o);
	/* memsan_pool_alloc's objects have their pool's name */
	if (slab_find_object(addr, &named) && named.api == SLAB_API_POOL)
		str_copy(o->cache, named.cache, sizeof(o->cache));
	return true;
}

bool leak_registered_around(uint64_t addr, struct slab_object *o)
{
	if (!__atomic_load_n(&nr_objects, __ATOMIC_RELAXED))
		return false;
	for (uint32_t i = 0; i < REGISTERED_BUCKETS; i++)
		for (const struct leak_registered_object *e = __atomic_load_n(&buckets[i], __ATOMIC_ACQUIRE); e;
		     e = e->next) {
			uint64_t start = READ_ONCE(e->addr);
			if (start && addr - start < e->size && leak_registered_find(start, o))
				return true;
		}
	return false;
}

/* Reports do not ask for registered objects: they describe the memory around. */
static const struct object_source source = {
	.within = true,
	.layout = {
		.name = REGISTERED_LAYOUT,
		.state = (uintptr_t)&buckets,
		.nr = REGISTERED_BUCKETS,
		.state_size = sizeof(buckets[0]),
		.object_size = sizeof(struct leak_registered_object),
	},
};

void registered_init(void)
{
	object_source_register(&source);
}
