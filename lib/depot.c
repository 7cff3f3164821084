/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/depot.c - the stack depot: each stack kept once, named by a 32-bit handle (after the kernel's lib/stackdepot.c).
 *
 * Stacks share their outer frames, so they are kept as a tree that grows inwards: a node is a return address and the node of
 * its caller.  A handle is the index of the innermost frame's node; the whole stack is the path to the root (handle 0).
 *
 *     main ── run ──┬── parse ── strdup        handle of "strdup < parse < run < main"
 *                   └── emit  ── malloc wrapper
 *
 * A node is found by a hash of its whole path, from the outermost frame inwards.  Who knows the hash of the outer frames mixes the inner
 * ones in (unwind.c does) and looks once, however many frames are new: step by step through the tree, a recursion that branches
 * would wait for memory at each frame.  Two paths with one 64-bit hash and the same innermost frame would be taken for one, as the
 * sanitizers' stack depot does; with ten million stacks the odds of one such pair are below one in 300,000.
 *
 * The hash table has open addressing; a slot holds a handle and four bits of the hash, which spare most looks at nodes that are others.
 * Looking up takes no lock.  Inserting does, and looks again first.  A bigger table replaces a table at five eighths; the old one is
 * left to the readers that still have it, who at worst miss a node that is there, and then come here for the lock.
 *
 * 24 bytes a node, never freed: the number of different call paths of a program is bounded, as it is in the kernel.
 */
#include "lib/lib.h"
#include "lib/lib_internal.h"

struct depot_node {
	uint64_t hash;       /* of the whole path */
	uint64_t pc;
	uint32_t parent;
};
_Static_assert(sizeof(struct depot_node) == 24, "a node is 24 bytes");

#define DEPOT_NODES_MAX (1u << STACK_HANDLE_BITS)
#define DEPOT_NODES_MIN (1u << 16)
#define DEPOT_STEP (64u << 10)
#define TABLE_BITS_FIRST 10

struct depot_table {
	uint32_t mask;
	uint32_t slots[];    /* four bits of the hash, handle; 0: free, and the end of a search.  Read without the lock */
};

/* Guards insertion and growth: the three below and the writing of nodes. */
static struct ranked_lock depot_lock = RANKED_LOCK_INIT(LOCK_RANK_DEPOT);
static struct os_stepped depot_space;
static uint32_t depot_used;                 /* nodes handed out; node 0 is the root of all and never used */
static struct depot_table *depot_table;     /* published with release */
static bool depot_full;                     /* said so once; may be read without the lock */

TLS_IE bool depot_busy;

static struct depot_node *depot_nodes(void)
{
	return (struct depot_node *)depot_space.base;
}

__inline_hot uint32_t depot_tag(uint64_t hash)
{
	return (uint32_t)(hash >> 60) << STACK_HANDLE_BITS;
}

__inline_hot uint32_t depot_lookup(const struct depot_table *t, uint64_t hash, uint64_t pc)
{
	if (unlikely(!t))
		return 0;
	for (uint32_t at = (uint32_t)hash & t->mask;; at = (at + 1) & t->mask) {
		uint32_t slot = __atomic_load_n(&t->slots[at], __ATOMIC_ACQUIRE);
		if (!slot)
			return 0;
		uint32_t i = slot ^ depot_tag(hash);
		if (i >= DEPOT_NODES_MAX)
			continue;
		const struct depot_node *n = &depot_nodes()[i];
		if (likely(n->hash == hash && n->pc == pc))
			return i;
	}
}

/* ---- growth, under depot_lock ----------------------------------------------------------------------------------- */

/* A tight limit on address space is the program's to use. */
static size_t depot_space_for(uint64_t limit)
{
	size_t nodes = DEPOT_NODES_MAX;

	while (nodes > DEPOT_NODES_MIN && nodes * sizeof(struct depot_node) > limit / 16)
		nodes /= 2;
	return nodes * sizeof(struct depot_node);
}

static bool depot_start(void)
{
	if (depot_space.base)
		return true;
	if (!os_stepped_init(&depot_space, depot_space_for(os_address_space_limit()), DEPOT_STEP))
		return false;
	depot_used = 1;
	return true;
}

static void depot_enter(struct depot_table *t, uint32_t i)
{
	uint64_t hash = depot_nodes()[i].hash;
	uint32_t at = (uint32_t)hash & t->mask;

	while (t->slots[at])
		at = (at + 1) & t->mask;
	__atomic_store_n(&t->slots[at], depot_tag(hash) | i, __ATOMIC_RELEASE);    /* pairs with depot_lookup: who sees it sees the node */
}

static bool depot_table_has_room(void)
{
	return depot_table && (uint64_t)depot_used * 8 < (uint64_t)(depot_table->mask + 1) * 5;
}

/* A table twice the size; all the old ones together are as big as this.  Without memory the old one fills up further, but a search
 * must find its end. */
static bool depot_make_room(void)
{
	struct depot_table *old = depot_table;
	uint32_t slots = old ? (old->mask + 1) * 2 : 1u << TABLE_BITS_FIRST;
	struct depot_table *t = meta_alloc(sizeof(*t) + slots * sizeof(t->slots[0]), COST_DEPOT);

	if (!t)
		return old && depot_used < old->mask - old->mask / 8;
	t->mask = slots - 1;
	for (uint32_t i = 1; i < depot_used; i++)
		depot_enter(t, i);
	__atomic_store_n(&depot_table, t, __ATOMIC_RELEASE);
	return true;
}

static uint32_t depot_insert(uint32_t parent, uint64_t hash, uint64_t pc)
{
	size_t before = depot_space.committed;

	if (!depot_start() || (size_t)(depot_used + 1) * sizeof(struct depot_node) > depot_space.reserved ||
	    !os_stepped_reach(&depot_space, (size_t)(depot_used + 1) * sizeof(struct depot_node)) ||
	    (!depot_table_has_room() && !depot_make_room())) {
		__atomic_store_n(&depot_full, true, __ATOMIC_RELAXED);
		return 0;
	}
	meta_account(COST_DEPOT, (int64_t)(depot_space.committed - before));
	uint32_t i = depot_used;
	depot_nodes()[i].hash = hash;
	depot_nodes()[i].pc = pc;
	depot_nodes()[i].parent = parent;
	STORE_RELEASE(depot_used, i + 1);    /* pairs with depot_valid */
	depot_enter(depot_table, i);
	return i;
}

/* ---- the interface ------------------------------------------------------------------------------------------------ */

stack_handle depot_find(uint64_t hash, uintptr_t pc)
{
	return depot_lookup(__atomic_load_n(&depot_table, __ATOMIC_ACQUIRE), hash, pc);
}

void depot_expect(uint64_t hash)
{
	const struct depot_table *t = __atomic_load_n(&depot_table, __ATOMIC_ACQUIRE);

	if (t)
		__builtin_prefetch(&t->slots[hash & t->mask]);
}

stack_handle depot_add(stack_handle parent, uint64_t hash, uintptr_t pc)
{
	static bool registered;

	/* A signal came while this very thread was inserting, or the depot is full: a shorter stack is better than none. */
	if (__atomic_load_n(&depot_full, __ATOMIC_RELAXED) || depot_busy)
		return parent;
	depot_busy = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (unlikely(!__atomic_load_n(&registered, __ATOMIC_RELAXED))) {
		lock_register_for_fork(&depot_lock);
		__atomic_store_n(&registered, true, __ATOMIC_RELAXED);
	}
	lock_acquire(&depot_lock);
	uint32_t i = depot_lookup(depot_table, hash, pc);
	if (!i)
		i = depot_insert(parent, hash, pc);
	lock_release(&depot_lock);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	depot_busy = false;
	return i ? i : parent;
}

stack_handle depot_child(stack_handle parent, uintptr_t pc)
{
	uint64_t hash = depot_mix(parent ? depot_nodes()[parent].hash : 0, pc);
	stack_handle i = depot_find(hash, pc);

	return likely(i) ? i : depot_add(parent, hash, pc);
}

stack_handle depot_save(const uintptr_t *pcs, size_t n)
{
	stack_handle h = 0;

	while (n > 0) {
		stack_handle child = depot_child(h, pcs[--n]);
		if (child == h) /* no room: the stack ends here, rather than having a hole */
			break;
		h = child;
	}
	return h;
}

static bool depot_valid(stack_handle handle)
{
	return handle != 0 && handle < __atomic_load_n(&depot_used, __ATOMIC_ACQUIRE);
}

size_t depot_fetch(stack_handle handle, uintptr_t *pcs, size_t max)
{
	size_t n = 0;

	for (; depot_valid(handle); handle = depot_nodes()[handle].parent) {
		if (n < max)
			pcs[n] = depot_nodes()[handle].pc;
		n++;
	}
	return n;
}

uintptr_t depot_top(stack_handle handle)
{
	return depot_valid(handle) ? depot_nodes()[handle].pc : 0;
}

uint64_t depot_bytes(void)
{
	return meta_bytes(COST_DEPOT);
}

bool depot_is_full(void)
{
	return __atomic_load_n(&depot_full, __ATOMIC_RELAXED);
}

void depot_limit_space(uint64_t limit)
{
	lock_acquire(&depot_lock);
	if (depot_space.base)
		os_stepped_shrink(&depot_space, depot_space_for(limit));
	lock_release(&depot_lock);
}

/* ---- seen from outside ------------------------------------------------------------------------------------------------ */

void depot_root_fill(struct lib_root *r)
{
	r->depot_base = (uint64_t)(uintptr_t)&depot_space.base;
	r->depot_used = (uint64_t)(uintptr_t)&depot_used;
	r->depot_size = sizeof(struct depot_node);
	r->depot_pc = offsetof(struct depot_node, pc);
	r->depot_parent = offsetof(struct depot_node, parent);
}

void lib_root_fill(struct lib_root *r)
{
	os_root_fill(r);
	depot_root_fill(r);
	thread_root_fill(r);
	clock_root_fill(r);
}
