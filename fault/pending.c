/* SPDX-License-Identifier: BSD-2-Clause */
/* fault/pending.c - faults that the program handles itself, kept while its handler runs: they are reported if the
 * program ends inside the handler.
 *
 * A handler that recovers (a JIT's null check, a garbage collector's barrier, a probe that jumps out) shows no bug; a
 * handler that prints a backtrace and ends the program does. Only the end shows which of the two it was. So each thread
 * keeps its last few faults:
 *
 *     fault ─► note ─► the program's handler ─┬─ returns, or jumps out ──► its frame is on no stack walk: no report
 *                                             ├─ exit, _exit, abort, raise ─► the walk passes its frame: report
 *                                             └─ raises the signal while blocked, returns ─► it comes at the
 *                                                                              fault's pc: report
 *
 * The stack itself tells whether the handler still runs: a handler that is left by longjmp does not announce that. The
 * kernel's frame lies at a known address. Either the unwinder comes to exactly that address, with the interrupted
 * function next, or the handler is gone. A fault is not reported when the unwinder cannot walk through the handler's
 * code. */
#include "config.h"

#include "fault/fault_internal.h"

/* More than one, since a crash reporter may probe memory and fault again. */
#define HANDLED_KEPT 8

struct handled {
	struct fault_origin origin;
	const ucontext_t *uc; /* NULL: unused, or reported */
	uintptr_t pc, sp;     /* where the fault was */
};

/* A ring: the oldest is overwritten. */
static TLS_IE struct handled kept[HANDLED_KEPT];
static TLS_IE unsigned kept_next;

void pending_note(const struct fault_origin *origin, const ucontext_t *uc)
{
	struct handled *h = &kept[kept_next];

	/* Two frames cannot be at one address: the older one is gone. */
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
