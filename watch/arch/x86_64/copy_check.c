/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/copy_check.c - which accesses get a check, and where one check serves several.
 *
 * A check tests whole granules of 8 bytes.  It looks at the granule of the access's *last* byte, and at as many
 * granules below it as the access covers when it is aligned.  So an access that is not aligned and runs over an
 * object's end is seen.  COPY_BOTH_ENDS also sees one that begins before an object's start.
 *
 * Within a block (no label, no call in it) accesses by one base and index, which do not change in between, share a
 * check in front of the first of them when 8 granules cover them all.  After that, and over conditional jumps that are
 * not taken, further accesses to bytes that were checked need none. */
#include "watch/arch/x86_64/copy_internal.h"

#define KNOWN_MAX 16
#define SPAN_MAX 56 /* from the first byte that must be tested to the last: 8 granules wherever they begin */

/* Bytes that were checked, as long as the base and the index keep their values. */
struct known {
	uint8_t base, index, scale;
	int32_t low, high; /* first and last byte */
};

static bool same_base(const struct node *a, const struct node *b)
{
	return a->base == b->base && a->index == b->index && (a->index == INSN_NO_REG || a->scale == b->scale);
}

static bool writes_reg(const struct node *n, uint8_t reg)
{
	return reg < 16 && (n->writes >> reg & 1);
}

static bool changes_base(const struct node *by, const struct node *of)
{
	return writes_reg(by, of->base) || writes_reg(by, of->index);
}

static bool wanted(const struct job *job, const struct node *n)
{
	return n->size && !((job->request->flags & COPY_WRITES_ONLY) && !(n->access & INSN_WRITE));
}

/* The first byte that an access wants tested; the last one is that of its end. */
static int32_t first_tested(const struct job *job, const struct node *n)
{
	if (job->request->flags & COPY_BOTH_ENDS)
		return n->disp;
	return n->disp + n->size - 1 - (int32_t)(ALIGN_UP((uint32_t)n->size, 8u) - 8);
}

static void add_member(struct job *job, struct group *g, uint32_t node)
{
	struct node *n = &job->nodes[node];
	int32_t low = first_tested(job, n), high = n->disp + n->size - 1;

	job->members[job->nr_members++] = (struct member){ n->disp, node };
	g->low = g->nr_members ? MIN(g->low, low) : low;
	g->high = g->nr_members ? MAX(g->high, high) : high;
	g->nr_members++;
	n->covered = true;
}

/* Accesses behind the first one of a check that it can serve as well. */
static void merge(struct job *job, struct group *g, uint32_t first)
{
	const struct node *f = &job->nodes[first];

	for (uint32_t i = first + 1; i < job->nr_nodes && g->nr_members < UINT8_MAX; i++) {
		const struct node *n = &job->nodes[i];

		/* A report unwinds from an access with the registers at its check: so rsp must be the same. */
		if (n->is_target || n->place || n[-1].flow != INSN_PLAIN || changes_base(&n[-1], f) ||
		    writes_reg(&n[-1], INSN_RSP))
			return;
		if (!wanted(job, n) || n->covered || n->string || n->masked || !same_base(n, f))
			continue;
		if (MAX(g->high, n->disp + n->size - 1) - MIN(g->low, first_tested(job, n)) <= SPAN_MAX)
			add_member(job, g, i);
	}
}

static void add_group(struct job *job, uint32_t node)
{
	struct group *g = &job->groups[job->nr_groups++];
	struct node *n = &job->nodes[node];

	mem_set(g, 0, sizeof(*g));
	g->at = node;
	g->first_member = job->nr_members;
	add_member(job, g, node);
	if (!n->string && !n->masked && !(job->request->flags & COPY_NO_MERGE))
		merge(job, g, node);
	g->next = n->group;
	n->group = job->nr_groups;
}

static bool is_known(const struct known *known, unsigned nr, const struct node *n)
{
	for (unsigned i = 0; i < nr; i++) {
		const struct known *k = &known[i];

		if (k->base == n->base && k->index == n->index && (k->index == INSN_NO_REG || k->scale == n->scale) &&
		    n->disp >= k->low && n->disp + n->size - 1 <= k->high)
			return true;
	}
	return false;
}

static unsigned forget(struct known *known, unsigned nr, const struct node *by)
{
	if (by->synchronizes)
		return 0;
	for (unsigned i = 0; i < nr;) {
		if (writes_reg(by, known[i].base) || writes_reg(by, known[i].index))
			known[i] = known[--nr];
		else
			i++;
	}
	return nr;
}

static unsigned learn(const struct job *job, struct known *known, unsigned nr)
{
	const struct group *g = &job->groups[job->nr_groups - 1];

	for (unsigned i = 0; i < g->nr_members && nr < KNOWN_MAX; i++) {
		const struct node *n = &job->nodes[job->members[g->first_member + i].node];

		/* Not all bytes of an aligned vector need be addressable (copy_slow.c). */
		if (n->aligned)
			continue;
		known[nr++] = (struct known){ n->base, n->index, n->scale, n->disp, n->disp + n->size - 1 };
	}
	return nr;
}

bool check_choose(struct job *job)
{
	struct copy_counts *counts = &job->result->counts;
	struct known known[KNOWN_MAX];
	unsigned nr_known = 0;

	job->groups = job_alloc(job, ((size_t)counts->accesses + 1) * sizeof(*job->groups));
	job->members = job_alloc(job, ((size_t)counts->accesses + 1) * sizeof(*job->members));
	if (!job->groups || !job->members)
		return false;
	if (job->request->flags & COPY_NO_CHECKS)
		return true;
	for (uint32_t i = 0; i < job->nr_nodes; i++) {
		struct node *n = &job->nodes[i];

		if (n->is_target || n->place || (i && n[-1].flow != INSN_PLAIN && n[-1].flow != INSN_JCC))
			nr_known = 0;
		if (wanted(job, n)) {
			counts->checked++;
			if (!n->covered && !n->string && !(job->request->flags & COPY_NO_REPEATS) &&
			    is_known(known, nr_known, n))
				n->covered = true;
			if (!n->covered) {
				add_group(job, i);
				if (!n->string && !n->masked)
					nr_known = learn(job, known, nr_known);
			}
		}
		nr_known = forget(known, nr_known, n);
	}
	counts->checks = job->nr_groups;
	return true;
}
