/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/unit/test_leak_mark.c - the marking engine against a model: random object graphs, every class, views that copy
 * memory. */
#include "tests/unit/slab_test.h"

#include "leak/leak_internal.h"

/* ---- views ----------------------------------------------------------------------------------- */

static size_t direct_read(const struct mem_view *v, void *dst, uint64_t addr, size_t n)
{
	(void)v;
	memcpy(dst, (void *)(uintptr_t)addr, n);
	return n;
}

static const void *direct_at(const struct mem_view *v, uint64_t addr, size_t n)
{
	(void)v, (void)n;
	return (void *)(uintptr_t)addr;
}

static const struct mem_view direct_view = { .read = direct_read, .at = direct_at };
static const struct mem_view here_view = { .read = direct_read, .at = direct_at, .here = true };
static const struct mem_view copying_view = { .read = direct_read, .at = NULL };

/* ---- objects, and the classes that a scan gives them ----------------------------------------- */

#define OBJECTS_MAX 20000

static void **objects[OBJECTS_MAX];
static size_t sizes[OBJECTS_MAX];
static int found[OBJECTS_MAX]; /* enum leak_class, or -1: not visited */
static unsigned nr_objects;
static uint64_t roots[64];
static unsigned visited_twice, strange;
static bool hasty;          /* scans walk every list from many places (speculate.c) */
static unsigned nr_hasty;   /* scans that did so */
static bool narrow;         /* scans have room for two spans on their stack */
static unsigned nr_dropped; /* scans that dropped objects from a full stack */

static int compare_pointer(const void *a, const void *b)
{
	const void *x = *(void *const *)a, *y = *(void *const *)b;

	return x < y ? -1 : x > y;
}

static void visit(void *ctx, uint64_t addr, enum leak_class class)
{
	(void)ctx;
	for (unsigned i = 0; i < nr_objects; i++)
		if ((uint64_t)(uintptr_t)objects[i] == addr) {
			visited_twice += found[i] != -1;
			found[i] = (int)class;
			return;
		}
	strange++;
}

#define ALL_CLASSES (1u << LEAK_REACHABLE | 1u << LEAK_POSSIBLE | 1u << LEAK_DIRECT | 1u << LEAK_INDIRECT)

static struct leak_scan *scan_new(const struct mem_view *view)
{
	const char *why = NULL;
	struct leak_scan *s = leak_scan_create(view, (uint64_t)(uintptr_t)&slab_directory, &why);

	if (!s)
		fprintf(stderr, "%s\n", why);
	CHECK(s);
	if (hasty) {
		s->lean_limit = 0;
		s->far = 0;
	}
	if (narrow)
		s->max_stack = 2;
	for (unsigned i = 0; i < OBJECTS_MAX; i++)
		found[i] = -1;
	visited_twice = strange = 0;
	return s;
}

static void scan_finish(struct leak_scan *s)
{
	leak_scan_root(s, (uint64_t)(uintptr_t)roots, sizeof(roots));
	leak_scan_finish(s, ALL_CLASSES, visit, NULL);
	nr_hasty += s->speculate_size != 0;
	nr_dropped += s->dropped_last != 0;
	leak_scan_destroy(s);
	CHECK(visited_twice == 0 && strange == 0);
}

static unsigned object_new(size_t size)
{
	unsigned i = nr_objects++;

	objects[i] = heap_malloc(size);
	CHECK(objects[i]);
	sizes[i] = size;
	memset(objects[i], 0, size);
	return i;
}

/* ---- each shape ------------------------------------------------------------------------------ */

static void shapes_in(const struct mem_view *view)
{
	enum {
		ROOTED,
		CHAIN1,
		CHAIN2,
		INNER,
		UNDER_INNER,
		LOST,
		LOST_CHILD,
		RING1,
		RING2,
		INTO_RING,
		RING3,
		RING4,
		SELF,
		LARGE,
		IN_LARGE,
		LOST_LARGE,
		XORED,
		ENDED,
		FREED_PARENT,
		ONLY_BY_FREED,
		NR
	};
	struct leak_scan *s;

	memset(roots, 0, sizeof(roots));
	nr_objects = 0;
	for (unsigned i = 0; i < NR; i++)
		object_new(i == LARGE || i == LOST_LARGE ? 300000 : 48 + i % 3 * 40);
	roots[3] = (uintptr_t)objects[ROOTED];
	objects[ROOTED][2] = objects[CHAIN1];
	objects[CHAIN1][5] = objects[CHAIN2];
	objects[CHAIN2][0] = objects[ROOTED];
	roots[7] = (uintptr_t)objects[INNER] + 17;
	objects[INNER][1] = objects[UNDER_INNER];
	objects[LOST][0] = objects[LOST_CHILD];
	objects[RING1][0] = objects[RING2];
	objects[RING2][0] = objects[RING1];
	objects[INTO_RING][1] = objects[RING4];
	objects[RING3][0] = objects[RING4];
	objects[RING4][0] = objects[RING3];
	objects[SELF][0] = objects[SELF];
	roots[9] = (uintptr_t)objects[LARGE];
	objects[LARGE][37499] = objects[IN_LARGE];
	roots[11] = (uintptr_t)objects[XORED] ^ 0x5555555555555555u;
	roots[13] = (uintptr_t)objects[ENDED] + slab_usable_size(objects[ENDED], &no_regs) + 16;
	roots[15] = (uintptr_t)objects[FREED_PARENT];
	objects[FREED_PARENT][0] = objects[ONLY_BY_FREED];
	heap_free(objects[FREED_PARENT]);
	s = scan_new(view);
	scan_finish(s);
	CHECK(found[ROOTED] == LEAK_REACHABLE && found[CHAIN1] == LEAK_REACHABLE && found[CHAIN2] == LEAK_REACHABLE);
	CHECK(found[INNER] == LEAK_POSSIBLE && found[UNDER_INNER] == LEAK_POSSIBLE);
	CHECK(found[LOST] == LEAK_DIRECT && found[LOST_CHILD] == LEAK_INDIRECT);
	CHECK((found[RING1] == LEAK_DIRECT) + (found[RING2] == LEAK_DIRECT) == 1);
	CHECK((found[RING1] == LEAK_INDIRECT) + (found[RING2] == LEAK_INDIRECT) == 1);
	CHECK(found[INTO_RING] == LEAK_DIRECT && found[RING3] == LEAK_INDIRECT && found[RING4] == LEAK_INDIRECT);
	CHECK(found[SELF] == LEAK_DIRECT);
	CHECK(found[LARGE] == LEAK_REACHABLE && found[IN_LARGE] == LEAK_REACHABLE && found[LOST_LARGE] == LEAK_DIRECT);
	CHECK(found[XORED] == LEAK_DIRECT && found[FREED_PARENT] == -1 && found[ONLY_BY_FREED] == LEAK_DIRECT);
	for (unsigned i = 0; i < NR; i++)
		if (i != FREED_PARENT)
			heap_free(objects[i]);
}

static void shapes(void)
{
	shapes_in(&direct_view);
	shapes_in(&copying_view);
	shapes_in(&here_view);
}

/* ---- random graphs against a model ----------------------------------------------------------- */

static int model[OBJECTS_MAX];
static unsigned edge_to[OBJECTS_MAX][4];
static bool edge_inner[OBJECTS_MAX][4];
static unsigned nr_edges[OBJECTS_MAX];

static void model_mark(unsigned from, bool inner_too, int class)
{
	static unsigned todo[OBJECTS_MAX];
	unsigned n = 0;

	if (model[from] != -1)
		return;
	model[from] = class;
	todo[n++] = from;
	while (n) {
		unsigned i = todo[--n];

		for (unsigned e = 0; e < nr_edges[i]; e++)
			if (model[edge_to[i][e]] == -1 && (inner_too || !edge_inner[i][e])) {
				model[edge_to[i][e]] = class;
				todo[n++] = edge_to[i][e];
			}
	}
}

/* An object is at least possible when a possible or reachable object points into it. */
static void model_possible(void)
{
	for (bool more = true; more;) {
		more = false;
		for (unsigned i = 0; i < nr_objects; i++)
			for (unsigned e = 0; e < nr_edges[i]; e++)
				if (model[i] >= 0 && model[edge_to[i][e]] == -1) {
					model_mark(edge_to[i][e], true, LEAK_POSSIBLE);
					more = true;
				}
	}
}

static bool model_reaches(unsigned from, unsigned to)
{
	static bool seen[OBJECTS_MAX];
	static unsigned todo[OBJECTS_MAX];
	unsigned n = 0;

	memset(seen, 0, sizeof(seen));
	todo[n++] = from;
	while (n) {
		unsigned i = todo[--n];

		for (unsigned e = 0; e < nr_edges[i]; e++) {
			if (edge_to[i][e] == to)
				return true;
			if (!seen[edge_to[i][e]]) {
				seen[edge_to[i][e]] = true;
				todo[n++] = edge_to[i][e];
			}
		}
	}
	return false;
}

/* No direct leak can be reached from another direct leak. Every indirect leak can be reached from a direct one. */
static void check_lost(void)
{
	for (unsigned i = 0; i < nr_objects; i++) {
		bool held = false;

		if (model[i] != -1) {
			CHECK(found[i] == model[i]);
			continue;
		}
		CHECK(found[i] == LEAK_DIRECT || found[i] == LEAK_INDIRECT);
		for (unsigned j = 0; j < nr_objects && !held; j++)
			held = j != i && model[j] == -1 && found[j] == LEAK_DIRECT && model_reaches(j, i);
		CHECK(held == (found[i] == LEAK_INDIRECT));
	}
}

/* With a small stack, a lost object may be direct or indirect, depending on the objects that the scan dropped. Only the
 * classes of the other objects are compared. */
static void check_alive(void)
{
	for (unsigned i = 0; i < nr_objects; i++)
		if (model[i] != -1)
			CHECK(found[i] == model[i]);
		else
			CHECK(found[i] == LEAK_DIRECT || found[i] == LEAK_INDIRECT);
}

/* Half of the graphs are mostly lists: nearly every object points to the next one in a random order. */
static void random_edges(uint64_t *seed, unsigned i, const unsigned *order, bool lists)
{
	nr_edges[i] = lists ? 1 + (random_below(seed, 10) == 0) : (unsigned)random_below(seed, 3);
	for (unsigned e = 0; e < nr_edges[i]; e++) {
		bool next = lists && e == 0 && random_below(seed, 40);
		unsigned to = next ? order[i] : (unsigned)random_below(seed, nr_objects);
		edge_to[i][e] = to;
		edge_inner[i][e] = !next && random_below(seed, 4) == 0;
		objects[i][e] = (char *)objects[to] + (edge_inner[i][e] ? 1 + random_below(seed, sizes[to] - 1) : 0);
	}
}

static void random_order(uint64_t *seed, unsigned *next)
{
	static unsigned order[OBJECTS_MAX];

	for (unsigned i = 0; i < nr_objects; i++) {
		unsigned k = (unsigned)random_below(seed, i + 1);

		order[i] = order[k];
		order[k] = i;
	}
	for (unsigned i = 0; i < nr_objects; i++)
		next[order[i]] = order[(i + 1) % nr_objects];
}

static void random_graph(uint64_t *seed, const struct mem_view *view)
{
	static unsigned next[OBJECTS_MAX];
	bool lists = random_below(seed, 2), inner[8];
	unsigned nr_roots, root[8], at[8];
	struct leak_scan *s;

	nr_objects = 0;
	memset(roots, 0, sizeof(roots));
	for (unsigned n = 200 + (unsigned)random_below(seed, 300); nr_objects < n;)
		object_new(random_below(seed, 20) ? 32 + random_below(seed, 400) : 40000 + random_below(seed, 100000));
	random_order(seed, next);
	for (unsigned i = 0; i < nr_objects; i++) {
		model[i] = -1;
		random_edges(seed, i, next, lists);
	}
	nr_roots = 1 + (unsigned)random_below(seed, 8);
	for (unsigned r = 0; r < nr_roots; r++) {
		root[r] = (unsigned)random_below(seed, nr_objects);
		inner[r] = random_below(seed, 4) == 0;
		at[r] = r * 8 + (unsigned)random_below(seed, 8);
		roots[at[r]] = (uintptr_t)objects[root[r]] + inner[r];
	}
	for (unsigned r = 0; r < nr_roots; r++)
		if (!inner[r])
			model_mark(root[r], false, LEAK_REACHABLE);
	for (unsigned r = 0; r < nr_roots; r++)
		if (inner[r])
			model_mark(root[r], true, LEAK_POSSIBLE);
	model_possible();
	s = scan_new(view);
	scan_finish(s);
	if (narrow)
		check_alive();
	else
		check_lost();
	qsort(objects, nr_objects, sizeof(objects[0]), compare_pointer);
	for (unsigned i = 0; i < nr_objects; i++)
		heap_free(objects[i]);
}

static void graphs(void)
{
	uint64_t seed = 20240817;

	for (int round = 0; round < 40; round++)
		random_graph(&seed, round % 3 == 0 ? &copying_view : round % 3 == 1 ? &here_view : &direct_view);
	hasty = true;
	for (int round = 0; round < 60; round++)
		random_graph(&seed, &here_view);
	shapes_in(&here_view);
	hasty = false;
	CHECK(nr_hasty > 40);
}

/* ---- a full stack ---------------------------------------------------------------------------- */

/* A comb: each node points to a leaf and to the next node. The scan follows the next node first, so that the leaves
 * pile up on the stack. */
static void comb(void)
{
	enum { TEETH = 60000 };
	void **head = NULL;
	unsigned live = 0;
	struct leak_scan_stats stats;
	struct leak_scan *s;

	for (unsigned i = 0; i < TEETH; i++) {
		void **node = heap_malloc(32), **leaf = heap_malloc(16);

		leaf[0] = leaf[1] = NULL;
		node[0] = leaf;
		node[1] = head;
		node[2] = node[3] = NULL;
		head = node;
		live += 2;
	}
	nr_objects = 0;
	memset(roots, 0, sizeof(roots));
	roots[0] = (uintptr_t)head;
	s = scan_new(&direct_view);
	leak_scan_root(s, (uint64_t)(uintptr_t)roots, sizeof(roots));
	leak_scan_finish(s, 1u << LEAK_DIRECT | 1u << LEAK_INDIRECT | 1u << LEAK_POSSIBLE, visit, NULL);
	leak_scan_get_stats(s, &stats);
	CHECK(strange == 0 && stats.live == live);
	leak_scan_destroy(s);
}

static void full_stack(void)
{
	uint64_t seed = 77;

	narrow = true;
	for (int round = 0; round < 100; round++) {
		hasty = round % 2;
		random_graph(&seed, round % 4 == 0 ? &copying_view : &here_view);
	}
	narrow = hasty = false;
	CHECK(nr_dropped > 40);
	comb();
}

/* ---- annotations ----------------------------------------------------------------------------- */

static void notes(void)
{
	enum { NOT_LEAK, HELD, IGNORED, UNDER_IGNORED, BLIND, UNSEEN, PARTLY, SEEN, UNSEEN2, NR };
	struct leak_scan *s;

	nr_objects = 0;
	memset(roots, 0, sizeof(roots));
	for (unsigned i = 0; i < NR; i++)
		object_new(64);
	objects[NOT_LEAK][0] = objects[HELD];
	objects[IGNORED][0] = objects[UNDER_IGNORED];
	objects[BLIND][0] = objects[UNSEEN];
	objects[PARTLY][1] = objects[SEEN];
	objects[PARTLY][2] = objects[UNSEEN2];
	roots[0] = (uintptr_t)objects[BLIND];
	roots[1] = (uintptr_t)objects[PARTLY];
	s = scan_new(&direct_view);
	CHECK(leak_scan_note(s, (uintptr_t)objects[NOT_LEAK], LEAK_NOTE_NOT_LEAK));
	CHECK(leak_scan_note(s, (uintptr_t)objects[IGNORED], LEAK_NOTE_IGNORE));
	CHECK(leak_scan_note(s, (uintptr_t)objects[BLIND], LEAK_NOTE_NO_SCAN));
	CHECK(leak_scan_area(s, (uintptr_t)objects[PARTLY], (uintptr_t)&objects[PARTLY][1], 8));
	CHECK(!leak_scan_note(s, (uintptr_t)objects[BLIND] + 16, LEAK_NOTE_IGNORE));
	CHECK(!leak_scan_note(s, (uintptr_t)roots, LEAK_NOTE_IGNORE));
	scan_finish(s);
	CHECK(found[NOT_LEAK] == LEAK_REACHABLE && found[HELD] == LEAK_REACHABLE && found[IGNORED] == LEAK_REACHABLE);
	CHECK(found[UNDER_IGNORED] == LEAK_DIRECT && found[BLIND] == LEAK_REACHABLE && found[UNSEEN] == LEAK_DIRECT);
	CHECK(found[PARTLY] == LEAK_REACHABLE && found[SEEN] == LEAK_REACHABLE && found[UNSEEN2] == LEAK_DIRECT);
}

/* An over-aligned object may start anywhere in its slot. */
static void displaced(void)
{
	struct leak_scan *s;

	nr_objects = 3;
	memset(roots, 0, sizeof(roots));
	for (unsigned i = 0; i < 3; i++) {
		objects[i] = slab_malloc(100, 64, SLAB_API_MEMALIGN, true, &no_regs);
		CHECK(objects[i] && (uintptr_t)objects[i] % 64 == 0);
	}
	roots[0] = (uintptr_t)objects[0];
	roots[1] = (uintptr_t)objects[1] + 50;
	s = scan_new(&direct_view);
	scan_finish(s);
	CHECK(found[0] == LEAK_REACHABLE && found[1] == LEAK_POSSIBLE && found[2] == LEAK_DIRECT);
}

/* ---- following pointers by the scan's rules reaches what the scan reaches -------------------- */

#define FOLLOWED 200
#define PARTS 40
static struct {
	uint64_t addr;
	bool outside, reached, met;
} things[FOLLOWED + 2 * PARTS + 1];
static unsigned nr_things, nr_reached;
static uint64_t fenced[512]; /* stands for a fenced object, out of which the test cuts others */
static struct {
	const struct leak_scan *s;
	struct leak_target queue[FOLLOWED + 2 * PARTS + 1];
	unsigned nr, at;
} follow;

static unsigned thing_at(uint64_t addr, bool outside)
{
	unsigned i = 0;

	while (i < nr_things && (things[i].addr != addr || things[i].outside != outside))
		i++;
	if (i == nr_things)
		things[nr_things++].addr = addr;
	things[i].outside = outside;
	return i;
}

static void visit_thing(void *scan, uint64_t addr, enum leak_class class)
{
	unsigned i = thing_at(addr, leak_scan_visits_outside(scan));

	things[i].reached |= class == LEAK_REACHABLE;
	nr_reached += class == LEAK_REACHABLE;
}

static void follow_range(void *ctx, uint64_t start, uint64_t end)
{
	struct leak_target to[2];

	(void)ctx;
	for (uint64_t at = ALIGN_UP(start, 8); at + 8 <= end; at += 8)
		for (unsigned k = leak_scan_leads_to(follow.s, *(const uint64_t *)(uintptr_t)at, to); k-- > 0;) {
			unsigned i = thing_at(to[k].addr, to[k].outside);

			if (to[k].interior || things[i].met)
				continue;
			things[i].met = true;
			follow.queue[follow.nr++] = to[k];
		}
}

struct cut {
	uint64_t addr, size;
};

static struct leak_scan *scan_with_cuts(const struct cut *cuts, unsigned nr, uint64_t seed)
{
	const char *why = NULL;
	struct leak_scan *s = leak_scan_create_with(&here_view, (uint64_t)(uintptr_t)&slab_directory, nr + 1, &why);

	CHECK(s);
	leak_scan_add(s, (uintptr_t)fenced, sizeof(fenced), false);
	for (unsigned i = 0; i < nr; i++)
		leak_scan_add(s, cuts[i].addr, cuts[i].size, true);
	leak_scan_added(s);
	for (unsigned i = 0; i < 40; i++) {
		uint64_t addr = i % 4 == 3 ? cuts[random_next(&seed) % nr].addr
		                           : (uintptr_t)objects[random_next(&seed) % FOLLOWED];

		if (i % 2)
			leak_scan_note(s, addr, LEAK_NOTE_NO_SCAN);
		else
			leak_scan_area(s, addr, addr + 8 * (random_next(&seed) % 8), 8 + 8 * (random_next(&seed) % 4));
	}
	return s;
}

/* Makes objects of 8 to 63 words. Some have a cut of two to four words, and the fenced one has as many cuts. About one
 * word in twelve points to an object or a cut. */
static unsigned make_followed(struct cut *cuts, uint64_t *seed)
{
	unsigned nr = 0;

	nr_objects = 0;
	memset(roots, 0, sizeof(roots));
	memset(fenced, 0, sizeof(fenced));
	for (unsigned i = 0; i < FOLLOWED; i++)
		object_new(64 + 8 * (random_next(seed) % 56));
	for (unsigned i = 0; i < PARTS; i++) {
		cuts[nr++] = (struct cut){ (uintptr_t)(objects[i * 5] + (i % 3 ? 2 : 0)), 16 + 8 * (i % 3) };
		cuts[nr++] = (struct cut){ (uintptr_t)(fenced + 12 * i + 1), 16 + 8 * (i % 3) };
	}
	for (unsigned i = 0; i < FOLLOWED + 1; i++) {
		uint64_t *words = i < FOLLOWED ? (uint64_t *)objects[i] : fenced;
		uint64_t n = i < FOLLOWED ? sizes[i] / 8 : ARRAY_SIZE(fenced);

		for (uint64_t k = 0; k < n; k++) {
			uint64_t r = random_next(seed);

			if (r % 12 == 0)
				words[k] = r >> 8 & 3 ? (uintptr_t)objects[(r >> 10) % FOLLOWED] + (r >> 20) % 2 * 8
				                      : cuts[(r >> 10) % nr].addr;
		}
	}
	for (unsigned i = 0; i < 3; i++)
		roots[i] = (uintptr_t)objects[random_next(seed) % FOLLOWED];
	roots[5] = random_next(seed) % 2 ? (uintptr_t)fenced : cuts[random_next(seed) % nr].addr;
	return nr;
}

static void followed(void)
{
	struct cut cuts[2 * PARTS];
	uint64_t seed = 77, all = 0;

	for (unsigned round = 0; round < 40; round++) {
		unsigned nr = make_followed(cuts, &seed);
		struct leak_scan *s = scan_with_cuts(cuts, nr, round + 1);

		memset(things, 0, sizeof(things));
		nr_things = nr_reached = 0;
		follow.s = s;
		follow.nr = follow.at = 0;
		leak_scan_reads_root(s, (uintptr_t)roots, (uintptr_t)(roots + ARRAY_SIZE(roots)), follow_range, NULL);
		while (follow.at < follow.nr) {
			struct leak_target t = follow.queue[follow.at++];

			leak_scan_reads(s, &t, follow_range, NULL);
		}
		leak_scan_root(s, (uintptr_t)roots, sizeof(roots));
		leak_scan_finish(s, ALL_CLASSES, visit_thing, s);
		leak_scan_destroy(s);
		for (unsigned i = 0; i < nr_things; i++)
			CHECK(things[i].met == things[i].reached);
		all += nr_reached;
		for (unsigned i = 0; i < nr_objects; i++)
			heap_free(objects[i]);
	}
	CHECK(all > 40 * 20 && all < 40 * (FOLLOWED + 2 * PARTS));
}

#define BOTH_MODES(fn)                            \
	static void test_##fn(void **state)       \
	{                                         \
		(void)state;                      \
		run_child("mode=check", fn);      \
		run_child("mode=production", fn); \
	}
BOTH_MODES(shapes)
BOTH_MODES(graphs)
BOTH_MODES(full_stack)
BOTH_MODES(notes)
BOTH_MODES(displaced)
BOTH_MODES(followed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes), cmocka_unit_test(test_graphs),    cmocka_unit_test(test_full_stack),
		cmocka_unit_test(test_notes),  cmocka_unit_test(test_displaced), cmocka_unit_test(test_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
