/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/stats.c - counters summed on demand, /proc/slabinfo's lines. */
#include "slab/area.h"
#include "slab/arena.h"
#include "slab/buddy.h"
#include "slab/cache.h"
#include "slab/quarantine.h"
#include "slab/slab.h"
#include "slab/tcache.h"
#include "slab/transfer.h"

/* The fast paths count nothing. The live objects of a cache are its objects out of slabs, minus those in threads' bins,
 * those between bins, and those in quarantine. While other threads run, the sums are of different moments. */

struct cache_sum {
	uint64_t cached[SLAB_FIRST_CUSTOM];
	uint64_t objects, bytes, cached_bytes;
};

static void cache_sum_add(struct slab_cache *c, void *ctx)
{
	struct cache_sum *sum = ctx;
	uint64_t out, cached = cache_is_custom(c) ? tcache_count_custom(c) : sum->cached[c->number];

	lock_acquire(&c->lock);
	out = c->nr_out;
	cached += transfer_count(c);
	lock_release(&c->lock);
	cached = MIN(cached, out);
	sum->objects += out - cached;
	sum->bytes += (out - cached) * c->slot_size;
	sum->cached_bytes += cached * c->slot_size;
}

void slab_get_stats(struct slab_stats *s)
{
	struct cache_sum sum = { .objects = 0, .bytes = 0, .cached_bytes = 0 };
	struct quarantine_stats q;
	const struct tcache_block *b;
	struct buddy_stats pages;
	struct area_stats areas;

	mem_set(s, 0, sizeof(*s));
	tcache_count(sum.cached);
	cache_for_each(cache_sum_add, &sum);
	quarantine_get_stats(&q);
	area_get_stats(&areas);
	buddy_get_stats(&pages);
	for (b = tcache_first_block(); b; b = b->next) {
		q.objects += READ_ONCE(b->held_count);
		q.bytes += READ_ONCE(b->held_bytes);
		s->allocs += READ_ONCE(b->allocs);
		s->frees += READ_ONCE(b->frees);
	}
	s->arena_mapped = (uint64_t)READ_ONCE(arena_ready_blocks) * BLOCK_SIZE;
	s->quarantine_objects = q.objects + q.guarded;
	s->quarantine_bytes = q.bytes;
	s->large_areas = areas.areas;
	s->large_bytes = areas.bytes;
	s->live_objects = sum.objects - MIN(sum.objects, q.objects) + areas.areas;
	s->live_bytes = sum.bytes - MIN(sum.bytes, q.bytes) + areas.bytes;
	s->free_bytes = s->arena_mapped - MIN(s->arena_mapped, s->live_bytes + q.bytes);
}

struct line_ctx {
	void (*line)(void *ctx, const char *text);
	void *ctx;
};

static void slabinfo_line(struct slab_cache *c, void *ctx)
{
	struct line_ctx *l = ctx;
	uint64_t out, slabs, empty;
	char text[160];
	struct fmt_buf b;

	lock_acquire(&c->lock);
	out = c->nr_out;
	slabs = c->nr_slabs;
	empty = c->nr_empty;
	lock_release(&c->lock);
	fmt_init(&b, text, sizeof(text));
	fmt_printf(&b, "%-17s %6lu %6lu %6u %4u %4u : tunables %4u %4u %4u : slabdata %6lu %6lu %6u", c->name,
	           (unsigned long)out, (unsigned long)(slabs * c->nr_objects), c->slot_size, c->nr_objects, c->nr_pages,
	           0u, 0u, 0u, (unsigned long)(slabs - empty), (unsigned long)slabs, 0u);
	l->line(l->ctx, text);
}

/* The kernel's two heading lines, then its columns. */
void slab_print_slabinfo(void (*line)(void *ctx, const char *text), void *ctx)
{
	struct line_ctx l = { line, ctx };

	line(ctx, "slabinfo - version: 2.1");
	line(ctx, "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> "
	          "<batchcount> "
	          "<sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>");
	cache_for_each(slabinfo_line, &l);
}
