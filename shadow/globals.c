/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/globals.c - the registry of instrumented globals.  Their red zones are poisoned while their module is loaded.
 *
 * Compilers put each global into a slot with a red zone behind it.  A constructor of each object file passes us an
 * array of descriptions, and a destructor passes it again when the module is unloaded.  Only the addresses of the
 * arrays are remembered; the arrays themselves stay in the module.
 */
#include "shadow/shadow_internal.h"

struct registered {
	struct asan_global *first; /* NULL: the entry is free for another array */
	size_t n;
	struct registered *next;
};

/* Guards the list.  Entries are never freed, so a report may walk the list without the lock. */
static struct ranked_lock globals_lock = RANKED_LOCK_INIT(LOCK_RANK_LEAF);
static struct registered *all;

static void remember(struct asan_global *g, size_t n, struct registered *fresh)
{
	struct registered *e;
	lock_acquire(&globals_lock);
	for (e = all; e && e->first; e = e->next)
		;
	if (!e && fresh) {
		e = fresh;
		e->next = all;
		__atomic_store_n(&all, e, __ATOMIC_RELEASE);
	}
	if (e) {
		e->n = n;
		__atomic_store_n(&e->first, g, __ATOMIC_RELEASE);
	}
	lock_release(&globals_lock);
}

static bool forget(const struct asan_global *g)
{
	struct registered *e;
	lock_acquire(&globals_lock);
	for (e = all; e && e->first != g; e = e->next)
		;
	if (e)
		__atomic_store_n(&e->first, NULL, __ATOMIC_RELEASE);
	lock_release(&globals_lock);
	return e != NULL;
}

static void poison_one(const struct asan_global *g)
{
	uintptr_t end = g->beg + g->size, granule = ALIGN_DOWN(end, SHADOW_GRANULE),
		  stop = g->beg + g->size_with_redzone;
	if (g->beg & GRANULE_MASK || stop < end || !map_has_shadow(g->beg) || !map_has_shadow(stop))
		return;
	if (granule < end) {
		shadow_set(granule, (uint8_t)(end - granule));
		granule += SHADOW_GRANULE;
	}
	if (stop > granule)
		shadow_poison(granule, stop - granule, SHADOW_GLOBAL_REDZONE);
}

void globals_register(struct asan_global *g, size_t n)
{
	if (!n)
		return;
	map_require_full();
	if (map_state != MAP_FULL)
		return;
	for (size_t i = 0; i < n; i++)
		poison_one(&g[i]);
	remember(g, n, meta_alloc(sizeof(struct registered), COST_SHADOW));
}

void globals_unregister(struct asan_global *g, size_t n)
{
	if (!n || !forget(g))
		return;
	for (size_t i = 0; i < n; i++)
		if (!(g[i].beg & GRANULE_MASK) && map_has_shadow(g[i].beg))
			shadow_unpoison(g[i].beg, ALIGN_UP(g[i].size_with_redzone, SHADOW_GRANULE));
}

/* A module that was unmapped without unregistering leaves an array that cannot be read, so os_safe_read copies the
 * description. */
bool globals_find(uintptr_t addr, struct asan_global *found)
{
	for (struct registered *e = __atomic_load_n(&all, __ATOMIC_ACQUIRE); e; e = e->next) {
		struct asan_global *first = __atomic_load_n(&e->first, __ATOMIC_ACQUIRE);
		for (size_t i = 0; first && i < e->n; i++) {
			if (os_safe_read(found, &first[i], sizeof(*found)) != sizeof(*found))
				break;
			if (addr >= found->beg && addr - found->beg < found->size_with_redzone)
				return true;
		}
	}
	return false;
}
