/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/depot.c - the stack depot: each stack kept once, named by a 32-bit handle (after the kernel's lib/stackdepot.c).
 *
 * Stacks share their outer frames, so they are kept as a tree that grows inwards: a node is a return address and the node of
 * its caller.  A handle is the index of the innermost frame's node; the whole stack is the path to the root (handle 0).
 *
 *     main ── run ──┬── parse ── strdup        handle of "strdup < parse < run < main"
 *                   └── emit  ── malloc wrapper
 *
 * That makes saving incremental: who knows the handle of the outer frames adds one node for each inner one (unwind.c does).
 * (parent, pc) → node is a hash table with chains through the nodes.  Looking up takes no lock.  Inserting does, and looks
 * again first; growing the table re-links every node under the same lock, while a reader may stray from one chain into another:
 * each chain ends, so the reader does too, at worst without finding a node that is there, and then it comes here for the lock.
 *
 * 16 bytes a node, never freed: the number of different call paths of a program is bounded, as it is in the kernel.
 */
#include "lib/lib.h"
#include "lib/lib_internal.h"

struct depot_node {
	uint64_t pc;
	uint32_t parent;
	uint32_t next;       /* in its hash chain; 0 ends it */
};
_Static_assert(sizeof(struct depot_node) == 16, "a node is 16 bytes");

#define DEPOT_NODES_MAX (1u << STACK_HANDLE_BITS)
#define DEPOT_NODES_MIN (1u << 16)
#define DEPOT_STEP (64u << 10)
#define TABLE_BITS_FIRST 10

struct depot_table {
	uint32_t mask;
	uint32_t heads[];    /* read without the lock */
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

/* Handles are dense, so adding one is as good as mixing it in, and sooner done: saving a stack is a chain of these. */
__inline_hot uint32_t depot_hash(uint32_t parent, uint64_t pc)
{
	return (uint32_t)(pc * 0x9e3779b97f4a7c15ULL >> 32) + parent;
}

__inline_hot uint32_t depot_find(const struct depot_table *t, uint32_t parent, uint64_t pc)
{
	if (unlikely(!t))
		return 0;
	uint32_t i = __atomic_load_n(&t->heads[depot_hash(parent, pc) & t->mask], __ATOMIC_ACQUIRE);
	while (i) {
		const struct depot_node *n = &depot_nodes()[i];
		if (n->pc == pc && n->parent == parent)
			return i;
		i = __atomic_load_n(&n->next, __ATOMIC_ACQUIRE);
	}
	return 0;
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

static void depot_link(struct depot_table *t, uint32_t i)
{
	struct depot_node *n = &depot_nodes()[i];
	uint32_t *head = &t->heads[depot_hash(n->parent, n->pc) & t->mask];

	__atomic_store_n(&n->next, *head, __ATOMIC_RELEASE);
	__atomic_store_n(head, i, __ATOMIC_RELEASE);    /* pairs with depot_find: who sees the head sees the node */
}

/* A table twice the size; the old one is left to readers that still have it (a geometric series: less than the new one). */
static void depot_grow_table(void)
{
	struct depot_table *old = depot_table;
	uint32_t buckets = old ? (old->mask + 1) * 4 : 1u << TABLE_BITS_FIRST;
	struct depot_table *t = meta_alloc(sizeof(*t) + buckets * sizeof(t->heads[0]), COST_DEPOT);

	if (!t)
		return; /* longer chains, then */
	t->mask = buckets - 1;
	for (uint32_t i = 1; i < depot_used; i++)
		depot_link(t, i);
	__atomic_store_n(&depot_table, t, __ATOMIC_RELEASE);
}

static uint32_t depot_insert(uint32_t parent, uint64_t pc)
{
	size_t before = depot_space.committed;

	if (!depot_start() || (size_t)(depot_used + 1) * sizeof(struct depot_node) > depot_space.reserved ||
	    !os_stepped_reach(&depot_space, (size_t)(depot_used + 1) * sizeof(struct depot_node))) {
		__atomic_store_n(&depot_full, true, __ATOMIC_RELAXED);
		return 0;
	}
	meta_account(COST_DEPOT, (int64_t)(depot_space.committed - before));
	if (!depot_table || depot_used > depot_table->mask)
		depot_grow_table();
	if (!depot_table)
		return 0;
	uint32_t i = depot_used++;
	depot_nodes()[i].pc = pc;
	depot_nodes()[i].parent = parent;
	depot_link(depot_table, i);
	return i;
}

/* ---- the interface ------------------------------------------------------------------------------------------------ */

static __cold_path stack_handle depot_child_new(stack_handle parent, uintptr_t pc)
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
	uint32_t i = depot_find(depot_table, parent, pc);
	if (!i)
		i = depot_insert(parent, pc);
	lock_release(&depot_lock);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	depot_busy = false;
	return i ? i : parent;
}

stack_handle depot_child(stack_handle parent, uintptr_t pc)
{
	uint32_t i = depot_find(__atomic_load_n(&depot_table, __ATOMIC_ACQUIRE), parent, pc);

	return likely(i) ? i : depot_child_new(parent, pc);
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
}

void lib_root_fill(struct lib_root *r)
{
	os_root_fill(r);
	depot_root_fill(r);
	thread_root_fill(r);
	clock_root_fill(r);
}
