/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/show.c - the heap as text, in the columns of the kernel's files: slabinfo, buddyinfo, vmallocinfo, alloc_traces
 * and free_traces. */
#include "slab/arena.h"
#include "slab/slab.h"

/* All are made from a slab_view, so the program, the memsan command and a core file give the same text. Nothing is
 * allocated: the caller passes the table in which stacks are counted. When it is full, objects with further stacks are
 * left out.
 *
 * While the process runs its heap changes under the reader, so counts are of different moments. */

#define CAN_SAY 512u
#define NO_STACK_ROOM UINT32_MAX

static void say(const struct slab_show *s, struct fmt_buf *b)
{
	fmt_clean(b, 0); /* names are the program's */
	s->line(s->ctx, b->data);
	fmt_init(b, b->data, b->size);
}

/* ---- slabinfo -------------------------------------------------------------------------------- */

struct tally {
	const struct slab_show *s;
	struct slab_show_cache *caches;
};

static void tally_run(void *ctx, const struct slab_view_run *r)
{
	struct tally *t = ctx;
	const struct slab_view *v = t->s->view;
	const struct slab_view_cache *c = &v->caches[r->cache];
	struct slab_view_live live;

	if (!r->cache) {
		t->caches[0].active++;
		t->caches[0].objects++;
		t->caches[0].active_slabs++;
		t->caches[0].slabs++;
		return;
	}
	slab_view_live(v, r, &live);
	t->caches[r->cache].slabs++;
	t->caches[r->cache].active_slabs += live.nr != 0;
	t->caches[r->cache].active += live.nr;
	t->caches[r->cache].objects += c->nr_objects;
}

void slab_show_count(const struct slab_show *s, struct slab_show_cache caches[SLAB_VIEW_CACHES])
{
	struct tally t = { s, caches };

	mem_set(caches, 0, SLAB_VIEW_CACHES * sizeof(*caches));
	slab_view_runs(s->view, tally_run, &t);
}

void slab_show_slabinfo_head(const struct slab_show *s)
{
	s->line(s->ctx, "slabinfo - version: 2.1");
	s->line(s->ctx, "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables "
	                "<limit> <batchcount> "
	                "<sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>");
}

void slab_show_slabinfo_line(const struct slab_show *s, const struct slab_view_cache *c,
                             const struct slab_show_cache *n)
{
	char text[CAN_SAY];
	struct fmt_buf b;

	fmt_init(&b, text, sizeof(text));
	fmt_printf(&b, "%-17s %6llu %6llu %6u %4u %4u : tunables %4u %4u %4u : slabdata %6llu %6llu %6u", c->name,
	           (unsigned long long)n->active, (unsigned long long)n->objects, c->slot_size, c->nr_objects,
	           c->nr_pages, 0u, 0u, 0u, (unsigned long long)n->active_slabs, (unsigned long long)n->slabs, 0u);
	say(s, &b);
}

void slab_show_slabinfo_areas(const struct slab_show *s, const struct slab_show_cache *n)
{
	const struct slab_view_cache areas = {
		.name = "vmalloc", .slot_size = PAGE_SIZE, .nr_objects = 1, .nr_pages = 1
	};

	slab_show_slabinfo_line(s, &areas, n);
}

/* ---- buddyinfo ------------------------------------------------------------------------------- */

/* A block without any entries, not even free runs, was never used and is free as a whole. */
static void count_block(const struct slab_view *v, uint32_t block, uint64_t counts[SLAB_ORDER_MAX + 1])
{
	struct page pages[128];
	uint64_t word = 0;
	bool untouched = true;

	view_read(v->mem, &word, v->directory.blocks + (uint64_t)block * sizeof(word), sizeof(word));
	if ((word & OWNER_TAG) == OWNER_FREE)
		counts[SLAB_ORDER_MAX]++;
	if (word & OWNER_TAG)
		return;
	for (uint32_t first = 0; first < BLOCK_PAGES; first += ARRAY_SIZE(pages)) {
		uint64_t at = v->directory.memmap + ((uint64_t)block << BLOCK_ORDER | first) * sizeof(struct page);

		if (!view_read(v->mem, pages, at, sizeof(pages)))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
			untouched &= pages[i].owner == 0;
			if ((pages[i].owner & OWNER_TAG) == OWNER_FREE)
				counts[MIN(pages[i].owner >> 8 & 0xff, (uint64_t)SLAB_ORDER_MAX)]++;
		}
	}
	counts[SLAB_ORDER_MAX] += untouched;
}

void slab_show_buddyinfo(const struct slab_show *s)
{
	uint64_t counts[SLAB_ORDER_MAX + 1] = { 0 };
	char text[256];
	struct fmt_buf b;

	for (uint32_t block = 0; block < s->view->used / BLOCK_SIZE; block++)
		count_block(s->view, block, counts);
	fmt_init(&b, text, sizeof(text));
	fmt_printf(&b, "Node 0, zone %8s ", "Arena");
	for (unsigned order = 0; order <= SLAB_ORDER_MAX; order++)
		fmt_printf(&b, "%6llu ", (unsigned long long)counts[order]);
	say(s, &b);
}

/* ---- vmallocinfo ----------------------------------------------------------------------------- */

static const char *area_family(const struct slab_object *obj)
{
	return obj->api == SLAB_API_PAGES ? "pages" : obj->api == SLAB_API_VMALLOC ? "vmalloc" : "malloc";
}

static void show_area(void *ctx, const struct slab_view_run *r)
{
	const struct slab_show *s = ctx;
	uint64_t start = s->view->base + ((uint64_t)r->page << PAGE_SHIFT), pcs[1];
	struct slab_object obj;
	char text[CAN_SAY];
	struct fmt_buf b;

	if (r->cache || !slab_view_object(s->view, r->addr, &obj) || !obj.large)
		return;
	fmt_init(&b, text, sizeof(text));
	fmt_printf(&b, "0x%016llx-0x%016llx %7llu ", (unsigned long long)start,
	           (unsigned long long)(start + ((uint64_t)r->nr_pages << PAGE_SHIFT)),
	           (unsigned long long)r->nr_pages << PAGE_SHIFT);
	if (s->stack(s->ctx, obj.alloc_stack, pcs, 1))
		s->place(s->ctx, pcs[0], &b);
	else
		fmt_printf(&b, "-");
	fmt_printf(&b, " pages=%llu size=%llu %s", (unsigned long long)(obj.slot_size >> PAGE_SHIFT),
	           (unsigned long long)obj.size, area_family(&obj));
	say(s, &b);
}

void slab_show_vmallocinfo(const struct slab_show *s)
{
	slab_view_runs(s->view, show_area, (void *)s);
}

/* ---- alloc_traces, free_traces --------------------------------------------------------------- */

struct counting {
	const struct slab_show *s;
	const char *cache; /* NULL: all */
	bool freed;
	struct slab_show_trace *table;
	size_t max, nr;
};

static void count_object(struct counting *c, const struct slab_object *obj)
{
	uint32_t stack = c->freed ? obj->free_stack : obj->alloc_stack,
		 thread = c->freed ? obj->free_thread : obj->alloc_thread;
	/* The track has the time of the last change only: the allocation of a live object, the free of a freed one. */
	uint64_t age = c->s->now - MIN(c->s->now, (uint64_t)obj->when);
	size_t i = (size_t)(stack * 0x9e3779b1u) % c->max, n;
	struct slab_show_trace *t;

	for (n = 0; n < c->max && c->table[i].count && c->table[i].stack != stack; n++)
		i = (i + 1) % c->max;
	if (n == c->max || (!c->table[i].count && c->nr + 1 == c->max))
		return;
	t = &c->table[i];
	if (!t->count) {
		*t = (struct slab_show_trace){
			.stack = stack, .min_age = age, .max_age = age, .min_thread = thread, .max_thread = thread
		};
		c->nr++;
	}
	t->count++;
	t->bytes += obj->size;
	t->sum_age += age;
	t->min_age = MIN(t->min_age, age);
	t->max_age = MAX(t->max_age, age);
	t->min_thread = MIN(t->min_thread, thread);
	t->max_thread = MAX(t->max_thread, thread);
}

static void count_run(void *ctx, const struct slab_view_run *r)
{
	struct counting *c = ctx;
	const struct slab_view *v = c->s->view;
	const struct slab_view_cache *k = &v->caches[r->cache];
	enum slab_object_state wanted = c->freed ? SLAB_OBJ_QUARANTINED : SLAB_OBJ_LIVE;
	uint64_t at = v->base + ((uint64_t)r->page << PAGE_SHIFT) + k->offset;
	struct slab_object obj;

	if (!r->cache) {
		if (slab_view_object(v, r->addr, &obj) && obj.state == wanted && obj.tracked &&
		    (!c->cache || str_equal(c->cache, obj.cache)))
			count_object(c, &obj);
		return;
	}
	if ((c->cache && !str_equal(c->cache, k->name)) || !(k->flags & SLAB_F_TRACK))
		return;
	for (uint32_t i = 0; i < k->nr_objects; i++, at += k->slot_size)
		if (slab_view_object(v, at, &obj) && obj.state == wanted && obj.tracked)
			count_object(c, &obj);
}

static void sift_down(struct slab_show_trace *t, size_t i, size_t n)
{
	size_t child;

	while ((child = 2 * i + 1) < n) {
		struct slab_show_trace swap = t[i];

		child += child + 1 < n && t[child + 1].count < t[child].count;
		if (t[i].count <= t[child].count)
			return;
		t[i] = t[child];
		t[child] = swap;
		i = child;
	}
}

/* Sorts by number of objects, most first. Heap sort needs no memory. */
static void sort_traces(struct slab_show_trace *t, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift_down(t, i, n);
	while (n > 1) {
		struct slab_show_trace swap = t[0];

		t[0] = t[--n];
		t[n] = swap;
		sift_down(t, 0, n);
	}
}

static void show_trace(const struct slab_show *s, const struct slab_show_trace *t)
{
	uint64_t pcs[64];
	size_t n = s->stack(s->ctx, t->stack, pcs, ARRAY_SIZE(pcs));
	char text[CAN_SAY];
	struct fmt_buf b;

	fmt_init(&b, text, sizeof(text));
	fmt_printf(&b, "%7llu ", (unsigned long long)t->count);
	if (n)
		s->place(s->ctx, pcs[0], &b);
	else
		fmt_printf(&b, "<not-available>");
	fmt_printf(&b, " bytes=%llu age=%llu/%llu/%llu", (unsigned long long)t->bytes, (unsigned long long)t->min_age,
	           (unsigned long long)(t->sum_age / t->count), (unsigned long long)t->max_age);
	if (t->min_thread == t->max_thread)
		fmt_printf(&b, " thread=%u", s->tid(s->ctx, t->min_thread));
	else
		fmt_printf(&b, " thread=%u-%u", s->tid(s->ctx, t->min_thread), s->tid(s->ctx, t->max_thread));
	say(s, &b);
	for (size_t i = 0; i < n; i++) {
		fmt_printf(&b, "        ");
		s->place(s->ctx, pcs[i], &b);
		say(s, &b);
	}
	say(s, &b);
}

size_t slab_show_traces(const struct slab_show *s, const char *cache, bool freed, struct slab_show_trace *table,
                        size_t max)
{
	struct counting c = { .s = s, .cache = cache, .freed = freed, .table = table, .max = max, .nr = 0 };
	size_t i, n;

	for (i = 0; i < max; i++)
		table[i].count = 0;
	slab_view_runs(s->view, count_run, &c);
	for (i = n = 0; i < max; i++)
		if (table[i].count)
			table[n++] = table[i];
	sort_traces(table, n);
	for (i = 0; i < n; i++)
		show_trace(s, &table[i]);
	return n;
}
