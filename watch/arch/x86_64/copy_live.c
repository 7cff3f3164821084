/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/copy_live.c - which registers and flags a check may overwrite.
 *
 * Backward data flow over the instructions until nothing changes.  Where control leaves the function every register is
 * live: gcc's -fipa-ra uses registers over calls that the callee is known to leave alone.  Flags are dead at calls and
 * returns, as in every calling convention; only an instruction whose flags nobody uses (cmp before ret) shows that
 * hand-written code returns them. */
#include "watch/arch/x86_64/copy_internal.h"

#define SWEEPS_MAX 64

/* Are flags set for a caller or a callee just before the node leaves?  Looks back within the block. */
static bool flags_leave(const struct job *job, uint32_t i)
{
	while (i > 0 && !job->nodes[i].is_target && !job->nodes[i].place) {
		const struct node *n = &job->nodes[--i];

		if (n->flags_read || n->flow != INSN_PLAIN)
			return false;
		if (n->flags_written & INSN_ARITHMETIC)
			return n->flags_kept;
	}
	return false;
}

struct live {
	uint16_t regs, flags;
};

static struct live live_out(const struct job *job, uint32_t i, struct live tables)
{
	const struct node *n = &job->nodes[i];
	struct live next = { INSN_ALL_REGS, INSN_ALL_FLAGS };
	struct live target = { INSN_ALL_REGS, INSN_ALL_FLAGS };

	if (i + 1 < job->nr_nodes)
		next = (struct live){ n[1].live, n[1].flags_live };
	if (n->target != NO_NODE)
		target = (struct live){ job->nodes[n->target].live, job->nodes[n->target].flags_live };
	switch ((enum insn_flow)n->flow) {
	case INSN_PLAIN:
		return next;
	case INSN_JCC:
	case INSN_LOOP:
	case INSN_XBEGIN:
		return (struct live){ next.regs | target.regs, next.flags | target.flags };
	case INSN_JMP:
		return target;
	case INSN_JMP_REG:
	case INSN_JMP_MEM:
		return tables;
	case INSN_CALL:
	case INSN_CALL_REG:
	case INSN_CALL_MEM:
	case INSN_RET:
		return (struct live){ INSN_ALL_REGS, flags_leave(job, i) ? INSN_ALL_FLAGS : INSN_DF };
	case INSN_SYSCALL:
	case INSN_STOP:
		break;
	}
	return (struct live){ INSN_ALL_REGS, INSN_ALL_FLAGS };
}

static struct live live_at_tables(const struct job *job)
{
	struct live live = { INSN_ALL_REGS, INSN_DF };

	if (job->opaque)
		live.flags = INSN_ALL_FLAGS;
	for (uint32_t i = 0; i < job->nr_nodes; i++)
		if (job->nodes[i].place)
			live.flags |= job->nodes[i].flags_live;
	return live;
}

static void all_live(struct job *job)
{
	for (uint32_t i = 0; i < job->nr_nodes; i++) {
		job->nodes[i].live = INSN_ALL_REGS;
		job->nodes[i].flags_live = INSN_ALL_FLAGS;
	}
}

void live_find(struct job *job)
{
	bool changed = true;

	if (job->request->flags & COPY_NO_LIVENESS) {
		all_live(job);
		return;
	}
	for (unsigned sweep = 0; changed; sweep++) {
		struct live tables = live_at_tables(job);

		if (sweep == SWEEPS_MAX) {
			all_live(job);
			return;
		}
		changed = false;
		for (uint32_t i = job->nr_nodes; i-- > 0;) {
			struct node *n = &job->nodes[i];
			struct live live = live_out(job, i, tables);

			live.regs = (uint16_t)((live.regs & ~n->kills) | n->reads);
			live.flags = (uint16_t)((live.flags & ~n->flags_dead) | n->flags_read);
			if (live.regs == n->live && live.flags == n->flags_live)
				continue;
			n->live = live.regs;
			n->flags_live = live.flags;
			changed = true;
		}
	}
}
