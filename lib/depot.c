/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/depot.c - the stack depot: each stack kept once, named by a 32-bit handle (after the kernel's lib/stackdepot.c).
 *
 * Stacks share their outer frames, so the depot keeps them as a tree that grows inwards. A node is a return address and
 * the node of its caller. A handle is the index of the innermost frame's node; the whole stack is the path to the root
 * (handle 0).
 *
 *     main ── run ──┬── parse ── strdup        handle of "strdup < parse < run < main"
 *                   └── emit  ── malloc wrapper
 *
 * A node is found by the hash of its whole path, which is mixed from the outermost frame inwards. A walk that knows the
 * hash of the outer frames mixes the new inner frames in (unwind_save.c). Then it looks once, however many frames are
 * new. A search from node to node would wait for memory at each frame, for example in a recursion that branches. Two
 * paths with the same hash would be taken for one path, as in the sanitizers' stack depot. A slot counts as found when
 * the search comes to it and the upper 36 bits of the hash agree. So the odds that one such pair exists are 1 in 30,000
 * with a million stacks, and 1 in 3,000 with ten million.
 *
 * The hash table consists of lines of eight slots, each as long as a line of the processor's cache. The hash of a
 * stack's *outer* frames chooses its line. So a function's two allocations, its recursive calls, and their frees lie
 * side by side. A program whose every stack is new then waits for memory once; if each stack had a place by its own
 * hash, the program would wait four times. When the line and the one beside it are full, the place is the first free
 * slot from the stack's own hash on:
 *
 *     line of "main < run"     [ parse | emit | - | - | - | - | - | - ]         a free slot: "run" has no other child
 *     line of "main"           [ run | a | b | c | d | e | f | g ]  full ──►  h: line beside it, own hash, behind that
 *
 * Within a line, the search starts at the slot that the stack's own hash names, so the first look is usually right. No
 * slot is ever freed, so a line with a free slot was never full, and the search can end there. A slot holds the handle
 * and the upper bits of the hash, so a search waits only for the table, not for the node too. A lookup takes no lock.
 * An insertion takes the lock and looks again first. When five eighths of a table are in use, a bigger table replaces
 * it. The old table stays for the readers that still use it. At worst such a reader misses a node that exists; then it
 * takes the lock to insert the node, and finds it. Tables of 2 MiB and more ask for huge pages, since all of their
 * pages are used and each lookup reads a different one.
 *
 * A walk that kept the outer frames of the last one knows their handle. It looks for a few new frames among the node's
 * children, the oldest first (depot_step). Nodes lie in memory in the order in which they were made, and a recursion
 * over a tree comes back to its stacks in that order. So it reads the nodes as a sequence. The table would be read at a
 * different line for each stack. A node has links to its first children only. All others are found in the table. A
 * compiler that inlines a recursive function into itself makes thirty calls of two, so the list is that long: with 8
 * links, check took 12 % more time for a recursion over trees. Lists that are searched in vain cost other programs 2 %
 * of their instructions at most, and no time that could be measured.
 *
 * A node takes 32 bytes and is never freed: the number of different call paths of a program is bounded, as in the
 * kernel.
 */
#include "lib/lib.h"
#include "lib/lib_internal.h"

struct depot_node {
	uint64_t hash; /* the hash of the whole path */
	uint64_t pc;
	uint32_t parent;
	uint32_t line; /* the part of the parent's hash that a table's index uses */
	/* the first child, and the next child of the same parent; 0: there is none. Read without the lock */
	uint32_t child, sibling;
};
_Static_assert(sizeof(struct depot_node) == 32, "a node is half a line of the processor's cache");

#define DEPOT_NODES_MAX (1u << STACK_HANDLE_BITS)
#define DEPOT_NODES_MIN (1u << 16)
#define DEPOT_STEP (64u << 10)
#define CHILDREN_MAX 32u /* more children of a node are found only in the table */
#define TABLE_BITS_FIRST 10
#define LINE_SLOTS 8u
#define LINE_BYTES (LINE_SLOTS * sizeof(uint64_t))
#define TABLE_HUGE ((size_t)2 << 20)
#define REHASH_AHEAD 16u /* a bigger table's lines are prefetched this many nodes ahead */

struct depot_table {
	uint32_t mask;
	/* upper bits of the hash, then the handle; 0: free, and a search ends here. Read without the lock */
	uint64_t slots[] __attribute__((aligned(LINE_BYTES)));
};

/* Guards insertion and growth: the variables below and the writing of nodes. */
static struct ranked_lock depot_lock = RANKED_LOCK_INIT(LOCK_RANK_DEPOT);
static struct stepped_reserve depot_space;
static uint32_t depot_used;             /* number of nodes; node 0 is the root, unused */
static struct depot_table *depot_table; /* published with release */
static bool depot_full;                 /* set once; may be read without the lock */

TLS_IE bool depot_busy;

static struct depot_node *depot_nodes(void)
{
	return (struct depot_node *)depot_space.base;
}

__inline_hot uint64_t depot_tag(uint64_t hash)
{
	return hash & ~((uint64_t)DEPOT_NODES_MAX - 1);
}

/* The first slot of the line for stacks whose outer frames have the hash `outer`; with `beside` 1, of the line beside
 * it. */
__inline_hot uint32_t depot_line(const struct depot_table *t, uint32_t outer, uint32_t beside)
{
	return (outer & t->mask & ~(LINE_SLOTS - 1)) ^ beside * LINE_SLOTS;
}

/* The contents of slot `at`: a handle; 0: the slot is free; more than any handle: the slot has another stack. */
__inline_hot uint64_t depot_slot(const struct depot_table *t, uint32_t at, uint64_t hash)
{
	uint64_t slot = __atomic_load_n(&t->slots[at], __ATOMIC_ACQUIRE);

	return likely(slot) ? slot ^ depot_tag(hash) : 0;
}

static __attribute__((noinline)) uint32_t depot_lookup_further(const struct depot_table *t, uint64_t hash)
{
	for (uint32_t at = (uint32_t)hash & t->mask;; at = (at + 1) & t->mask) {
		uint64_t i = depot_slot(t, at, hash);
		if (i < DEPOT_NODES_MAX)
			return (uint32_t)i;
	}
}

__inline_hot uint32_t depot_lookup(const struct depot_table *t, uint64_t outer, uint64_t hash)
{
	if (unlikely(!t))
		return 0;
	for (uint32_t k = 0; k < 2 * LINE_SLOTS; k++) {
		uint64_t i = depot_slot(
			t, depot_line(t, (uint32_t)outer, k / LINE_SLOTS) | ((uint32_t)hash + k) % LINE_SLOTS, hash);
		if (likely(i < DEPOT_NODES_MAX))
			return (uint32_t)i;
	}
	return depot_lookup_further(t, hash);
}

/* ---- growth, under depot_lock ---------------------------------------------------------------- */

/* Under a tight limit the depot reserves less, and leaves the address space to the program. */
static size_t depot_space_for(uint64_t limit)
{
	size_t nodes = DEPOT_NODES_MAX;

	while (nodes > DEPOT_NODES_MIN && nodes * sizeof(struct depot_node) > limit / 16)
		nodes /= 2;
	return nodes * sizeof(struct depot_node);
}

static bool depot_start(void)
{
	if (depot_used)
		return true;
	if ((!depot_space.base &&
	     !stepped_reserve_init(&depot_space, depot_space_for(os_address_space_limit()), DEPOT_STEP)) ||
	    !stepped_reserve_reach(&depot_space, sizeof(struct depot_node)))
		return false;
	STORE_RELEASE(depot_used, 1); /* pairs with depot_step, which may read the root now */
	return true;
}

/* The first free slot, in the order of depot_lookup's search. */
static uint32_t depot_place(const struct depot_table *t, uint32_t outer, uint64_t hash)
{
	uint32_t at;

	for (uint32_t k = 0; k < 2 * LINE_SLOTS; k++) {
		at = depot_line(t, outer, k / LINE_SLOTS) | ((uint32_t)hash + k) % LINE_SLOTS;
		if (!t->slots[at])
			return at;
	}
	for (at = (uint32_t)hash & t->mask; t->slots[at]; at = (at + 1) & t->mask)
		;
	return at;
}

static void depot_enter(struct depot_table *t, uint32_t i)
{
	const struct depot_node *node = &depot_nodes()[i];
	uint32_t at = depot_place(t, node->line, node->hash);

	/* pairs with depot_slot: a reader that sees the slot sees the node */
	__atomic_store_n(&t->slots[at], depot_tag(node->hash) | i, __ATOMIC_RELEASE);
}

static bool depot_table_has_room(void)
{
	return depot_table && (uint64_t)depot_used * 8 < (uint64_t)(depot_table->mask + 1) * 5;
}

/* Aligned: each line of slots is one line of the processor's cache. */
static struct depot_table *depot_table_small(size_t bytes)
{
	char *p = meta_alloc(bytes + LINE_BYTES, COST_DEPOT);

	return p ? (struct depot_table *)ALIGN_UP((uintptr_t)p, LINE_BYTES) : NULL;
}

static struct depot_table *depot_table_new(size_t bytes)
{
	void *p = bytes < TABLE_HUGE ? NULL : os_reserve(bytes, TABLE_HUGE);

	if (p && os_commit(p, ALIGN_UP(bytes, PAGE_SIZE), true)) {
		os_want_huge(p, ALIGN_UP(bytes, PAGE_SIZE));
		meta_account(COST_DEPOT, (int64_t)bytes);
		return p;
	}
	if (p)
		os_release(p, ALIGN_UP(bytes, PAGE_SIZE));
	return depot_table_small(bytes);
}

/* Makes a table of twice the size. All old tables together are no bigger than the new one. Without memory the old table
 * fills up further, but keeps an eighth of its slots free to end searches. */
static bool depot_make_room(void)
{
	struct depot_table *old = depot_table;
	uint32_t slots = old ? (old->mask + 1) * 2 : 1u << TABLE_BITS_FIRST;
	struct depot_table *t = depot_table_new(sizeof(*t) + slots * sizeof(t->slots[0]));

	if (!t)
		return old && depot_used < old->mask - old->mask / 8;
	t->mask = slots - 1;
	for (uint32_t i = 1; i < depot_used; i++) {
		__builtin_prefetch(
			&t->slots[depot_line(t, depot_nodes()[MIN(i + REHASH_AHEAD, depot_used - 1)].line, 0)], 1);
		depot_enter(t, i);
	}
	__atomic_store_n(&depot_table, t, __ATOMIC_RELEASE);
	return true;
}

/* Children are read from the oldest on: what a function does first when it is called was also first to be saved. */
static void depot_link(uint32_t parent, uint32_t i)
{
	uint32_t *at = &depot_nodes()[parent].child;

	for (unsigned k = 0; *at; k++) {
		if (k == CHILDREN_MAX - 1)
			return;
		at = &depot_nodes()[*at].sibling;
	}
	__atomic_store_n(at, i, __ATOMIC_RELEASE); /* pairs with depot_step */
}

static uint32_t depot_insert(uint32_t parent, uint64_t outer, uint64_t hash, uint64_t pc)
{
	size_t before = depot_space.committed;
	uint32_t i;

	if (!depot_start() || (size_t)(depot_used + 1) * sizeof(struct depot_node) > depot_space.reserved ||
	    !stepped_reserve_reach(&depot_space, (size_t)(depot_used + 1) * sizeof(struct depot_node)) ||
	    (!depot_table_has_room() && !depot_make_room())) {
		__atomic_store_n(&depot_full, true, __ATOMIC_RELAXED);
		return 0;
	}
	meta_account(COST_DEPOT, (int64_t)(depot_space.committed - before));
	i = depot_used;
	depot_nodes()[i].hash = hash;
	depot_nodes()[i].pc = pc;
	depot_nodes()[i].parent = parent;
	depot_nodes()[i].line = (uint32_t)outer;
	depot_nodes()[i].child = depot_nodes()[i].sibling = 0;
	STORE_RELEASE(depot_used, i + 1); /* pairs with depot_valid */
	depot_link(parent, i);
	depot_enter(depot_table, i);
	return i;
}

/* ---- the interface --------------------------------------------------------------------------- */

stack_handle depot_find(uint64_t outer, uint64_t hash)
{
	return depot_lookup(__atomic_load_n(&depot_table, __ATOMIC_ACQUIRE), outer, hash);
}

stack_handle depot_step(stack_handle parent, uintptr_t pc)
{
	const struct depot_node *nodes;
	uint32_t i;

	if (unlikely(!parent) && !__atomic_load_n(&depot_used, __ATOMIC_ACQUIRE))
		return 0;
	nodes = depot_nodes();
	i = __atomic_load_n(&nodes[parent].child, __ATOMIC_ACQUIRE);
	while (i && nodes[i].pc != pc)
		i = __atomic_load_n(&nodes[i].sibling, __ATOMIC_ACQUIRE);
	return i;
}

stack_handle depot_parent(stack_handle handle)
{
	return depot_nodes()[handle].parent;
}

void depot_expect(uint64_t outer)
{
	const struct depot_table *t = __atomic_load_n(&depot_table, __ATOMIC_ACQUIRE);

	if (likely(t))
		__builtin_prefetch(&t->slots[depot_line(t, (uint32_t)outer, 0)]);
}

static void depot_register(void)
{
	static bool registered;

	if (unlikely(!__atomic_load_n(&registered, __ATOMIC_RELAXED))) {
		lock_register_for_fork(&depot_lock);
		__atomic_store_n(&registered, true, __ATOMIC_RELAXED);
	}
}

void depot_prepare(void)
{
	depot_busy = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	depot_register();
	lock_acquire(&depot_lock);
	if (depot_start() && !depot_table)
		depot_make_room();
	lock_release(&depot_lock);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	depot_busy = false;
}

stack_handle depot_add(stack_handle parent, uint64_t outer, uint64_t hash, uintptr_t pc)
{
	uint32_t i;

	/* The depot is full, or this is a signal handler that interrupted an insertion: a shorter stack is better than
	 * none. */
	if (__atomic_load_n(&depot_full, __ATOMIC_RELAXED) || depot_busy)
		return parent;
	depot_busy = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	depot_register();
	lock_acquire(&depot_lock);
	i = depot_lookup(depot_table, outer, hash);
	if (!i)
		i = depot_insert(parent, outer, hash, pc);
	lock_release(&depot_lock);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	depot_busy = false;
	return i ? i : parent;
}

stack_handle depot_child(stack_handle parent, uintptr_t pc)
{
	uint64_t outer = parent ? depot_nodes()[parent].hash : 0, hash = depot_mix(outer, pc);
	stack_handle i = depot_find(outer, hash);

	return likely(i) ? i : depot_add(parent, outer, hash, pc);
}

stack_handle depot_save(const uintptr_t *pcs, size_t n)
{
	stack_handle h = 0;

	while (n > 0) {
		stack_handle child = depot_child(h, pcs[--n]);
		if (child == h) /* no room: the stack ends here, without a hole */
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
		stepped_reserve_shrink(&depot_space, depot_space_for(limit));
	lock_release(&depot_lock);
}

/* ---- seen from outside ----------------------------------------------------------------------- */

void depot_directory_fill(struct lib_directory *r)
{
	r->depot_base = (uint64_t)(uintptr_t)&depot_space.base;
	r->depot_used = (uint64_t)(uintptr_t)&depot_used;
	r->depot_size = sizeof(struct depot_node);
	r->depot_pc = offsetof(struct depot_node, pc);
	r->depot_parent = offsetof(struct depot_node, parent);
}

void lib_directory_fill(struct lib_directory *r)
{
	os_directory_fill(r);
	depot_directory_fill(r);
	thread_directory_fill(r);
	clock_directory_fill(r);
}
