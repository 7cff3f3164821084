/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/copy_spring.c - springboards: where the original text gets jumps into the copy.
 *
 * A place is where control may arrive in the original text (copy_flow.c).  It gets, in this order of preference:
 *
 *   1. a jmp rel32 over its own instruction and those behind it, when no label, place or call begins within
 *   2. a jmp rel8 to a jmp rel32 near by: in the padding behind the function, or over other instructions
 *   3. a jmp rel32 that also covers a call; the copy then makes this call (emit_moved_call)
 *   4. a jmp rel8 to another place that does the same (share)
 *
 * Otherwise control runs on in the original text from there.  run_on() follows every such way and takes back the
 * springboards in it that it would enter in the middle or that lead elsewhere.  So with every place known nothing is
 * ever executed that was half overwritten.  Where places may be unknown (opaque) only whole instructions are
 * overwritten. */
#include "watch/arch/x86_64/copy_internal.h"

static bool busy(struct job *job, uint32_t offset)
{
	job->result->status = COPY_ENTRY_BUSY;
	job->result->where = job->request->start + offset;
	return false;
}

static struct node *node_at(const struct job *job, uint32_t offset)
{
	return offset < job->size && job->node_at[offset] != NO_NODE ? &job->nodes[job->node_at[offset]] : NULL;
}

static void take(struct job *job, uint32_t from, uint32_t size, enum taken how)
{
	for (uint32_t k = from; k < from + size && k < job->text_size; k++)
		job->taken[k] = how;
}

/* The call instructions of which bytes lie in [from, from + size): made from there, or by the copy. */
static void move_calls(struct job *job, uint32_t from, uint32_t size, bool move)
{
	for (uint32_t k = from > 15 ? from - 15 : 0; k < from + size; k++) {
		struct node *n = node_at(job, k);

		if (!n || !flow_is_call(n->flow) || n->offset + n->length <= from)
			continue;
		n->call_moved = move;
		if (move)
			continue;
		for (uint32_t b = n->offset; b < n->offset + n->length; b++)
			if (job->taken[b] == TAKEN_FREE)
				job->taken[b] = TAKEN_CALL;
	}
}

/* A call can be made from the copy unless its operand depends on rsp. */
static bool call_movable(const struct job *job, const struct node *n)
{
	struct insn x;

	if (n->flow == INSN_CALL)
		return true;
	if (!node_decode(job, n, &x) || x.encoding != INSN_LEGACY || x.modrm_offset != x.opcode_offset + 1)
		return false;
	if (n->flow == INSN_CALL_REG)
		return x.rm != INSN_RSP;
	return x.mem[0].base != INSN_RSP && !x.mem[0].address32;
}

/* May [from, from + size) be overwritten by something that starts at `from`? */
static bool is_free(const struct job *job, uint32_t from, uint32_t size, bool over_calls)
{
	for (uint32_t k = from; k < from + size; k++) {
		const struct node *n = node_at(job, k);

		if (k >= job->text_size || job->taken[k] == TAKEN_PATCH)
			return false;
		if (k > from && n && (n->is_target || n->place))
			return false;
		if (job->taken[k] == TAKEN_CALL && !over_calls)
			return false;
		if (n && flow_is_call(n->flow) && over_calls && !call_movable(job, n))
			return false;
	}
	return true;
}

static void add(struct job *job, struct node *n, uint32_t at, bool by_short, bool over_calls)
{
	struct spring *s = &job->springs[job->nr_springs++];

	*s = (struct spring){ .node = (uint32_t)(n - job->nodes), .at = at, .by_short = by_short };
	if (over_calls) {
		s->moved_call = true;
		move_calls(job, at, JMP_SIZE, true);
	}
	take(job, at, JMP_SIZE, TAKEN_PATCH);
	if (by_short)
		take(job, n->offset, SHORT_JMP_SIZE, TAKEN_PATCH);
	n->sprung = true;
}

static bool try_near(struct job *job, struct node *n, bool over_calls)
{
	if (job->opaque && n->length < JMP_SIZE)
		return false;
	if (!is_free(job, n->offset, JMP_SIZE, over_calls))
		return false;
	add(job, n, n->offset, false, over_calls);
	return true;
}

/* A hole for a jmp rel32 within reach of a jmp rel8. */
static bool try_short(struct job *job, struct node *n)
{
	uint32_t next = n->offset + SHORT_JMP_SIZE;
	uint32_t low = next > 128 ? next - 128 : 0, high = MIN(next + 127, job->text_size);

	if ((job->opaque && n->length < SHORT_JMP_SIZE) || !is_free(job, n->offset, SHORT_JMP_SIZE, false))
		return false;
	for (uint32_t at = high; at-- > low;) {
		const struct node *h = node_at(job, at);

		if (at < job->size && (!h || job->opaque || h->is_target || h->place || at == 0))
			continue;
		if (at < next && at + JMP_SIZE > n->offset)
			continue;
		if (!is_free(job, at, JMP_SIZE, false))
			continue;
		add(job, n, at, true, false);
		return true;
	}
	return false;
}

/* ---- places that do the same ----------------------------------------------------------------- */

/* Interpreters with computed gotos have long rows of these eight bytes, to which tables lead, and no hole near by:
 *
 *      call handler
 *      jmp  *(%r15)
 *
 * Control comes to the jump by a return from this call alone, so one copy does for all jumps that are equal. The popped
 * return address below rsp tells which one it is (origin.c); a check of such a copy leaves it there. */
static bool is_sharable(const struct job *job, const struct node *n)
{
	return n > job->nodes && n->flow == INSN_JMP_MEM && n->size && flow_is_call(n[-1].flow) && !n->is_target &&
	       !n->table_target && !n->entry;
}

static bool does_the_same(const struct job *job, const struct node *a, const struct node *b)
{
	const uint8_t *text = job->request->text;

	return a->length == b->length && mem_compare(text + a->offset, text + b->offset, a->length) == 0;
}

static bool try_share(struct job *job, struct node *n, bool above)
{
	uint32_t next = n->offset + SHORT_JMP_SIZE;
	uint32_t low = next > 128 ? next - 128 : 0, high = MIN(next + 127, job->size);

	for (uint32_t i = 0; low + i < high; i++) { /* the farthest first: fewer jumps */
		struct node *h = node_at(job, above ? high - 1 - i : low + i);

		if (!h || h == n || !h->sprung || !is_sharable(job, h) || !does_the_same(job, h, n))
			continue;
		job->springs[job->nr_springs++] = (struct spring){
			.node = (uint32_t)(n - job->nodes), .at = h->offset, .by_short = true, .shares = true
		};
		take(job, n->offset, SHORT_JMP_SIZE, TAKEN_PATCH);
		n->sprung = h->shared = true;
		return true;
	}
	return false;
}

/* Nothing runs into these places in the original text, so no way of run_on changes. */
static void share(struct job *job)
{
	bool above = false, changed;

	do {
		changed = false;
		for (uint32_t i = 0; i < job->nr_nodes; i++) {
			struct node *n = &job->nodes[above ? job->nr_nodes - 1 - i : i];

			if (n->place && !n->sprung && is_sharable(job, n) &&
			    is_free(job, n->offset, SHORT_JMP_SIZE, false))
				changed |= try_share(job, n, above);
		}
		above = !above;
	} while (changed || above);
}

/* ---- the caller's own ------------------------------------------------------------------------ */

static bool take_entry(struct job *job, uint32_t offset)
{
	struct node *n = node_at(job, offset);

	if (!n)
		return busy(job, offset);
	n->entry = n->place = n->sprung = true;
	for (uint32_t k = offset + 1; k < offset + JMP_SIZE; k++) {
		const struct node *inside = node_at(job, k);

		if (inside && (inside->place || (job->opaque && inside->is_target)))
			return busy(job, k);
	}
	for (uint32_t k = offset; k < offset + JMP_SIZE; k++) {
		const struct node *inside = node_at(job, k);

		if (job->taken[MIN(k, job->text_size - 1)] == TAKEN_PATCH)
			return busy(job, k);
		if (inside && flow_is_call(inside->flow) && !call_movable(job, inside))
			return busy(job, k);
	}
	move_calls(job, offset, JMP_SIZE, true);
	take(job, offset, JMP_SIZE, TAKEN_PATCH);
	return true;
}

static bool take_entries(struct job *job)
{
	const struct copy_request *request = job->request;

	/* All of them are places before any is judged. */
	for (size_t i = 0; i < request->nr_entries; i++) {
		struct node *n = node_at(job, (uint32_t)(request->entries[i] - request->start));

		if (request->entries[i] < request->start || request->entries[i] >= request->end)
			continue;
		if (!n)
			return busy(job, (uint32_t)(request->entries[i] - request->start));
		n->place = true;
	}
	if (!take_entry(job, 0))
		return false;
	for (size_t i = 0; i < request->nr_entries; i++)
		if (request->entries[i] > request->start && request->entries[i] < request->end &&
		    !take_entry(job, (uint32_t)(request->entries[i] - request->start)))
			return false;
	return true;
}

/* ---- what runs on unchecked ------------------------------------------------------------------ */

static void take_back(struct job *job, struct spring *s)
{
	struct node *n = &job->nodes[s->node];

	s->removed = true;
	n->sprung = false;
	take(job, s->at, JMP_SIZE, TAKEN_FREE);
	if (s->by_short)
		take(job, n->offset, SHORT_JMP_SIZE, TAKEN_FREE);
	if (s->moved_call)
		move_calls(job, s->at, JMP_SIZE, false);
}

/* Control reaches node n in the original text: may it?  Takes back what stands in the way. */
static bool clear_way(struct job *job, const struct node *n, bool *changed)
{
	for (uint32_t k = n->offset; k < n->offset + n->length; k++) {
		bool found = false;

		if (job->taken[k] != TAKEN_PATCH)
			continue;
		for (uint32_t i = 0; i < job->nr_springs && !found; i++) {
			struct spring *s = &job->springs[i];
			uint32_t own = job->nodes[s->node].offset;

			if (s->removed || !((k >= s->at && k < s->at + JMP_SIZE) ||
			                    (s->by_short && k >= own && k < own + SHORT_JMP_SIZE)))
				continue;
			take_back(job, s);
			*changed = found = true;
		}
		if (!found)
			return busy(job, n->offset); /* the caller's */
	}
	return true;
}

/* Follows the ways that control takes from the places without a springboard.  `queue` has room for all nodes. */
static bool run_on(struct job *job, uint32_t *queue, bool *changed)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < job->nr_nodes; i++) {
		struct node *n = &job->nodes[i];

		n->seen = n->place && !n->sprung;
		if (n->seen)
			queue[nr++] = i;
	}
	while (nr > 0) {
		uint32_t i = queue[--nr];
		struct node *n = &job->nodes[i];
		uint32_t next[2] = { NO_NODE, n->target };

		if (!clear_way(job, n, changed))
			return false;
		/* A call comes back to a place of its own. */
		if (flow_falls_through(n->flow) && !flow_is_call(n->flow) && i + 1 < job->nr_nodes)
			next[0] = i + 1;
		for (unsigned k = 0; k < 2; k++) {
			struct node *m = next[k] == NO_NODE ? NULL : &job->nodes[next[k]];

			if (!m || m->seen || (m->place && m->sprung && !flow_is_call(m->flow)))
				continue;
			m->seen = true;
			queue[nr++] = next[k];
		}
	}
	return true;
}

static void count(struct job *job)
{
	struct copy_counts *counts = &job->result->counts;

	for (uint32_t i = 0; i < job->nr_nodes; i++) {
		const struct node *n = &job->nodes[i];

		if (!n->place || n->entry)
			continue;
		counts->places++;
		counts->unsprung += !n->sprung;
	}
	for (uint32_t i = 0; i < job->nr_springs; i++) {
		const struct spring *s = &job->springs[i];

		counts->springs += !s->removed;
		counts->short_springs += !s->removed && s->by_short;
	}
}

bool spring_place(struct job *job)
{
	uint32_t places = 0, *queue;
	bool changed;

	job->taken = job_alloc(job, job->text_size);
	queue = job_alloc(job, (size_t)job->nr_nodes * sizeof(*queue));
	for (uint32_t i = 0; i < job->nr_nodes; i++)
		places += job->nodes[i].place;
	job->springs = job_alloc(job, ((size_t)places * 2 + 1) * sizeof(*job->springs));
	if (!job->taken || !queue || !job->springs)
		return false;
	mem_set(job->taken, TAKEN_FREE, job->text_size);
	for (uint32_t i = 0; i < job->nr_nodes; i++)
		if (flow_is_call(job->nodes[i].flow))
			take(job, job->nodes[i].offset, job->nodes[i].length, TAKEN_CALL);
	if (!take_entries(job))
		return false;
	for (unsigned pass = 0; pass < 3; pass++)
		for (uint32_t i = 0; i < job->nr_nodes; i++) {
			struct node *n = &job->nodes[i];

			if (!n->place || n->sprung)
				continue;
			/* A call is made from there, and a return may as well be. */
			if ((flow_is_call(n->flow) && !n->call_moved) || n->flow == INSN_RET) {
				n->sprung = !n->size;
				continue;
			}
			if (pass == 1)
				try_short(job, n);
			else
				try_near(job, n, pass == 2);
		}
	do {
		changed = false;
		if (!run_on(job, queue, &changed))
			return false;
	} while (changed);
	share(job);
	count(job);
	return true;
}
