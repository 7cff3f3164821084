/* SPDX-License-Identifier: BSD-2-Clause */
/* leak/suspects.c - lost objects remembered from one scan to the next: kmemleak's rules for scans that nobody
 * watches. */
#include "config.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "leak/leak_internal.h"

/* A scan may find an object lost although some place that the scan did not see holds a pointer to it.  So a scan that
 * runs by itself reports an object only when the scan before found it lost too, nothing has written to it since (its
 * bytes have the same sum; a writer has a pointer), it was allocated at least leak.min_age ago, and it was not reported
 * before.
 *
 *     shared memory       scan n-1 (by address)       scan n (being filled by the copy of the process)
 *                         addr stack when sum ◄────── looked up, flags carried over ── addr stack when sum
 *
 * An object is known by its address, the stack that allocated it, and when.  Without tracks (production) the address
 * and the sum must do, and its age counts from the scan that first met it.
 *
 * The two tables swap places after a scan that went well.  The first scan that needs them makes them.  Memory is taken
 * only for entries that are filled: 36 to 40 bytes for a lost object.
 *
 * Accepted weakness: at most SUSPECTS_MAX lost objects are remembered.  By kmemleak's rules the rest is not reported;
 * one line says how many. */

#define SUSPECTS_MAX ((size_t)1 << 22)
#define REPORTED 1u
#define CLEARED 2u

struct suspect {
	uint64_t addr, sum;
	uint32_t stack, when, since;
	uint32_t flags : 2, next : 30; /* next: in the same bucket; index + 1 */
};
_Static_assert(sizeof(struct suspect) == 32, "there are many");
struct table {
	uint64_t nr, left_out;
	uint32_t nr_buckets;            /* a power of two */
	uint32_t buckets[SUSPECTS_MAX]; /* the last suspect with such an address: index + 1 */
	struct suspect all[SUSPECTS_MAX];
};

/* Guarded by the one scan at a time (snapshot.c). */
static struct table *before, *now;

static struct table *table_new(void)
{
	return os_reserve_shared(sizeof(struct table));
}

bool suspects_known(void)
{
	return before && before->nr;
}

bool suspects_begin(void)
{
	if (!before)
		before = table_new();
	if (!now)
		now = table_new();
	if (now)
		now->nr = now->left_out = 0;
	return before && now;
}

void suspects_fork_child(void)
{
	/* The memory is shared with the parent: the child must not write to it. */
	if (before)
		os_release(before, sizeof(struct table));
	if (now)
		os_release(now, sizeof(struct table));
	before = now = NULL;
}

/* ---- in the copy ----------------------------------------------------------------------------- */

static uint64_t sum_of(const struct mem_view *mem, uint64_t addr, uint64_t size)
{
	uint64_t words[512], h = size;

	for (uint64_t at = 0; at < size; at += sizeof(words)) {
		size_t want = MIN(sizeof(words), (size_t)(size - at)), n;
		words[(want - 1) / 8] = 0;
		n = mem->read(mem, words, addr + at, want);
		for (size_t i = 0; i < (n + 7) / 8; i++)
			h = (h ^ words[i]) * 0x9e3779b97f4a7c15u, h ^= h >> 32;
		if (n < want)
			break; /* protected */
	}
	return h;
}

static uint32_t *bucket(struct table *t, uint64_t addr)
{
	return &t->buckets[(addr * 0x9e3779b97f4a7c15u >> 32) & (t->nr_buckets - 1)];
}

static const struct suspect *find_before(uint64_t addr)
{
	uint32_t i = before->nr ? *bucket(before, addr) : 0;

	while (i && before->all[i - 1].addr != addr)
		i = before->all[i - 1].next;
	return i ? &before->all[i - 1] : NULL;
}

static bool old_enough(const struct suspect *s)
{
	uint64_t age = (uint64_t)(jiffies_now() - (s->when ? s->when : s->since)) * (1000 / JIFFIES_HZ);

	return age >= options.leak_min_age;
}

bool suspects_meet(const struct mem_view *mem, const struct slab_object *known, enum suspects_rule rule)
{
	struct suspect s = {
		.addr = known->addr,
		.sum = sum_of(mem, known->addr, known->size),
		.since = jiffies_now(),
		.stack = known->tracked ? known->alloc_stack : 0,
		.when = known->tracked ? known->when : 0,
	};
	const struct suspect *b = find_before(s.addr);
	bool same = b && b->stack == s.stack && b->when == s.when && (known->tracked || b->sum == s.sum), wanted;

	if (same) {
		s.flags = b->flags;
		s.since = b->since;
	}
	wanted = rule == SUSPECTS_ALL         ? !(s.flags & CLEARED)
	         : rule == SUSPECTS_CONFIRMED ? same && b->sum == s.sum && !s.flags && old_enough(&s)
	                                      : false;
	if (wanted)
		s.flags |= REPORTED;
	if (rule == SUSPECTS_CLEAR)
		s.flags |= CLEARED;
	if (now->nr < SUSPECTS_MAX) {
		now->all[now->nr++] = s;
		return wanted;
	}
	now->left_out++;
	return rule == SUSPECTS_ALL;
}

/* A sort would take longer than all else that is done for a lost object. */
void suspects_index(void)
{
	struct table *t = now;

	for (t->nr_buckets = 64; t->nr_buckets < t->nr;)
		t->nr_buckets *= 2;
	mem_set(t->buckets, 0, t->nr_buckets * sizeof(t->buckets[0]));
	for (uint32_t i = 0; i < t->nr; i++) {
		uint32_t *first = bucket(t, t->all[i].addr);
		t->all[i].next = *first;
		*first = i + 1;
	}
}

/* ---- afterwards ------------------------------------------------------------------------------ */

void suspects_end(bool ok)
{
	struct table *t = before;

	if (!ok || !now)
		return;
	before = now;
	now = t;
}

uint64_t suspects_left_out(void)
{
	return before ? before->left_out : 0;
}
