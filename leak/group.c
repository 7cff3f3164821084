/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/group.c - many lost objects come from few places: one group for each allocation stack and class. */
#include "leak/leak_internal.h"

#define TABLE (2u * LEAK_GROUPS_MAX)

static uint32_t hash_key(uint32_t class, const struct slab_object *o)
{
	uint64_t h = (uint64_t)o->alloc_stack << 8 | class;

	if (!o->alloc_stack)
		for (const char *c = o->cache; *c; c++)
			h = h * 31 + (unsigned char)*c;
	return (uint32_t)((h * 0x9e3779b97f4a7c15u) >> 32);
}

static bool same_key(const struct leak_group *g, uint32_t class, const struct slab_object *o)
{
	return g->class == class && g->stack == o->alloc_stack && (g->stack || str_equal(g->cache, o->cache));
}

/* The group's index + 1; 0: there is no room. */
static uint32_t find_group(struct leak_groups *g, uint32_t class, const struct slab_object *o)
{
	struct leak_group *n;
	uint32_t i;

	for (i = hash_key(class, o) % TABLE; g->table[i]; i = (i + 1) % TABLE)
		if (same_key(&g->groups[g->table[i] - 1], class, o))
			return g->table[i];
	if (g->nr == LEAK_GROUPS_MAX)
		return 0;
	n = &g->groups[g->nr++];
	n->class = class;
	n->stack = o->alloc_stack;
	str_copy(n->cache, o->cache, sizeof(n->cache));
	g->table[i] = g->nr;
	return g->nr;
}

/* FENCE_NAME and a number is the name of one slot between guard pages, and says nothing about the other objects. */
static bool is_fenced(const char *cache)
{
	return str_starts(cache, FENCE_NAME);
}

/* The largest object is the example; of equal ones, one that lies in a cache. */
static bool is_better_example(const struct leak_group *g, const struct slab_object *o)
{
	return g->count == 1 || o->size > g->size ||
	       (o->size == g->size && is_fenced(g->cache) && !is_fenced(o->cache));
}

static void describe_example(struct leak_grouper *w, struct leak_group *g, const struct slab_object *o)
{
	const struct mem_view *mem = w->bytes ? w->bytes : w->heap->mem;

	g->addr = o->addr;
	g->size = o->size;
	str_copy(g->cache, o->cache, sizeof(g->cache));
	g->tracked = o->tracked;
	g->api = o->api;
	g->thread = o->tracked ? o->alloc_thread : 0;
	g->when = o->tracked ? o->when : 0;
	g->dump_len = (uint32_t)mem->read(mem, g->dump, o->addr, MIN(o->size, (size_t)LEAK_DUMP));
}

void leak_group_add(struct leak_grouper *w, const struct slab_object *o, enum leak_class class)
{
	struct leak_groups *g = w->groups;
	uint32_t i;

	g->counts[class]++;
	g->bytes[class] += o->size;
	i = find_group(g, class, o);
	if (class == LEAK_DIRECT)
		w->leader = i;
	if (class == LEAK_INDIRECT && w->leader) {
		g->groups[w->leader - 1].held_count++;
		g->groups[w->leader - 1].held_bytes += o->size;
	}
	if (!i) {
		g->more++;
		return;
	}
	g->groups[i - 1].count++;
	g->groups[i - 1].bytes += o->size;
	if (is_better_example(&g->groups[i - 1], o))
		describe_example(w, &g->groups[i - 1], o);
}

void leak_group_visit(void *grouper, uint64_t addr, enum leak_class class)
{
	struct leak_grouper *w = grouper;
	struct slab_object o;

	if (w->outside.find ? w->outside.find(w->outside.ctx, addr, &o) : slab_view_object(w->heap, addr, &o))
		leak_group_add(w, &o, class);
}

/* ---- order ----------------------------------------------------------------------------------- */

static uint64_t weight(const struct leak_group *g)
{
	return g->bytes + g->held_bytes;
}

/* Direct groups first, then larger ones; equal ones in the order in which they were found. */
static bool before(const struct leak_groups *g, uint32_t a, uint32_t b)
{
	const struct leak_group *x = &g->groups[a], *y = &g->groups[b];
	bool xd = x->class == LEAK_DIRECT, yd = y->class == LEAK_DIRECT;

	if (xd != yd)
		return xd;
	if (weight(x) != weight(y))
		return weight(x) > weight(y);
	return a < b;
}

static void sift_down(struct leak_groups *g, uint32_t i, uint32_t n)
{
	for (uint32_t child; (child = 2 * i + 1) < n; i = child) {
		uint32_t t;

		if (child + 1 < n && before(g, g->order[child], g->order[child + 1]))
			child++;
		if (before(g, g->order[child], g->order[i]))
			return;
		t = g->order[i];
		g->order[i] = g->order[child];
		g->order[child] = t;
	}
}

void leak_groups_sort(struct leak_groups *g)
{
	uint32_t n = g->nr;

	for (uint32_t i = 0; i < n; i++)
		g->order[i] = i;
	for (uint32_t i = n / 2; i-- > 0;)
		sift_down(g, i, n);
	for (uint32_t end = n; end-- > 1;) {
		uint32_t t = g->order[0];
		g->order[0] = g->order[end];
		g->order[end] = t;
		sift_down(g, 0, end);
	}
}

/* ---- names ----------------------------------------------------------------------------------- */

static const char *const class_names[] = {
	[LEAK_REACHABLE] = "reachable",
	[LEAK_POSSIBLE] = "possible",
	[LEAK_DIRECT] = "direct",
	[LEAK_INDIRECT] = "indirect",
};
_Static_assert(ARRAY_SIZE(class_names) == LEAK_CLASS_NR, "every class has a name");

const char *leak_class_name(enum leak_class class)
{
	return (unsigned)class < LEAK_CLASS_NR ? class_names[class] : "?";
}

static unsigned class_bit(const char *word, size_t len)
{
	for (unsigned i = 0; i < LEAK_CLASS_NR; i++)
		if (str_length(class_names[i]) == len && mem_compare(class_names[i], word, len) == 0)
			return 1u << i;
	return len == 3 && mem_compare("all", word, 3) == 0 ? (1u << LEAK_CLASS_NR) - 1 : 0;
}

bool leak_parse_classes(const char *text, unsigned *classes, const char **bad)
{
	*classes = 0;
	while (*text) {
		size_t len = 0;
		unsigned bit;

		while (text[len] && text[len] != ',')
			len++;
		bit = class_bit(text, len);
		*bad = text;
		if (!bit)
			return false;
		*classes |= bit;
		text += len + (text[len] == ',');
	}
	return true;
}

static void put_count(struct fmt_buf *b, uint64_t n, const char *what)
{
	fmt_printf(b, "%llu %s%s", (unsigned long long)n, what, n == 1 ? "" : "s");
}

static void put_objects(struct fmt_buf *b, const struct leak_groups *g, enum leak_class class)
{
	put_count(b, g->bytes[class], "byte");
	fmt_printf(b, " in ");
	put_count(b, g->counts[class], "object");
}

void leak_put_totals(struct fmt_buf *b, const struct leak_groups *g, bool unseen, uint64_t places, uint64_t suppressed)
{
	put_objects(b, g, LEAK_DIRECT);
	fmt_printf(b, unseen ? " not reached" : " lost");
	if (g->counts[LEAK_INDIRECT]) {
		fmt_printf(b, ", holding ");
		put_objects(b, g, LEAK_INDIRECT);
	}
	if (g->counts[LEAK_POSSIBLE]) {
		fmt_printf(b, "; ");
		put_objects(b, g, LEAK_POSSIBLE);
		fmt_printf(b, " possibly lost");
	}
	fmt_printf(b, "; ");
	put_count(b, places, "place");
	fmt_printf(b, " reported");
	if (suppressed)
		fmt_printf(b, ", %llu suppressed", (unsigned long long)suppressed);
}
