/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/guard_slab.c - quarantine that grows stronger: a slab whose objects are all freed becomes guarded address
 * space. */
#include "slab/budget.h"
#include "slab/cache.h"
#include "slab/guard_slab.h"
#include "slab/redzone.h"
#include "slab/slab.h"

/*     slab in use ──last object queued──► verified, guarded as a whole ──over budget──► buddy (clean)
 *     objects held, bytes in memory       objects held, any use faults, no memory
 *
 * A guard region (MADV_GUARD_INSTALL) drops the pages. So a guarded slab costs only its descriptor with the tracks,
 * about a fifth of the cost of its bytes, and the same budget holds back several times as many objects. Even a use by
 * code that is not instrumented faults. Poison and red zones are verified first, because the bytes are gone afterwards.
 * The descriptor keeps the held bits and the tracks, so that slab_find_object still knows every object.
 *
 * Guarding a slab and building it anew later costs about 3 us, and up to 2 us for each page (the guard, a fault, and
 * the page filled anew). A program that fills and empties slabs in a loop would do little else. So a jiffy adds
 * GUARDED_A_JIFFY pages (a percent of the time) to those that may be guarded, up to GUARDED_AT_ONCE. The objects of
 * other slabs leave the quarantine one by one.
 *
 * Without guard regions in the kernel no slab is guarded: each would be a mapping of its own, and the number of
 * mappings is limited. */

/* Pages. */
#define GUARDED_A_JIFFY 40
#define GUARDED_AT_ONCE 160

/* All under quarantine_lock. */
static struct slab *oldest, *newest; /* guarded slabs, linked by next */
static uint64_t metadata_bytes, guarded_bytes;
static uint32_t guard_jiffy, guard_allowed = GUARDED_AT_ONCE;

/* A thread's jiffies may be older than another's. */
static void guard_allow(uint32_t now)
{
	uint32_t passed = (int32_t)(now - guard_jiffy) > 0 ? now - guard_jiffy : 0;

	if (!passed)
		return;
	guard_jiffy = now;
	guard_allowed += MIN(passed, (uint32_t)GUARDED_AT_ONCE) * GUARDED_A_JIFFY;
	guard_allowed = MIN(guard_allowed, (uint32_t)GUARDED_AT_ONCE);
}

bool guard_slab_admit(const struct slab_cache *c)
{
	if (!c->held || cache_is_zero(c) || !os_guard_supported())
		return false;
	guard_allow(jiffies_now());
	if (c->nr_pages > guard_allowed)
		return false;
	guard_allowed -= c->nr_pages;
	return true;
}

uint64_t guard_slab_metadata(void)
{
	return metadata_bytes;
}

static size_t slab_bytes(const struct slab *s)
{
	return (size_t)s->cache->nr_pages << PAGE_SHIFT;
}

/* All objects of the slab belong to the caller: since they were marked, evict skips them. cache_detach_guarded keeps
 * out slab_check_all, which reads under the cache lock, before the bytes go away. */
void guard_slab(struct slab *s, const struct unwind_regs *regs)
{
	struct slab_cache *c = s->cache;
	uint32_t i;

	for (i = 0; i < c->nr_objects; i++) {
		uintptr_t object = slab_object_at(c, s, i);

		poison_verify(c, s, i, object, SLAB_AT_QUARANTINE_EXIT, regs);
		redzones_verify(c, s, i, object, object, c->object_size, SLAB_AT_QUARANTINE_EXIT, regs);
	}
	cache_detach_guarded(c, s);
	if (!os_guard_install((void *)s->base, slab_bytes(s)))
		os_decommit((void *)s->base, slab_bytes(s));
}

void guard_slab_keep(struct slab *s)
{
	s->next = NULL;
	if (newest)
		newest->next = s;
	else
		oldest = s;
	newest = s;
	metadata_bytes += cache_descriptor_size(s->cache);
	guarded_bytes += slab_bytes(s);
}

struct slab *guard_slab_take_oldest(bool all, const struct slab_cache *of)
{
	struct slab *s, *before = NULL;
	bool over;

	over = budget_guarded_exceeded(metadata_bytes, guarded_bytes);
	for (s = all || over ? oldest : NULL; s && (s->nr_queued || (of && s->cache != of)); s = s->next)
		before = s;
	if (s) {
		if (before)
			before->next = s->next;
		else
			oldest = s->next;
		if (newest == s)
			newest = before;
		metadata_bytes -= cache_descriptor_size(s->cache);
		guarded_bytes -= slab_bytes(s);
	}
	return s;
}

void guard_slab_give_up(struct slab *s)
{
	if (s->opened) {
		os_decommit((void *)s->base, slab_bytes(s));
		slab_guard_count_closed();
	}
	/* Pages that cannot be made accessible again are lost to the heap. */
	if (os_guard_remove((void *)s->base, slab_bytes(s)))
		cache_free_guarded(s->cache, s);
}
