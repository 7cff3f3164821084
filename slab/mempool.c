/* SPDX-License-Identifier: BSD-2-Clause */
/* slab/mempool.c - objects inside of memory that the program's own allocator divides: the program tells memsan of
 * them, and they are checked in place. */
#include "slab/finding.h"
#include "slab/mempool.h"
#include "slab/object.h"
#include "slab/redzone.h"
#include "slab/slab.h"
#include "slab/source.h"

/* This combines Valgrind's MEMPOOL requests and ASan's manual poisoning. The program says where its objects begin and
 * end. memsan moves no object:
 *
 *     the program's block     | rz | object 40 bytes | rz |  free  | rz | object … | rz |
 *     shadow (where kept)       FC   00 … 00           FC    FC/FA   FC
 *     red zones                 cc                     cc             cc                    written and verified
 *
 * rz: the bytes that the program leaves free around each object for memsan.
 *
 * The table leads from an object's address to its entry, also when the object is freed, until the pool goes or
 * another object begins at the same address. So double and invalid frees are found in both modes. Stacks, red zones
 * and poison are for check mode.
 *
 * To find the object that an address belongs to, the search goes back from the address, in steps of the pools'
 * alignment, up to the length of the longest object that there was. Only reports do that.
 *
 * Accepted weakness: the free bytes of a block belong to the program's allocator, which keeps its links there. They are
 * poisoned in the shadow only if the program says so (memory given with mempool_add, and freed objects). Uses by code
 * that is not instrumented are found only if the pool has poison. */

#define TABLE_FIRST 256u
#define FIND_STEPS 65536u

#define TOMBSTONE ((struct mempool_object *)MEMPOOL_TOMBSTONE)

static struct ranked_lock mempool_lock = RANKED_LOCK_INIT(LOCK_RANK_CACHE); /* guards all below */
/* read without the lock by slab_find_object; old tables stay readable */
static struct mempool_table *table;
static struct slab_mempool *pools;
static bool registered;                      /* as an object source */
static struct mempool_object *spare_objects; /* linked by next */
static struct mempool_block *spare_blocks;
static size_t longest, widest; /* the longest object with its red zones; the widest red zone */
static uintptr_t align_bits;   /* all addresses or'ed; the lowest set bit is the step of a search */

/* ---- the table; under mempool_lock, except find ---------------------------------------------- */

static struct mempool_object *table_find(uintptr_t addr)
{
	const struct mempool_table *t = LOAD_ACQUIRE(table);
	uint32_t i, n;

	if (!t)
		return NULL;
	for (i = mempool_table_slot(t->size, addr), n = 0; n < t->size; i = (i + 1) & (t->size - 1), n++) {
		struct mempool_object *o = LOAD_ACQUIRE(t->slots[i]);

		if (!o)
			return NULL;
		if (o != TOMBSTONE && READ_ONCE(o->addr) == addr)
			return o;
	}
	return NULL;
}

static void table_put(struct mempool_table *t, struct mempool_object *o)
{
	uint32_t i = mempool_table_slot(t->size, o->addr);

	while (t->slots[i] && t->slots[i] != TOMBSTONE)
		i = (i + 1) & (t->size - 1);
	t->used += !t->slots[i];
	STORE_RELEASE(t->slots[i], o);
}

/* Makes room for one more entry. A table full of tombstones is built anew at the same size. */
static bool table_reserve(void)
{
	uint32_t size = table ? table->size : TABLE_FIRST, i, live = 0;
	struct mempool_table *t;

	if (table && table->used < table->size - table->size / 4)
		return true;
	for (i = 0; table && i < table->size; i++)
		live += table->slots[i] && table->slots[i] != TOMBSTONE;
	if (live > size / 2)
		size *= 2;
	t = meta_alloc(sizeof(*t) + size * sizeof(t->slots[0]), COST_SLAB);
	if (!t)
		return false;
	t->size = size;
	for (i = 0; table && i < table->size; i++)
		if (table->slots[i] && table->slots[i] != TOMBSTONE)
			table_put(t, table->slots[i]);
	STORE_RELEASE(table, t);
	return true;
}

static void table_remove(const struct mempool_object *o)
{
	uint32_t i = mempool_table_slot(table->size, o->addr);

	while (table->slots[i] != o)
		i = (i + 1) & (table->size - 1);
	STORE_RELEASE(table->slots[i], TOMBSTONE);
}

static void object_unlink(struct mempool_object *o)
{
	if (o->prev)
		o->prev->next = o->next;
	else
		o->pool->objects = o->next;
	if (o->next)
		o->next->prev = o->prev;
}

static void object_link(struct slab_mempool *pool, struct mempool_object *o)
{
	o->pool = pool;
	o->prev = NULL;
	o->next = pool->objects;
	if (o->next)
		o->next->prev = o;
	pool->objects = o;
}

/* The entry for an address: one of another pool, one that was freed before, or a new one. */
static struct mempool_object *object_get(struct slab_mempool *pool, uintptr_t addr)
{
	struct mempool_object *o = table_find(addr);

	if (o) {
		object_unlink(o);
	} else {
		if (!table_reserve())
			return NULL;
		o = spare_objects;
		if (o)
			spare_objects = o->next;
		else
			o = meta_alloc(sizeof(*o), COST_SLAB);
		if (!o)
			return NULL;
		WRITE_ONCE(o->addr, addr);
		table_put(table, o);
	}
	object_link(pool, o);
	return o;
}

/* ---- bytes and shadow ------------------------------------------------------------------------ */

static bool checks(void)
{
	return options.mode == MODE_CHECK;
}

/* The shadow can tell objects apart only if they start at granules. */
static bool has_granules(const struct mempool_object *o)
{
	return ((o->addr | o->pool->redzone) & 7) == 0;
}

static void bytes_alloc(const struct mempool_object *o)
{
	size_t rz = o->pool->redzone;

	if (!checks())
		return;
	if (has_granules(o))
		slab_shadow->live(o->addr - rz, ALIGN_UP(o->addr + o->size, 8) + rz, o->addr, o->size, false);
	mem_set((void *)(o->addr - rz), SLUB_RED_ACTIVE, rz);
	mem_set((void *)(o->addr + o->size), SLUB_RED_ACTIVE, rz);
}

static void bytes_free(const struct mempool_object *o)
{
	if (!checks())
		return;
	if (o->pool->flags & SLAB_MEMPOOL_POISON)
		mem_set((void *)o->addr, POISON_FREE, o->size);
	if (has_granules(o) && o->pool->flags & SLAB_MEMPOOL_POISON)
		slab_shadow->bad(o->addr, ALIGN_UP(o->size, 8), SLAB_MARK_FREED);
	else if (has_granules(o) && o->size > SLAB_MEMPOOL_LINKS)
		slab_shadow->bad(o->addr + SLAB_MEMPOOL_LINKS, ALIGN_UP(o->size - SLAB_MEMPOOL_LINKS, 8),
		                 SLAB_MARK_FREED);
}

/* The object has ended. */
static void bytes_forget(const struct mempool_object *o)
{
	size_t rz = o->pool->redzone;

	if (checks() && has_granules(o))
		slab_shadow->live(o->addr - rz, ALIGN_UP(o->addr + o->size, 8) + rz, o->addr - rz,
		                  ALIGN_UP(o->size, 8) + 2 * rz, false);
}

static void describe(const struct mempool_object *o, struct slab_object *obj)
{
	mempool_object_describe(o, o->pool, o->live, obj);
}

const void *mempool_table_place(void)
{
	return &table;
}

/* An entry may lie inside of one that was made later, so a live entry is preferred. Of two entries that share a red
 * zone the nearer is taken. */
static bool find_object(uintptr_t addr, struct slab_object *obj)
{
	uintptr_t bits = READ_ONCE(align_bits), step = bits & -bits, at, most = READ_ONCE(longest);
	const struct mempool_object *best = NULL;
	uint32_t n;

	if (!step)
		return false;
	at = ALIGN_DOWN(addr + READ_ONCE(widest), step);
	for (n = 0; n < FIND_STEPS && at + most > addr; n++, at -= step) {
		const struct mempool_object *o = table_find(at);

		if (!o || !mempool_object_holds(o, o->pool, addr))
			continue;
		if (!best || o->live > best->live ||
		    (o->live == best->live && mempool_object_distance(o, addr) <= mempool_object_distance(best, addr)))
			best = o;
		if (o->live && mempool_object_distance(o, addr) == 0)
			break;
	}
	if (best)
		describe(best, obj);
	return best != NULL;
}

/* Objects of a pool with SLAB_MEMPOOL_LEAKS are also registered for scans for leaks. */
static const struct object_source mempools = { .within = true, .find = find_object, .layout = { .name = "mempools" } };

/* ---- findings -------------------------------------------------------------------------------- */

static void damage_init(struct slab_finding *f, enum slab_finding_kind kind, const struct mempool_object *o,
                        const struct damage *d, enum slab_found_at at, const struct unwind_regs *regs)
{
	finding_init_damage(f, kind, at, d, regs);
	describe(o, &f->object);
}

/* Finds damage and repairs it, so it is reported once. Called under the lock, so the caller reports. Returns the number
 * of findings. */
static unsigned take_damage(const struct mempool_object *o, enum slab_found_at at, const struct unwind_regs *regs,
                            struct slab_finding found[2])
{
	size_t rz = o->pool->redzone;
	unsigned n = 0;
	struct damage d;

	if (!checks())
		return 0;
	if (o->live && !bytes_intact(o->addr - rz, o->addr, SLUB_RED_ACTIVE, &d)) {
		damage_init(&found[n++], SLAB_LEFT_REDZONE, o, &d, at, regs);
		mem_set((void *)d.addr, SLUB_RED_ACTIVE, d.size);
	}
	if (o->live && !bytes_intact(o->addr + o->size, o->addr + o->size + rz, SLUB_RED_ACTIVE, &d)) {
		damage_init(&found[n++], SLAB_RIGHT_REDZONE, o, &d, at, regs);
		mem_set((void *)d.addr, SLUB_RED_ACTIVE, d.size);
	}
	if (!o->live && o->pool->flags & SLAB_MEMPOOL_POISON &&
	    !bytes_intact(o->addr, o->addr + o->size, POISON_FREE, &d)) {
		damage_init(&found[n++], SLAB_POISON_OVERWRITTEN, o, &d, at, regs);
		mem_set((void *)d.addr, POISON_FREE, d.size);
	}
	return n;
}

static void tell(const struct slab_finding *found, unsigned n)
{
	unsigned k;

	for (k = 0; k < n; k++)
		finding_report(&found[k]);
}

size_t mempool_check_all(enum slab_found_at at, const struct unwind_regs *regs)
{
	struct slab_finding found[2];
	uint32_t i = 0, end;
	size_t total = 0;
	unsigned n;

	if (!LOAD_ACQUIRE(table))
		return 0;
	do {
		n = 0;
		lock_acquire(&mempool_lock);
		end = lock_is_given_up(&mempool_lock) ? 0 : table->size;
		for (; i < end && !n; i++)
			if (table->slots[i] && table->slots[i] != TOMBSTONE)
				n = take_damage(table->slots[i], at, regs, found);
		lock_release(&mempool_lock);
		tell(found, n);
		total += n;
	} while (n);
	return total;
}

static void report_pool(enum slab_finding_kind kind, const struct slab_mempool *pool, uintptr_t addr,
                        const struct slab_object *obj, uint64_t nr, const struct unwind_regs *regs)
{
	struct slab_finding f;

	finding_init(&f, kind, SLAB_AT_FREE, addr, regs);
	f.api_used = SLAB_API_POOL;
	f.nr = nr;
	if (pool)
		str_copy(f.cache, pool->name, sizeof(f.cache));
	f.have_object = obj != NULL;
	if (obj)
		mem_copy(&f.object, obj, sizeof(*obj));
	finding_report(&f);
}

/* ---- outward --------------------------------------------------------------------------------- */

struct slab_mempool *slab_mempool_create(const char *name, size_t redzone, unsigned flags)
{
	struct slab_mempool *pool;

	lock_register_for_fork(&mempool_lock);
	lock_acquire(&mempool_lock);
	for (pool = pools; pool && pool->used; pool = pool->next)
		;
	if (!pool) {
		pool = meta_alloc(sizeof(*pool), COST_SLAB);
		if (pool) {
			pool->next = pools;
			pools = pool;
		}
	}
	if (pool) {
		str_copy(pool->name, name, sizeof(pool->name));
		pool->redzone = redzone;
		pool->flags = flags;
		pool->used = true;
		pool->nr_live = 0;
		if (!registered)
			object_source_register(&mempools);
		registered = true;
	}
	lock_release(&mempool_lock);
	return pool;
}

/* Is it a pool? It may be any pointer. Under the lock. */
static bool mempool_known(const struct slab_mempool *pool)
{
	const struct slab_mempool *p;

	for (p = pools; p; p = p->next)
		if (p == pool)
			return p->used;
	return false;
}

bool slab_mempool_add(struct slab_mempool *pool, void *mem, size_t size, const struct unwind_regs *regs)
{
	struct mempool_block *b = NULL;
	bool known;

	lock_acquire(&mempool_lock);
	known = mempool_known(pool);
	if (known) {
		b = spare_blocks;
		if (b)
			spare_blocks = b->next;
		else
			b = meta_alloc(sizeof(*b), COST_SLAB);
	}
	if (b) {
		*b = (struct mempool_block){ .addr = ALIGN_UP((uintptr_t)mem, 8), .size = size, .next = pool->blocks };
		b->size = ALIGN_DOWN((uintptr_t)mem + size - b->addr, 8);
		pool->blocks = b;
		if (checks())
			slab_shadow->bad(b->addr, b->size, SLAB_MARK_REDZONE);
	}
	lock_release(&mempool_lock);
	if (!known)
		report_pool(SLAB_CACHE_DESTROYED, NULL, (uintptr_t)pool, NULL, 0, regs);
	return b != NULL;
}

bool slab_mempool_alloc(struct slab_mempool *pool, void *p, size_t size, const struct unwind_regs *regs)
{
	stack_handle stack = checks() && regs ? unwind_save(regs) : 0;
	struct slab_finding found[2];
	struct mempool_object *o = NULL;
	unsigned n = 0;
	bool known;

	lock_acquire(&mempool_lock);
	known = mempool_known(pool);
	if (known)
		o = object_get(pool, (uintptr_t)p);
	if (o) {
		if (!o->live && o->size == size && o->when)
			n = take_damage(o, SLAB_AT_ALLOC, regs, found);
		pool->nr_live += 1;
		o->size = size;
		o->live = true;
		o->alloc_stack = stack;
		o->alloc_thread = thread_index();
		o->when = jiffies_now();
		WRITE_ONCE(longest, MAX(longest, size + 2 * pool->redzone + 8));
		WRITE_ONCE(widest, MAX(widest, pool->redzone));
		WRITE_ONCE(align_bits, align_bits | (uintptr_t)p);
		bytes_alloc(o);
	}
	lock_release(&mempool_lock);
	tell(found, n);
	if (!known)
		report_pool(SLAB_CACHE_DESTROYED, NULL, (uintptr_t)p, NULL, 0, regs);
	return o != NULL;
}

void slab_mempool_free(struct slab_mempool *pool, void *p, const struct unwind_regs *regs)
{
	stack_handle stack = checks() && regs ? unwind_save(regs) : 0;
	struct slab_finding found[2];
	enum slab_finding_kind wrong = SLAB_INVALID_FREE;
	bool good = false, have, known;
	struct slab_object obj;
	struct mempool_object *o;
	unsigned n = 0;

	lock_acquire(&mempool_lock);
	known = mempool_known(pool);
	o = table_find((uintptr_t)p);
	have = o || find_object((uintptr_t)p, &obj);
	if (o)
		describe(o, &obj);
	if (!known)
		wrong = SLAB_CACHE_DESTROYED;
	else if (o && !o->live)
		wrong = SLAB_DOUBLE_FREE;
	else if (o && o->pool != pool)
		wrong = SLAB_WRONG_CACHE;
	good = known && o && o->live && o->pool == pool;
	if (good) {
		n = take_damage(o, SLAB_AT_FREE, regs, found);
		pool->nr_live--;
		o->live = false;
		o->free_stack = stack;
		o->free_thread = thread_index();
		o->when = jiffies_now();
		bytes_free(o);
	}
	lock_release(&mempool_lock);
	tell(found, n);
	if (!good)
		report_pool(wrong, known ? pool : NULL, (uintptr_t)p, have ? &obj : NULL, 0, regs);
}

bool slab_mempool_tells_leaks(const struct slab_mempool *pool)
{
	bool tells;

	lock_acquire(&mempool_lock);
	tells = mempool_known(pool) && pool->flags & SLAB_MEMPOOL_LEAKS;
	lock_release(&mempool_lock);
	return tells;
}

bool slab_mempool_owns(const struct slab_mempool *pool, const void *p)
{
	const struct mempool_object *o;
	bool owns;

	lock_acquire(&mempool_lock);
	o = table_find((uintptr_t)p);
	owns = o && o->live && o->pool == pool;
	lock_release(&mempool_lock);
	return owns;
}

void slab_mempool_each_live(struct slab_mempool *pool, void (*fn)(const void *p))
{
	const struct mempool_object *o;

	lock_acquire(&mempool_lock);
	for (o = mempool_known(pool) ? pool->objects : NULL; o; o = o->next)
		if (o->live)
			fn((const void *)o->addr);
	lock_release(&mempool_lock);
}

/* Takes the next object out of the pool, up to one that is live or damaged. False: there is none left. */
static bool take_live(struct slab_mempool *pool, struct slab_object *obj, struct slab_finding found[2], unsigned *n,
                      const struct unwind_regs *regs)
{
	struct mempool_object *o;
	bool live = false;

	*n = 0;
	lock_acquire(&mempool_lock);
	while ((o = pool->objects) != NULL && !live) {
		live = o->live;
		*n = take_damage(o, SLAB_AT_FREE, regs, found);
		describe(o, obj);
		bytes_forget(o);
		object_unlink(o);
		table_remove(o);
		o->next = spare_objects;
		spare_objects = o;
		if (*n)
			break;
	}
	lock_release(&mempool_lock);
	return live || *n;
}

size_t slab_mempool_destroy(struct slab_mempool *pool, const struct unwind_regs *regs)
{
	struct slab_finding found[2];
	struct slab_object obj;
	struct mempool_block *b;
	size_t remain;
	unsigned n;
	bool known;

	lock_acquire(&mempool_lock);
	known = mempool_known(pool);
	remain = known && pool->flags & SLAB_MEMPOOL_LEAKS ? pool->nr_live : 0;
	lock_release(&mempool_lock);
	if (!known) {
		report_pool(SLAB_CACHE_DESTROYED, NULL, (uintptr_t)pool, NULL, 0, regs);
		return 0;
	}
	while (take_live(pool, &obj, found, &n, regs)) {
		tell(found, n);
		if (remain && obj.state == SLAB_OBJ_LIVE)
			report_pool(SLAB_OBJECT_REMAINS, pool, obj.addr, &obj, remain, regs);
	}
	lock_acquire(&mempool_lock);
	while ((b = pool->blocks) != NULL) {
		pool->blocks = b->next;
		if (checks() && b->size)
			slab_shadow->live(b->addr, b->addr + b->size, b->addr, b->size, false);
		b->next = spare_blocks;
		spare_blocks = b;
	}
	pool->used = false;
	lock_release(&mempool_lock);
	return remain;
}
