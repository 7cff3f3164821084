/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/fuzz/fuzz_heap.c - memsan's state in another process or a core file, with any parts replaced.
 *
 *     data    1 byte: odd: memory is read in place | { 2 bytes: where, in steps of 8 | 1 byte: how many | the bytes }
 *
 * All that a tool reads there is read: caches, slabs, areas, pools, fenced and registered objects, notes.  A scan for
 * leaks and the heap's tables (slabinfo and its like) are made of it. */
#include "tests/fuzz/fuzz.h"

#include "fence/layout.h"
#include "leak/leak_internal.h"
#include "slab/area.h"
#include "slab/cache.h"
#include "slab/class.h"
#include "slab/mempool.h"

#define NR_OUTSIDE 5u /* objects outside of the arena's slabs and areas: fenced, registered */
#define NR_LOST 3u    /* groups of lost objects */

#define BASE 0x7f5500000000ull   /* where struct process is in that process */
#define ARENA 0x7f6600000000ull  /* its arena */
#define FENCED 0x7f7700000000ull /* fenced objects; the same bytes as in the arena */
#define DATA_PAGES 16u
#define POOL_SLOTS 8u
#define DESCRIPTOR 640u          /* more than a slab of 256 objects with their bytes and map */
#define TRACED SLAB_FIRST_CUSTOM /* the program's own cache, with checks */

struct process {
	struct slab_directory heap;
	struct leak_directory leak;
	uint32_t ready_blocks;
	uint64_t pools, registered_at;
	struct object_layout layouts[OBJECT_SOURCES_MAX];
	struct slot_range ranges[FENCE_RANGES];
	struct fence_slot slots[4];
	struct note notes[5];
	struct leak_registered_object entries[3];
	uint64_t pool_table[1 + POOL_SLOTS]; /* struct mempool_table */
	struct mempool_object pool_objects[3];
	struct slab_mempool pool;
	struct area areas[2] __attribute__((aligned(16)));
	uint8_t slabs[3][DESCRIPTOR] __attribute__((aligned(16)));
	uint64_t blocks[2];
	uint64_t roots[16];
	uint64_t cut[24]; /* registered objects are cut out of it */
	struct slab_cache caches[TRACED + 2];
	struct page memmap[BLOCK_PAGES];
	uint16_t coarse[BLOCK_SIZE >> COARSE_SHIFT];
	uint64_t data[DATA_PAGES * PAGE_SIZE / sizeof(uint64_t)];
	uint8_t state[BLOCK_SIZE / 16];
	/* behind what an input can replace */
	uint64_t note_buckets[NOTE_BUCKETS];
	uint64_t registered[REGISTERED_BUCKETS];
};
#define AT(member) (BASE + offsetof(struct process, member))
#define REGISTERED AT(cut)
#define POINTER(member) ((void *)(uintptr_t)AT(member))

static struct process *sound, *p;

/* ---- a sound process ------------------------------------------------------------------------- */

static void fill_cache(unsigned i, uint32_t slot, uint32_t object, uint32_t offset, uint32_t flags)
{
	struct slab_cache *c = &sound->caches[i];

	snprintf(c->name, sizeof(c->name), "cache-%u", i);
	c->slot_size = slot;
	c->object_size = c->user_size = object;
	c->offset = offset;
	c->flags = flags;
	c->fast = !flags;
	c->life = CACHE_LIVE;
	c->number = i;
	c->nr_pages = (slot + PAGE_SIZE - 1) / PAGE_SIZE + (slot > 1024);
	c->nr_objects = (uint32_t)(c->nr_pages * PAGE_SIZE - offset) / slot;
	c->map_words = (c->nr_objects + 63) / 64;
	c->reciprocal = (((uint64_t)1 << 40) + slot - 1) / slot;
}

static struct slab *fill_slab(unsigned i, unsigned cache, uint32_t page)
{
	struct slab *s = (struct slab *)sound->slabs[i];

	s->cache = (struct slab_cache *)(uintptr_t)(AT(caches) + cache * sizeof(struct slab_cache));
	s->base = ARENA + ((uint64_t)page << PAGE_SHIFT);
	for (uint32_t k = 0; k < sound->caches[cache].nr_pages; k++)
		sound->memmap[page + k].owner = (AT(slabs) + i * DESCRIPTOR) | OWNER_SLAB;
	return s;
}

static void fill_area(unsigned i, uint32_t page, uint32_t nr_pages, uint8_t state)
{
	struct area *a = &sound->areas[i];

	a->page = page;
	a->nr_pages = nr_pages;
	a->guard_pages = 1;
	a->state = state;
	a->addr = ARENA + ((uint64_t)(page + 1) << PAGE_SHIFT);
	a->live = state == AREA_LIVE ? a->addr : 0;
	a->size = (nr_pages - 2) * PAGE_SIZE - 100;
	a->alloc_stack = 5;
	a->when = 7;
	for (uint32_t k = 0; k < nr_pages; k++)
		sound->memmap[page + k].owner = (AT(areas) + i * sizeof(*a)) | OWNER_AREA;
}

/* Page 0: a fast cache; 1: the checked one; 2: a coarse one; 8, 12: areas; 16: free. */
static void fill_heap(void)
{
	struct slab_directory *r = &sound->heap;
	struct slab_track *track;
	struct slab *s;

	mem_copy(r->magic, SLAB_DIRECTORY_MAGIC, sizeof(r->magic));
	r->self = AT(heap);
	r->version = SLAB_DIRECTORY_VERSION;
	r->size = sizeof(*r);
	r->size_page = sizeof(struct page);
	r->size_slab = sizeof(struct slab);
	r->size_cache = sizeof(struct slab_cache);
	r->size_area = sizeof(struct area);
	r->size_pool = sizeof(struct slab_mempool);
	r->size_pool_object = sizeof(struct mempool_object);
	r->arena = ARENA;
	r->state = AT(state);
	r->memmap = AT(memmap);
	r->blocks = AT(blocks);
	r->coarse = AT(coarse);
	r->ready_blocks = AT(ready_blocks);
	r->caches = AT(caches);
	r->nr_caches = TRACED + 1;
	r->pools = AT(pools);
	sound->ready_blocks = 1;
	for (unsigned i = 1; i < TRACED; i++) {
		uint32_t size = i < SLAB_CLASS_COARSE ? i * 16 : 1024 + 128 * (i - SLAB_CLASS_COARSE + 1);
		fill_cache(i, size, size, 0, 0);
	}
	fill_cache(TRACED, 64, 32, 16, SLAB_F_REDZONE | SLAB_F_TRACK);
	fill_slab(0, 2, 0);
	sound->state[0] = sound->state[4] = sound->state[6] = 2;
	s = fill_slab(1, TRACED, 1);
	sound->slabs[1][slab_bytes_offset(1)] = OBJECT_LIVE;
	sound->slabs[1][slab_bytes_offset(1) + 2] = OBJECT_LIVE;
	sound->slabs[1][slab_bytes_offset(1) + 5] = OBJECT_HELD;
	track = (struct slab_track *)((char *)s + slab_tracks_offset(1, sound->caches[TRACED].nr_objects));
	track[0] = (struct slab_track){ .alloc_stack = 3, .when_low = 9, .size = 30, .alloc_thread = 1 };
	fill_slab(2, SLAB_CLASS_COARSE, 2);
	sound->coarse[2 * PAGE_SIZE >> COARSE_SHIFT] = SLAB_CLASS_COARSE << COARSE_SHIFT;
	fill_area(0, 8, 4, AREA_LIVE);
	fill_area(1, 12, 3, AREA_QUARANTINED);
	sound->memmap[16].owner = 4 << 8 | OWNER_FREE;
}

static void fill_outside(void)
{
	struct mempool_table *table;

	mem_copy(sound->layouts[0].name, FENCE_LAYOUT, sizeof(FENCE_LAYOUT));
	sound->layouts[0].state = AT(ranges);
	sound->layouts[0].nr = FENCE_RANGES;
	sound->layouts[0].state_size = sizeof(struct slot_range);
	sound->layouts[0].object_size = sizeof(struct fence_slot);
	mem_copy(sound->layouts[1].name, REGISTERED_LAYOUT, sizeof(REGISTERED_LAYOUT));
	sound->layouts[1].state = AT(registered_at);
	sound->layouts[1].nr = REGISTERED_BUCKETS;
	sound->layouts[1].state_size = sizeof(uint64_t);
	sound->layouts[1].object_size = sizeof(struct leak_registered_object);
	sound->ranges[0] = (struct slot_range){ .base = FENCED,
		                                .stride = 2 * PAGE_SIZE,
		                                .nr_max = 100,
		                                .pages = 1,
		                                .slots.base = POINTER(slots),
		                                .fresh = ARRAY_SIZE(sound->slots) };
	for (unsigned i = 0; i < ARRAY_SIZE(sound->slots); i++)
		sound->slots[i] = (struct fence_slot){ .addr = FENCED + (2 * i + 1) * PAGE_SIZE + 64 * i,
			                               .state = i % 3 ? SLOT_LIVE : SLOT_FREED,
			                               .size = 40 + i };
	sound->registered_at = AT(registered);
	for (unsigned i = 0; i < ARRAY_SIZE(sound->entries); i++) {
		struct leak_registered_object *e = &sound->entries[i];
		/* one alone, one in a fenced object, one in an area */
		static const uint64_t where[] = { REGISTERED, FENCED + 3 * PAGE_SIZE + 64, ARENA + 9 * PAGE_SIZE + 32 };
		e->addr = where[i];
		e->size = 24;
		sound->registered[registered_bucket(e->addr)] = AT(entries) + i * sizeof(*e);
	}
	snprintf(sound->pool.name, sizeof(sound->pool.name), "pool");
	sound->pool.redzone = 16;
	sound->pools = AT(pool_table);
	table = (struct mempool_table *)sound->pool_table;
	table->size = POOL_SLOTS;
	for (unsigned i = 0; i < ARRAY_SIZE(sound->pool_objects); i++) {
		struct mempool_object *o = &sound->pool_objects[i];
		uint32_t slot;

		o->addr = REGISTERED + 64 * i;
		o->size = 24;
		o->pool = POINTER(pool);
		o->live = i != 1;
		slot = mempool_table_slot(POOL_SLOTS, o->addr);
		while (table->slots[slot])
			slot = (slot + 1) % POOL_SLOTS;
		table->slots[slot] = (struct mempool_object *)(uintptr_t)(AT(pool_objects) + i * sizeof(*o));
	}
}

static void fill_notes(void)
{
	static const struct note notes[] = {
		{ .kind = LEAK_NOTE_ROOT, .object = REGISTERED, .addr = REGISTERED, .size = 64 },
		{ .kind = LEAK_NOTE_AREA, .object = ARENA + 9 * PAGE_SIZE, .addr = ARENA + 9 * PAGE_SIZE, .size = 512 },
		{ .kind = LEAK_NOTE_IGNORE, .object = ARENA },
		{ .kind = LEAK_NOTE_NOT_LEAK, .object = ARENA + PAGE_SIZE + 16, .stack = 3, .when = 9 },
		{ .kind = LEAK_NOTE_NO_SCAN, .object = ARENA + 128 },
	};
	struct leak_directory *r = &sound->leak;

	mem_copy(r->magic, LEAK_DIRECTORY_MAGIC, sizeof(r->magic));
	r->self = AT(leak);
	r->version = LEAK_DIRECTORY_VERSION;
	r->size = sizeof(*r);
	r->notes = AT(note_buckets);
	r->nr_buckets = NOTE_BUCKETS;
	r->note_size = sizeof(struct note);
	r->layouts = AT(layouts);
	memcpy(sound->notes, notes, sizeof(notes));
	for (unsigned i = 0; i < ARRAY_SIZE(notes); i++)
		sound->note_buckets[i / 2] = AT(notes) + i * sizeof(struct note);
	sound->notes[0].next = (struct note *)(uintptr_t)(AT(notes) + sizeof(struct note));
}

/* Roots lead to some of the objects, and these to others. */
static void fill_words(void)
{
	static const uint64_t to[] = { ARENA, ARENA + 65, ARENA + PAGE_SIZE + 16, FENCED + PAGE_SIZE, REGISTERED };

	memcpy(sound->roots, to, sizeof(to));
	sound->data[0] = ARENA + 9 * PAGE_SIZE;
	sound->data[9 * PAGE_SIZE / 8] = ARENA + 2 * PAGE_SIZE;
	sound->data[9 * PAGE_SIZE / 8 + 4] = FENCED + 3 * PAGE_SIZE + 64;
	sound->data[2 * PAGE_SIZE / 8 + 3] = ARENA + 2 * PAGE_SIZE + 8;
}

/* ---- the view -------------------------------------------------------------------------------- */

static const uint8_t *bytes_at(uint64_t addr, size_t *n)
{
	const uint8_t *start = (const uint8_t *)p;
	size_t size = sizeof(*p);

	if (addr - ARENA < sizeof(p->data) || addr - FENCED < sizeof(p->data)) {
		start = (const uint8_t *)p->data;
		size = sizeof(p->data);
		addr -= addr - ARENA < size ? ARENA : FENCED;
	} else {
		addr -= BASE;
	}
	if (addr >= size)
		return NULL;
	*n = MIN(*n, size - addr);
	return start + addr;
}

static size_t view_copy(const struct mem_view *v, void *dst, uint64_t addr, size_t n)
{
	const uint8_t *from = bytes_at(addr, &n);

	(void)v;
	if (from)
		memcpy(dst, from, n);
	return from ? n : 0;
}

static const void *view_in_place(const struct mem_view *v, uint64_t addr, size_t n)
{
	size_t got = n;
	const uint8_t *from = addr % sizeof(uint64_t) ? NULL : bytes_at(addr, &got);

	(void)v;
	return got == n ? from : NULL;
}

/* ---- all that is read ------------------------------------------------------------------------ */

static void take_line(void *ctx, const char *text)
{
	(void)ctx;
	MUST(strlen(text) < 1000);
}

static size_t take_stack(void *ctx, uint32_t handle, uint64_t *pcs, size_t max)
{
	(void)ctx;
	if (!handle || !max)
		return 0;
	pcs[0] = handle;
	return 1;
}

static void take_place(void *ctx, uint64_t pc, struct fmt_buf *b)
{
	(void)ctx;
	fmt_printf(b, "%llx", (unsigned long long)pc);
}

static uint32_t tid_of(void *ctx, uint32_t thread)
{
	(void)ctx;
	return thread;
}

static void show_all(const struct slab_view *v)
{
	static struct slab_show_cache counts[SLAB_VIEW_CACHES];
	static struct slab_show_trace traces[64];
	struct slab_show s = { .view = v, .line = take_line, .stack = take_stack, .place = take_place, .tid = tid_of };

	slab_show_count(&s, counts);
	slab_show_slabinfo_head(&s);
	for (uint32_t i = 1; i < v->nr_caches; i++)
		if (v->caches[i].used)
			slab_show_slabinfo_line(&s, &v->caches[i], &counts[i]);
	slab_show_slabinfo_areas(&s, &counts[0]);
	slab_show_buddyinfo(&s);
	slab_show_vmallocinfo(&s);
	slab_show_traces(&s, NULL, false, traces, ARRAY_SIZE(traces));
	slab_show_traces(&s, "vmalloc", true, traces, ARRAY_SIZE(traces));
}

static const uint64_t starts[] = { ARENA, FENCED, REGISTERED, BASE, 0, (uint64_t)-4096 };

static void look_up(const struct slab_view *v, const struct leak_sources *x)
{
	struct slab_object o;
	bool guard;

	for (unsigned i = 0; i < ARRAY_SIZE(starts); i++)
		for (uint64_t at = 0; at < DATA_PAGES * PAGE_SIZE; at += at < 256 ? 8 : 4000) {
			if (slab_view_object(v, starts[i] + at, &o))
				MUST(strlen(o.cache) < sizeof(o.cache) && o.api < SLAB_API_NR);
			slab_view_mempool_at(v, starts[i] + at, &o);
			slab_view_mempool_object(v, starts[i] + at, &o);
			if (leak_sources_near(x, starts[i] + at, &o, &guard))
				MUST(strlen(o.cache) < sizeof(o.cache));
		}
}

struct outside {
	struct slab_object objects[16];
	bool registered[16];
	uint32_t nr;
};

static void take_outside(void *ctx, const struct slab_object *o, bool registered)
{
	struct outside *x = ctx;

	if (x->nr == ARRAY_SIZE(x->objects))
		return;
	x->registered[x->nr] = registered;
	x->objects[x->nr++] = *o;
}

static void take_range(void *ctx, uint64_t start, uint64_t end)
{
	(void)ctx;
	MUST(start <= end);
}

static void take_note(void *ctx, enum leak_note note, uint64_t addr, uint64_t size)
{
	(void)ctx;
	(void)note;
	(void)addr;
	(void)size;
}

static struct leak_scan *scan_create(const struct mem_view *mem, const struct outside *x)
{
	const char *why;
	struct leak_scan *s = leak_scan_create_with(mem, AT(heap), x->nr, &why);

	for (uint32_t i = 0; s && i < x->nr; i++)
		leak_scan_add(s, x->objects[i].addr, x->objects[i].size, x->registered[i]);
	if (s)
		leak_scan_added(s);
	return s;
}

static void search(const struct mem_view *mem, const struct outside *x, struct leak_finder finder)
{
	struct leak_scan *s = scan_create(mem, x);
	struct leak_target to[2];

	if (!s)
		return;
	leak_scan_notes_told(s, AT(leak), finder, take_note, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(starts); i++)
		for (uint64_t at = 0; at < DATA_PAGES * PAGE_SIZE; at += at < 256 ? 8 : 4000) {
			unsigned n = leak_scan_leads_to(s, starts[i] + at, to);
			MUST(n <= 2);
			for (unsigned k = 0; k < n; k++) {
				MUST(to[k].place < leak_scan_places(s) && to[k].place % 16 == 0);
				leak_scan_reads(s, &to[k], take_range, NULL);
			}
		}
	leak_scan_reads_root(s, AT(roots), AT(roots) + sizeof(p->roots), take_range, NULL);
	leak_scan_destroy(s);
}

/* Returns how many groups of objects were found lost. */
static uint32_t scan(const struct mem_view *mem, const struct outside *x, struct leak_finder finder)
{
	static struct leak_groups *groups;
	struct leak_scan *s = scan_create(mem, x);
	struct leak_grouper g;

	if (!s)
		return 0;
	if (!groups)
		groups = calloc(1, sizeof(*groups));
	MUST(groups);
	memset(groups, 0, offsetof(struct leak_groups, groups) + groups->nr * sizeof(groups->groups[0]));
	g = (struct leak_grouper){ .groups = groups, .heap = leak_scan_heap(s), .outside = finder };
	leak_scan_notes(s, AT(leak), finder);
	leak_scan_words(s, p->roots, ARRAY_SIZE(p->roots) / 2);
	leak_scan_root(s, AT(roots), sizeof(p->roots));
	leak_scan_finish(s, 1u << LEAK_POSSIBLE | 1u << LEAK_DIRECT | 1u << LEAK_INDIRECT, leak_group_visit, &g);
	leak_groups_sort(groups);
	for (uint32_t i = 0; i < groups->nr; i++)
		MUST(groups->groups[groups->order[i]].class < LEAK_CLASS_NR);
	leak_scan_destroy(s);
	return groups->nr;
}

/* Is all there that a sound process has? */
static bool read_all(const struct mem_view *mem)
{
	static struct slab_view v;
	struct outside x = { .nr = 0 };
	struct leak_sources sources;

	if (slab_view_open(&v, mem, AT(heap)))
		return false;
	show_all(&v);
	if (leak_sources_open(&sources, mem, &v, AT(leak)))
		leak_sources_each(&sources, take_outside, &x);
	look_up(&v, &sources);
	search(mem, &x, (struct leak_finder){ leak_sources_at, &sources });
	return scan(mem, &x, (struct leak_finder){ leak_sources_at, &sources }) == NR_LOST && x.nr == NR_OUTSIDE;
}

static void prepare(void)
{
	sound = calloc(1, sizeof(*sound));
	p = malloc(sizeof(*p)); /* on the heap, so that AddressSanitizer watches its end */
	MUST(sound && p);
	fill_heap();
	fill_outside();
	fill_notes();
	fill_words();
	memcpy(p, sound, sizeof(*p));
	MUST(read_all(&(struct mem_view){ .read = view_copy }));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem_view mem = { .read = view_copy };
	size_t changed_from = sizeof(*p), changed_to = 0;

	if (!p)
		prepare();
	if (size && data[0] & 1)
		mem.at = view_in_place;
	for (data++, size -= size != 0; size > 3;) {
		size_t at = (size_t)(data[0] | data[1] << 8) * 8 % sizeof(*p), n = data[2];

		data += 3;
		size -= 3;
		n = MIN(MIN(n, size), sizeof(*p) - at);
		memcpy((char *)p + at, data, n);
		changed_from = MIN(changed_from, at);
		changed_to = MAX(changed_to, at + n);
		data += n;
		size -= n;
	}
	read_all(&mem);
	if (changed_from < changed_to)
		memcpy((char *)p + changed_from, (char *)sound + changed_from, changed_to - changed_from);
	return 0;
}
