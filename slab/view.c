/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/view.c - the heap, read through a mem_view: its caches, its runs of objects, and from any address to the
 * object there. */
#include "slab/area.h"
#include "slab/arena.h"
#include "slab/cache.h"
#include "slab/class.h"
#include "slab/mempool.h"
#include "slab/slab.h"
#include "slab/track.h"

/* The memory may be in the middle of a change (a thread was stopped anywhere) or damaged (a core file of a program that
 * overwrote it). So only consistent data is trusted: a descriptor must name a cache that exists, and the run that led
 * to the descriptor. Anything else is not an object.
 *
 * The structures are read as they are in memory; directory.size_* say whether this code was built for them. */

#define PAGES_AT_ONCE 256u
#define DESCRIPTORS_AHEAD 16u
#define STATES_AT_ONCE 4096u
#define SLAB_PAGES_MAX 256u /* see cache_plausible */
#define COARSE_SLOTS 64u    /* for a slab of malloc's with objects beyond 1 KiB */
#define BLOCKS_MAX ((uint64_t)1 << 31)

/* ---- opening --------------------------------------------------------------------------------- */

static bool cache_plausible(const struct slab_cache *c)
{
	return c->slot_size >= 16 && c->object_size >= 8 && c->object_size <= c->slot_size &&
	       c->offset <= c->slot_size && c->nr_pages >= 1 && c->nr_pages <= SLAB_PAGES_MAX && c->nr_objects >= 1 &&
	       c->nr_objects <= SLAB_VIEW_OBJECTS && c->map_words == (c->nr_objects + 63) / 64 &&
	       (uint64_t)c->nr_objects * c->slot_size + c->offset + c->lead <= (uint64_t)c->nr_pages << PAGE_SHIFT &&
	       c->reciprocal == (((uint64_t)1 << 40) + c->slot_size - 1) / c->slot_size;
}

static bool cache_read(const struct slab_view *v, uint64_t addr, struct slab_view_cache *out)
{
	struct slab_cache c;
	uint8_t fast;

	mem_set(out, 0, sizeof(*out));
	if (!view_read(v->mem, &c, addr, offsetof(struct slab_cache, lock)) || c.life == CACHE_UNUSED ||
	    !cache_plausible(&c))
		return false;
	mem_copy(out->name, c.name, sizeof(out->name));
	out->name[sizeof(out->name) - 1] = '\0';
	out->addr = addr;
	out->reciprocal = c.reciprocal;
	out->object_size = c.object_size;
	out->slot_size = c.slot_size;
	out->offset = c.offset;
	out->lead = c.lead;
	out->flags = c.flags;
	out->nr_objects = c.nr_objects;
	out->nr_pages = c.nr_pages;
	out->map_words = c.map_words;
	out->user_size = c.user_size;
	out->tail = v->directory.key && c.tail <= c.slot_size - sizeof(uint32_t) ? c.tail : 0;
	mem_copy(&fast, &c.fast, 1); /* the byte read may have any value, which a bool may not */
	out->fast = fast != 0;
	out->used = true;
	return true;
}

static const char *directory_wrong(const struct slab_directory *r, uint64_t at)
{
	if (mem_compare(r->magic, SLAB_DIRECTORY_MAGIC, sizeof(r->magic)) != 0 || r->self != at)
		return "there is no memsan heap";
	if (r->version != SLAB_DIRECTORY_VERSION || r->size != sizeof(*r) || r->size_page != sizeof(struct page) ||
	    r->size_slab != sizeof(struct slab) || r->size_cache != sizeof(struct slab_cache) ||
	    r->size_area != sizeof(struct area) || r->size_pool != sizeof(struct slab_mempool) ||
	    r->size_pool_object != sizeof(struct mempool_object))
		return "its memsan is of another version";
	if (r->nr_caches < 2 || r->nr_caches > SLAB_VIEW_CACHES || r->arena % PAGE_SIZE)
		return "its heap is damaged";
	return NULL;
}

/* Blocks behind the last one whose memmap can be read hold nothing that could be found. A damaged number of blocks
 * would make a scan look through terabytes of them. */
static uint32_t blocks_there(const struct slab_view *v, uint32_t blocks)
{
	uint8_t byte;

	while (blocks &&
	       !view_read(v->mem, &byte,
	                  v->directory.memmap + (uint64_t)(blocks - 1) * BLOCK_PAGES * sizeof(struct page), 1))
		blocks--;
	return blocks;
}

const char *slab_view_open(struct slab_view *v, const struct mem_view *mem, uint64_t root)
{
	const char *wrong;
	uint32_t blocks, i;

	v->mem = mem;
	if (!view_read(mem, &v->directory, root, sizeof(v->directory)))
		return "there is no memsan heap";
	wrong = directory_wrong(&v->directory, root);
	if (wrong)
		return wrong;
	if (!view_read(mem, &blocks, v->directory.ready_blocks, sizeof(blocks)) || blocks > BLOCKS_MAX / BLOCK_PAGES)
		return "its heap is damaged";
	v->base = v->directory.arena;
	v->used = (uint64_t)blocks * BLOCK_SIZE;
	v->known = (uint64_t)blocks_there(v, blocks) * BLOCK_SIZE;
	v->nr_caches = v->directory.nr_caches;
	if (!view_read(mem, &v->key, v->directory.key, sizeof(v->key)))
		v->directory.key = 0;
	mem_set(&v->caches[0], 0, sizeof(v->caches[0]));
	for (i = 1; i < v->nr_caches; i++)
		if (!cache_read(v, v->directory.caches + i * sizeof(struct slab_cache), &v->caches[i]) &&
		    i <= SLAB_NR_CLASSES)
			return "its heap is damaged";
	return NULL;
}

/* n bytes: in place if possible, else copied to buf. NULL: they cannot be read. */
static const uint8_t *view_bytes(const struct slab_view *v, uint64_t at, size_t n, uint8_t *buf)
{
	const uint8_t *direct = v->mem->at ? v->mem->at(v->mem, at, n) : NULL;

	if (direct)
		return direct;
	return view_read(v->mem, buf, at, n) ? buf : NULL;
}

/* ---- runs ------------------------------------------------------------------------------------ */

static uint32_t cache_index(const struct slab_view *v, uint64_t addr)
{
	uint64_t i = (addr - v->directory.caches) / sizeof(struct slab_cache);

	return addr > v->directory.caches && i < v->nr_caches && v->caches[i].addr == addr ? (uint32_t)i : 0;
}

/* The slab whose descriptor the page's word names, if the descriptor confirms it. */
static bool slab_run(const struct slab_view *v, uint64_t descriptor, uint32_t page, struct slab_view_run *r)
{
	struct slab s;
	uint32_t first;

	if (!view_read(v->mem, &s, descriptor, sizeof(s)))
		return false;
	r->cache = cache_index(v, (uint64_t)(uintptr_t)s.cache);
	if (!r->cache)
		return false;
	s.base -= v->caches[r->cache].lead;
	if (s.base % PAGE_SIZE || s.base < v->base || s.base - v->base >= v->known)
		return false;
	first = (uint32_t)((s.base - v->base) >> PAGE_SHIFT);
	if (page - first >= v->caches[r->cache].nr_pages ||
	    (uint64_t)(first + v->caches[r->cache].nr_pages) << PAGE_SHIFT > v->known)
		return false;
	r->page = first;
	r->nr_pages = v->caches[r->cache].nr_pages;
	r->descriptor = descriptor;
	r->addr = s.base;
	r->size = (uint64_t)r->nr_pages << PAGE_SHIFT;
	return true;
}

static bool area_plausible(const struct slab_view *v, const struct area *a)
{
	uint64_t pages = v->known >> PAGE_SHIFT, data, data_size;

	if (a->page >= pages || a->nr_pages > pages - a->page || a->guard_pages > 1 ||
	    a->nr_pages <= (uint64_t)2 * a->guard_pages + a->spare_pages)
		return false;
	data = v->base + ((uint64_t)(a->page + a->guard_pages) << PAGE_SHIFT);
	data_size = (uint64_t)(a->nr_pages - 2 * a->guard_pages - a->spare_pages) << PAGE_SHIFT;
	return a->addr - data < data_size && a->size <= data + data_size - a->addr;
}

static bool area_read(const struct slab_view *v, uint64_t descriptor, uint32_t page, struct area *a)
{
	return view_read(v->mem, a, descriptor, sizeof(*a)) && area_plausible(v, a) && page - a->page < a->nr_pages;
}

static bool area_is_live(const struct area *a)
{
	return a->state == AREA_LIVE && a->live == a->addr;
}

static void area_run(const struct area *a, uint64_t descriptor, struct slab_view_run *r)
{
	r->page = a->page;
	r->nr_pages = a->nr_pages;
	r->cache = 0;
	r->descriptor = descriptor;
	r->addr = a->addr;
	r->size = a->size;
}

struct walk {
	const struct slab_view *v;
	void (*run)(void *ctx, const struct slab_view_run *r);
	void *ctx;
};

/* Visits the run that the owner word of `page` names. Returns the page behind it. */
static uint32_t walk_owner(const struct walk *w, uint32_t page, uint64_t owner)
{
	uint64_t descriptor = (uint64_t)(uintptr_t)OWNER_POINTER(owner);
	struct slab_view_run r;
	struct area a;

	switch (owner & OWNER_TAG) {
	case OWNER_SLAB:
		if (!slab_run(w->v, descriptor, page, &r) || r.page != page)
			return page + 1;
		w->run(w->ctx, &r);
		return page + r.nr_pages;
	case OWNER_AREA:
		if (!area_read(w->v, descriptor, page, &a) || a.page != page)
			return page + 1;
		if (area_is_live(&a)) {
			area_run(&a, descriptor, &r);
			w->run(w->ctx, &r);
		}
		return page + a.nr_pages;
	case OWNER_FREE:
		return page + (1u << MIN(owner >> 8 & 0xff, (uint64_t)30));
	default:
		return page + 1;
	}
}

/* If there are as many descriptors as pages, they come from memory one after the other. */
static inline void prefetch_descriptor(uint64_t owner)
{
	uintptr_t descriptor = (uintptr_t)OWNER_POINTER(owner); /* or 0 */

	__builtin_prefetch((const void *)descriptor);
	__builtin_prefetch((const void *)(descriptor + 64));
}

/* Block words need not be looked at, because an area that covers whole blocks writes its first page as well. A page
 * without a word, behind a run that was visited, has no owner. */
void slab_view_runs(const struct slab_view *v, void (*run)(void *ctx, const struct slab_view_run *r), void *ctx)
{
	struct walk w = { v, run, ctx };
	struct page buf[PAGES_AT_ONCE];
	uint32_t page = 0, end = (uint32_t)(v->known >> PAGE_SHIFT);

	while (page < end) {
		uint32_t first = page, n = MIN(PAGES_AT_ONCE, end - first);
		size_t got = v->mem->read(v->mem, buf, v->directory.memmap + (uint64_t)first * sizeof(struct page),
		                          n * sizeof(buf[0]));

		n = (uint32_t)(got / sizeof(buf[0]));
		while (page - first < n) {
			if (v->mem->here && page - first + DESCRIPTORS_AHEAD < n)
				prefetch_descriptor(buf[page - first + DESCRIPTORS_AHEAD].owner);
			page = walk_owner(&w, page, buf[page - first].owner);
		}
		if (!n)
			page += PAGES_AT_ONCE;
	}
}

/* An object's number in its slab. In front of the first slot it is the first. */
static uint32_t index_of(const struct slab_view_cache *c, const struct slab_view_run *r, uint64_t addr)
{
	uint64_t in_slab = addr - r->addr;

	return in_slab < c->lead ? 0 : (uint32_t)(((in_slab - c->lead) * c->reciprocal) >> 40);
}

/* Where in its slab the first object starts. */
static inline uint32_t first_object(const struct slab_view_cache *c)
{
	return c->lead + c->offset;
}

/* ---- the live objects of a slab -------------------------------------------------------------- */

/* Finds the live slots of a slab of malloc's unchecked coarse classes. Returns the number of slots; 0: they cannot
 * be read. */
static uint32_t coarse_slots(const struct slab_view *v, const struct slab_view_run *r, bool live[COARSE_SLOTS])
{
	const struct slab_view_cache *c = &v->caches[r->cache];
	uint64_t at = v->directory.coarse + ((r->addr - v->base) >> COARSE_SHIFT) * sizeof(uint16_t);
	uint16_t words[SLAB_PAGES_MAX * (PAGE_SIZE >> COARSE_SHIFT)];
	uint32_t i, n = r->nr_pages * (uint32_t)(PAGE_SIZE >> COARSE_SHIFT);

	if (n > ARRAY_SIZE(words) || c->nr_objects > COARSE_SLOTS ||
	    !view_read(v->mem, words, at, n * sizeof(words[0])))
		return 0;
	for (i = 0; i < c->nr_objects; i++) {
		uint32_t start = first_object(c) + i * c->slot_size, w = words[start >> COARSE_SHIFT];
		live[i] = w != 0 && !((w ^ start) & COARSE_PLACE);
	}
	return c->nr_objects;
}

static void live_coarse(const struct slab_view *v, const struct slab_view_run *r, struct slab_view_live *live)
{
	const struct slab_view_cache *c = &v->caches[r->cache];
	bool slots[COARSE_SLOTS];
	uint32_t i, n = coarse_slots(v, r, slots);

	for (i = 0; i < n; i++)
		if (slots[i])
			live->starts[live->nr++] = first_object(c) + i * c->slot_size;
}

/* For other caches without checks: reads the state map, a piece at a time. */
static void live_unchecked(const struct slab_view *v, const struct slab_view_run *r, struct slab_view_live *live)
{
	const struct slab_view_cache *c = &v->caches[r->cache];
	uint64_t state = v->directory.state + ((r->addr - v->base) >> 4);
	uint8_t buf[STATES_AT_ONCE];
	const uint8_t *piece = NULL;
	uint32_t first = 0, end = 0, total = r->nr_pages * (uint32_t)(PAGE_SIZE / 16), i;

	for (i = 0; i < c->nr_objects; i++) {
		uint32_t start = first_object(c) + i * c->slot_size, at = start / 16;
		if (at >= end) {
			first = at;
			end = MIN(first + STATES_AT_ONCE, total);
			piece = view_bytes(v, state + first, end - first, buf);
		}
		if (piece && piece[at - first])
			live->starts[live->nr++] = start;
	}
}

/* For caches with checks: reads the bytes of the descriptor. */
static void live_checked(const struct slab_view *v, const struct slab_view_run *r, struct slab_view_live *live)
{
	const struct slab_view_cache *c = &v->caches[r->cache];
	uint8_t buf[SLAB_VIEW_OBJECTS];
	const uint8_t *bytes = view_bytes(v, r->descriptor + slab_bytes_offset(c->map_words), c->nr_objects, buf);
	uint32_t i;

	for (i = 0; bytes && i < c->nr_objects; i++) {
		uint32_t object = i * c->slot_size + c->offset, start;
		if (!(bytes[i] & OBJECT_LIVE))
			continue;
		start = (uint32_t)(object_start(r->addr + object, bytes[i]) - r->addr);
		if (start - object >= c->object_size)
			continue;
		live->displaced |= start != object;
		live->starts[live->nr++] = start;
	}
}

void slab_view_live(const struct slab_view *v, const struct slab_view_run *r, struct slab_view_live *live)
{
	live->nr = 0;
	live->displaced = false;
	if (v->caches[r->cache].fast && class_is_coarse(r->cache))
		live_coarse(v, r, live);
	else if (v->caches[r->cache].fast)
		live_unchecked(v, r, live);
	else
		live_checked(v, r, live);
}

/* Bits are collected in a register until one belongs to another word. */
struct gather {
	uint64_t *map, bits;
	uint32_t word, nr;
};

static inline void gather_bit(struct gather *g, uint32_t at, bool live)
{
	if (at / 64 != g->word) {
		g->map[g->word] |= g->bits;
		g->bits = 0;
		g->word = at / 64;
	}
	g->bits |= (uint64_t)live << at % 64;
	g->nr += live;
}

/* The state map has a byte where the map of objects has a bit. Only starts of objects have a byte that is not 0,
 * unless a process is read while it changes; then each slot is looked at. */
static void map_unchecked_here(const struct slab_view *v, const struct slab_view_run *r, struct gather *g)
{
	const uint8_t *states = (const uint8_t *)(uintptr_t)(v->directory.state + ((r->addr - v->base) >> 4));
	uint32_t words = r->nr_pages * (uint32_t)(PAGE_SIZE / 16 / 64), i;

	for (i = 0; i < words; i++) {
		uint64_t bits = arch_nonzero_64(states + 64 * i);
		g->map[i] |= bits;
		g->nr += bits ? (uint32_t)__builtin_popcountll(bits) : 0;
	}
}

static void map_coarse(const struct slab_view *v, const struct slab_view_run *r, struct gather *g)
{
	const struct slab_view_cache *c = &v->caches[r->cache];
	bool slots[COARSE_SLOTS];
	uint32_t i, n = coarse_slots(v, r, slots);

	for (i = 0; i < n; i++)
		gather_bit(g, (first_object(c) + i * c->slot_size) / 16, slots[i]);
}

static void map_unchecked(const struct slab_view *v, const struct slab_view_run *r, struct gather *g)
{
	const struct slab_view_cache *c = &v->caches[r->cache];
	uint64_t state = v->directory.state + ((r->addr - v->base) >> 4);
	uint32_t total = r->nr_pages * (uint32_t)(PAGE_SIZE / 16), at = first_object(c) / 16;
	uint32_t step = c->slot_size / 16, end = at + (c->nr_objects - 1) * step, first;
	uint8_t buf[STATES_AT_ONCE];

	for (first = 0; first < total; first += STATES_AT_ONCE) {
		uint32_t behind = MIN(first + STATES_AT_ONCE, total);
		const uint8_t *piece = view_bytes(v, state + first, behind - first, buf);
		behind = MIN(behind, end + 1);
		if (!piece && at < behind)
			at += (behind - at + step - 1) / step * step;
		for (; at < behind; at += step)
			gather_bit(g, at, piece[at - first] != 0);
	}
}

static void map_checked(const struct slab_view *v, const struct slab_view_run *r, struct gather *gathered,
                        bool *displaced)
{
	const struct slab_view_cache *c = &v->caches[r->cache];
	uint8_t buf[SLAB_VIEW_OBJECTS];
	const uint8_t *bytes = view_bytes(v, r->descriptor + slab_bytes_offset(c->map_words), c->nr_objects, buf);
	uint32_t object = c->offset, i, nr = bytes ? c->nr_objects : 0, slot = c->slot_size, size = c->object_size;
	bool aligned = (slot | object) % 16 == 0;
	struct gather g = *gathered; /* in registers */

	for (i = 0; i < nr; i++, object += slot) {
		uint8_t byte = bytes[i];
		uint32_t start = object;
		bool live = (byte & OBJECT_LIVE) != 0;
		if (unlikely(live && (byte != OBJECT_LIVE || !aligned))) {
			start = (uint32_t)(object_start(r->addr + object, byte) - r->addr);
			live = start - object < size;
			*displaced |= live && start != object;
		}
		gather_bit(&g, live ? start / 16 : object / 16, live);
	}
	*gathered = g;
}

uint32_t slab_view_live_map(const struct slab_view *v, const struct slab_view_run *r, uint64_t *map, bool *displaced)
{
	struct gather g = { map, 0, 0, 0 };

	*displaced = false;
	if (v->caches[r->cache].fast && class_is_coarse(r->cache))
		map_coarse(v, r, &g);
	else if (v->caches[r->cache].fast && v->mem->here)
		map_unchecked_here(v, r, &g);
	else if (v->caches[r->cache].fast)
		map_unchecked(v, r, &g);
	else
		map_checked(v, r, &g, displaced);
	g.map[g.word] |= g.bits;
	return g.nr;
}

/* ---- from an address to its object ----------------------------------------------------------- */

static uint64_t owner_of(const struct slab_view *v, uint32_t page)
{
	struct page p;
	uint64_t block;

	if (!view_read(v->mem, &p, v->directory.memmap + (uint64_t)page * sizeof(p), sizeof(p)))
		return 0;
	if ((p.owner & OWNER_TAG) != OWNER_NONE)
		return p.owner;
	return view_read(v->mem, &block, v->directory.blocks + (uint64_t)(page >> BLOCK_ORDER) * sizeof(block),
	                 sizeof(block))
	               ? block
	               : 0;
}

static void describe_area(const struct slab_view *v, const struct area *a, struct slab_object *obj)
{
	obj->state = area_is_live(a)                ? SLAB_OBJ_LIVE
	             : a->state == AREA_QUARANTINED ? SLAB_OBJ_QUARANTINED
	                                            : SLAB_OBJ_FREE;
	obj->addr = a->addr;
	obj->size = a->size;
	obj->slot = v->base + ((uint64_t)(a->page + a->guard_pages) << PAGE_SHIFT);
	obj->object_size = obj->slot_size = (size_t)(a->nr_pages - 2 * a->guard_pages - a->spare_pages) << PAGE_SHIFT;
	str_copy(obj->cache, a->api == SLAB_API_PAGES ? "pages" : "vmalloc", sizeof(obj->cache));
	obj->large = true;
	obj->tracked = a->when != 0;
	obj->api = a->api < SLAB_API_NR ? (enum slab_api)a->api : SLAB_API_MALLOC;
	obj->alloc_stack = a->alloc_stack;
	obj->free_stack = a->free_stack;
	obj->alloc_thread = a->alloc_thread;
	obj->free_thread = a->free_thread;
	obj->when = a->when;
}

static uint8_t view_byte(const struct slab_view *v, uint64_t at)
{
	uint8_t byte = 0;

	view_read(v->mem, &byte, at, 1);
	return byte;
}

static bool view_coarse(const struct slab_view *v, uint64_t addr)
{
	uint64_t off = addr - v->base;
	uint16_t w = 0;

	view_read(v->mem, &w, v->directory.coarse + (off >> COARSE_SHIFT) * sizeof(w), sizeof(w));
	return w != 0 && !((w ^ off) & COARSE_PLACE);
}

/* What slot i holds, and where the user's object starts. */
static enum slab_object_state slot_state(const struct slab_view *v, const struct slab_view_run *r, uint32_t i,
                                         uint64_t *start)
{
	const struct slab_view_cache *c = &v->caches[r->cache];
	uint8_t byte;

	if (c->fast && class_is_coarse(r->cache))
		return view_coarse(v, *start) ? SLAB_OBJ_LIVE : SLAB_OBJ_FREE;
	if (c->fast)
		return view_byte(v, v->directory.state + ((*start - v->base) >> 4)) ? SLAB_OBJ_LIVE : SLAB_OBJ_FREE;
	byte = view_byte(v, r->descriptor + slab_bytes_offset(c->map_words) + i);
	if (object_start(*start, byte) - *start < c->object_size)
		*start = object_start(*start, byte);
	if (byte & OBJECT_LIVE)
		return SLAB_OBJ_LIVE;
	return byte & OBJECT_HELD ? SLAB_OBJ_QUARANTINED : SLAB_OBJ_FREE;
}

static void describe_track(const struct slab_view *v, const struct slab_view_run *r, uint32_t i,
                           struct slab_object *obj)
{
	const struct slab_view_cache *c = &v->caches[r->cache];
	uint64_t tracks = r->descriptor + slab_tracks_offset(c->map_words, c->nr_objects);
	struct slab_track t;

	if (!(c->flags & SLAB_F_TRACK) || !view_read(v->mem, &t, tracks + i * sizeof(t), sizeof(t)))
		return;
	obj->when = (uint32_t)t.when_high << 22 | (uint32_t)t.when_low;
	obj->tracked = obj->when != 0;
	if (obj->tracked && r->cache < SLAB_FIRST_ZERO)
		obj->size = MIN(obj->size, (size_t)t.size);
	obj->api = t.api < SLAB_API_NR ? (enum slab_api)t.api : SLAB_API_MALLOC;
	obj->alloc_stack = t.alloc_stack;
	obj->free_stack = t.free_stack;
	obj->alloc_thread = t.alloc_thread;
	obj->free_thread = t.free_thread;
}

/* As harden_size. An object that is being freed may have any word there. */
static size_t armed_size(const struct slab_view *v, const struct slab_view_cache *c, uint64_t object)
{
	uint32_t word;

	if (!view_read(v->mem, &word, object + c->tail, sizeof(word)) || word - v->key > c->object_size)
		return c->object_size;
	return word - v->key;
}

static void describe_slot(const struct slab_view *v, const struct slab_view_run *r, uint64_t addr,
                          struct slab_object *obj)
{
	const struct slab_view_cache *c = &v->caches[r->cache];
	uint32_t i = MIN(index_of(c, r, addr), c->nr_objects - 1);
	uint64_t object = r->addr + first_object(c) + (uint64_t)i * c->slot_size;

	obj->addr = object;
	obj->state = slot_state(v, r, i, &obj->addr);
	obj->object_size = c->object_size;
	obj->size = r->cache < SLAB_FIRST_ZERO ? object + c->object_size - obj->addr : c->user_size;
	if (c->tail && obj->state == SLAB_OBJ_LIVE)
		obj->size = armed_size(v, c, object);
	obj->slot = object - c->offset;
	obj->slot_size = c->slot_size;
	str_copy(obj->cache, c->name, sizeof(obj->cache));
	describe_track(v, r, i, obj);
}

void slab_view_expect(const struct slab_view *v, uint64_t addr, unsigned step)
{
	uint64_t page = (addr - v->base) >> PAGE_SHIFT;
	const struct page *p = (const struct page *)(uintptr_t)v->directory.memmap + page;
	const struct slab_view_cache *c;
	struct slab_view_run r;
	uint32_t i;

	if (!v->mem->here || addr - v->base >= v->known)
		return;
	if (step == 0) {
		__builtin_prefetch(p);
		__builtin_prefetch((const void *)(uintptr_t)addr);
		__builtin_prefetch((const void *)(uintptr_t)(addr + 63));
	}
	if (step == 0 || (p->owner & OWNER_TAG) != OWNER_SLAB)
		return;
	if (step == 1) {
		prefetch_descriptor(p->owner);
		return;
	}
	if (!slab_run(v, (uint64_t)(uintptr_t)OWNER_POINTER(p->owner), (uint32_t)page, &r))
		return;
	c = &v->caches[r.cache];
	i = index_of(c, &r, addr);
	__builtin_prefetch((const void *)(uintptr_t)(r.descriptor + slab_bytes_offset(c->map_words) + i));
	__builtin_prefetch((const void *)(uintptr_t)(r.descriptor + slab_tracks_offset(c->map_words, c->nr_objects) +
	                                             i * sizeof(struct slab_track)));
}

bool slab_view_object(const struct slab_view *v, uint64_t addr, struct slab_object *obj)
{
	uint32_t page = (uint32_t)((addr - v->base) >> PAGE_SHIFT);
	uint64_t owner, descriptor;
	struct slab_view_run r;
	struct area a;

	mem_set(obj, 0, sizeof(*obj));
	if (addr - v->base >= v->known)
		return false;
	owner = owner_of(v, page);
	descriptor = (uint64_t)(uintptr_t)OWNER_POINTER(owner);
	if ((owner & OWNER_TAG) == OWNER_SLAB && slab_run(v, descriptor, page, &r)) {
		describe_slot(v, &r, addr, obj);
		return true;
	}
	if ((owner & OWNER_TAG) == OWNER_AREA && area_read(v, descriptor, page, &a)) {
		describe_area(v, &a, obj);
		return true;
	}
	return false;
}
