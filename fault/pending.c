/* SPDX-License-Identifier: BSD-2-Clause */
/* fault/pending.c - faults that the program took itself, kept while its handler is at work: they are told when the
 * program ends in there.
 *
 * A handler that recovers (a JIT's null check, a garbage collector's barrier, a probe that jumps out) made nothing of
 * the fault that anybody should hear of; one that prints a backtrace and ends the program did.  Which it is shows at
 * the end only, so each thread keeps the last few:
 *
 *     fault ─► note ─► the program's handler ─┬─ returns, or jumps out ──► no walk comes to its frame any more: nothing is told
 *                                             ├─ exit, _exit, abort, raise ─► the walk from there passes the frame: told
 *                                             └─ raises the blocked signal, returns ─► it comes where the fault was: told
 *
 * Whether the handler is still at work is asked of the stack, not remembered: nobody tells us when it is left by
 * longjmp.  The kernel's frame lies at one place, and the unwinder comes to exactly that place, with the interrupted
 * function next, or does not.  Through code that it cannot unwind it does not: such a fault is not told. */
#include "config.h"

#include "fault/fault_internal.h"

/* A crash reporter's own probing of memory may fault, too. */
#define HANDLED_KEPT 8

struct handled {
	struct fault_origin origin;
	const ucontext_t *uc; /* NULL: none, or told */
	uintptr_t pc, sp;     /* where it was */
};

/* A ring: the oldest is overwritten. */
static TLS_IE struct handled kept[HANDLED_KEPT];
static TLS_IE unsigned kept_next;

void pending_note(const struct fault_origin *origin, const ucontext_t *uc)
{
	struct handled *h = &kept[kept_next];

	/* Two frames at one place are not there at once. */
	for (unsigned i = 0; i < HANDLED_KEPT; i++)
		if (kept[i].uc == uc)
			h = &kept[i];
	if (h == &kept[kept_next])
		kept_next = (kept_next + 1) % HANDLED_KEPT;
	mem_copy(&h->origin, origin, sizeof(*origin));
	h->uc = uc;
	h->pc = ARCH_CONTEXT_PC(uc);
	h->sp = ARCH_CONTEXT_SP(uc);
}

void pending_forget(void)
{
	mem_set(kept, 0, sizeof(kept));
}

bool pending_any(void)
{
	for (unsigned i = 0; i < HANDLED_KEPT; i++)
		if (kept[i].uc)
			return true;
	return false;
}

const ucontext_t *pending_take(const struct unwind_regs *regs, struct fault_origin *origin)
{
	for (unsigned i = 0; i < HANDLED_KEPT; i++) {
		struct handled *h = &kept[(kept_next + i) % HANDLED_KEPT];
		const ucontext_t *uc = h->uc;

		if (!uc || !unwind_passes(regs, machine_frame_returned(uc), h->pc, h->sp))
			continue;
		h->uc = NULL;
		mem_copy(origin, &h->origin, sizeof(*origin));
		return uc;
	}
	return NULL;
}

bool pending_take_at(uintptr_t pc, uintptr_t sp, struct fault_origin *origin)
{
	for (unsigned i = 0; i < HANDLED_KEPT; i++) {
		struct handled *h = &kept[i];

		if (!h->uc || h->pc != pc || h->sp != sp)
			continue;
		h->uc = NULL;
		mem_copy(origin, &h->origin, sizeof(*origin));
		return true;
	}
	return false;
}
