/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/origin.c - from places in copies back to the original: for the unwinder and for the handler of faults.
 *
 * Only the innermost frame of a thread, or of code that a signal interrupted, can be in a copy, since calls are made
 * from the original. Such a place is in a copied instruction, in its check (which has put registers aside), in a
 * stub, or in a thunk's far jump.
 *
 * A handler of the program's sees the original pc and registers (fault/fault.c, fault/relay.c). When it returns, the
 * interrupted code goes on in the copy: the original bytes at that pc may be under a springboard. */
#include "shadow/shadow.h"
#include "watch/watch_internal.h"

#include <ucontext.h>

#define JMP_SHORT 0xeb /* jmp rel8 */

/* ---- what is at an address ------------------------------------------------------------------- */

static const struct watch_copy *copy_at(const struct watch_module *m, uintptr_t pc)
{
	uint32_t lo = 0, hi = LOAD_ACQUIRE(m->nr_copies);
	const struct watch_copy *c;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (m->copies[mid].copy.code <= pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return NULL;
	c = &m->copies[lo - 1];
	return pc - c->copy.code < c->copy.code_size ? c : NULL;
}

static struct watch_module *module_at(uintptr_t pc)
{
	for (unsigned i = 0; i < WATCH_MODULES; i++) {
		struct watch_module *m = LOAD_ACQUIRE(watch_modules[i]);

		if (m && pc - m->start < m->end - m->start)
			return m;
	}
	return NULL;
}

static const struct watch_copy *copy_of(const struct watch_module *m, uintptr_t pc)
{
	uint32_t nr = LOAD_ACQUIRE(m->nr_copies);

	for (uint32_t i = 0; i < nr; i++)
		if (pc - m->copies[i].copy.start < m->copies[i].copy.end - m->copies[i].copy.start)
			return &m->copies[i];
	return NULL;
}

/* ---- original bytes ---------------------------------------------------------------------------- */

/* Puts original bytes that begin `at` bytes behind the module's start over those of [from, from + n), as far as they
 * overlap. */
static void put_over(uint8_t *bytes, uintptr_t from, size_t n, uintptr_t at, const uint8_t *original, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (at + i - from < n)
			bytes[at + i - from] = original[i];
}

static void original_function(const struct watch_module *m, const struct watch_function *f, uint64_t pc, uint8_t *bytes,
                              size_t n)
{
	const struct watch_copy *c = copy_of(m, m->start + f->at);
	const struct watch_entry *e = &m->entries[f->entry];

	for (unsigned k = 0; k < f->nr_entries; k++)
		if (e[k].placed)
			put_over(bytes, pc, n, m->start + e[k].at, e[k].bytes, STUB_JUMP);
	for (uint32_t k = 0; c && k < c->nr_springs; k++)
		put_over(bytes, pc, n, m->start + c->springs[k].at, c->springs[k].bytes, c->springs[k].length);
}

/* The bytes may reach into the functions behind. */
static void original_code(uint64_t pc, uint8_t *bytes, size_t n)
{
	const struct watch_module *m = module_at(pc);
	int32_t i = m ? module_function_at(m, pc) : -1;

	for (; i >= 0 && (uint32_t)i < m->nr_functions && m->start + m->functions[i].at < pc + n; i++)
		original_function(m, &m->functions[i], pc, bytes, n);
}

/* ---- places that share a copy ---------------------------------------------------------------- */

#define HOPS_MAX 65536u

/* Does a row of jumps of two bytes lead from one place to the other? */
static bool leads_to(const struct copy *c, uintptr_t from, uintptr_t to)
{
	for (unsigned i = 0; i < HOPS_MAX && from - c->start < c->end - c->start - 2; i++) {
		const uint8_t *code = (const uint8_t *)from;

		if (from == to || code[0] != JMP_SHORT)
			return from == to;
		from += 2 + (uintptr_t)(intptr_t)(int8_t)code[1];
	}
	return false;
}

/* Equal jumps behind calls may share the copy of one of them (copy_spring.c). Which one is meant is the one to which
 * control has returned. */
uintptr_t origin_shared(uintptr_t pc, uintptr_t sp)
{
	const struct watch_module *m = module_at(pc);
	const struct watch_copy *c = m ? copy_of(m, pc) : NULL;
	uint8_t here[2], there[2];
	uintptr_t back;

	if (!c || os_safe_read(&back, (const void *)(sp - sizeof(back)), sizeof(back)) != sizeof(back) || back == pc ||
	    !leads_to(&c->copy, back, pc))
		return pc;
	mem_copy(here, (const void *)pc, sizeof(here));
	mem_copy(there, (const void *)back, sizeof(there));
	original_code(pc, here, sizeof(here));
	original_code(back, there, sizeof(there));
	return here[0] != JMP_SHORT && mem_compare(here, there, sizeof(here)) == 0 ? back : pc;
}

/* ---- registers ------------------------------------------------------------------------------- */

/* The signal came in a stub: nothing of the function has run. Returns the entry's address, or 0. */
static uintptr_t stub_origin(const struct watch_module *m, struct copy_regs *regs)
{
	size_t off = regs->rip - (uintptr_t)m->stubs;

	if (regs->rip < (uintptr_t)m->stubs || off / STUB_SIZE >= m->nr_entries)
		return 0;
	regs->gpr[INSN_RSP] += stub_stack_used(off % STUB_SIZE);
	return m->start + m->entries[off / STUB_SIZE].at;
}

/* Puts the original's registers into *regs. regs->rip becomes the place in the copy (or entry) at which the code can go
 * on. Returns the original pc; 0: regs->rip is in no copy. */
static uintptr_t origin_of(struct copy_regs *regs, bool checked)
{
	const struct watch_module *m = watch_module_of_copy(regs->rip);
	const struct watch_copy *c = m ? copy_at(m, regs->rip) : NULL;
	uintptr_t original = 0;

	if (c && copy_undo(&c->copy, regs, checked))
		return origin_shared(copy_original_pc(&c->copy, regs->rip), regs->gpr[INSN_RSP]);
	if (m)
		original = stub_origin(m, regs);
	if (original)
		regs->rip = original;
	return original;
}

/* ---- the unwinder ---------------------------------------------------------------------------- */

static void unwind_origin(struct unwind_regs *r)
{
	struct copy_regs regs = { .rip = r->pc };
	uintptr_t original;

	regs.gpr[INSN_RSP] = r->sp;
	regs.gpr[INSN_RBP] = r->fp;
	original = origin_of(&regs, true);
	if (!original)
		return;
	r->pc = original;
	r->sp = regs.gpr[INSN_RSP];
	r->fp = regs.gpr[INSN_RBP];
}

/* ---- signals --------------------------------------------------------------------------------- */

static const uint8_t context_place[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static uint64_t context_origin(uint64_t *gregs, bool checked)
{
	struct copy_regs regs = { .rip = gregs[REG_RIP], .flags = gregs[REG_EFL] };
	uintptr_t original;

	if (!watch_module_of_copy(regs.rip))
		return 0;
	for (unsigned i = 0; i < 16; i++)
		regs.gpr[i] = gregs[context_place[i]];
	original = origin_of(&regs, checked);
	if (!original)
		return 0;
	for (unsigned i = 0; i < 16; i++)
		gregs[context_place[i]] = regs.gpr[i];
	gregs[REG_EFL] = regs.flags;
	gregs[REG_RIP] = original;
	return regs.rip;
}

static uint64_t resume_at(uint64_t pc)
{
	const struct watch_module *m = watch_stopped ? NULL : module_at(pc);
	const struct watch_copy *c = m ? copy_of(m, pc) : NULL;

	return c ? copy_copied_pc(&c->copy, pc) : 0;
}

static bool same_function(uint64_t a, uint64_t b)
{
	const struct watch_module *m = module_at(a);
	const struct watch_copy *c = m ? copy_of(m, a) : NULL;

	return c && b - c->copy.start < c->copy.end - c->copy.start;
}

static void take_away(uintptr_t at, const uint8_t *original, size_t length)
{
	uint8_t bytes[STUB_JUMP];

	if (mem_compare((const void *)at, original, length) == 0)
		return;
	mem_copy(bytes, (const void *)at, STUB_JUMP);
	mem_copy(bytes, original, length);
	stub_replace((uint8_t *)at, bytes);
}

/* The long springs last: short ones lead to some of them. */
static void take_springs_away(const struct watch_module *m, const struct watch_copy *c)
{
	for (int is_long = 0; is_long < 2; is_long++)
		for (uint32_t k = 0; k < c->nr_springs; k++)
			if ((c->springs[k].length == STUB_JUMP) == is_long)
				take_away(m->start + c->springs[k].at, c->springs[k].bytes, c->springs[k].length);
}

void origin_restore(const struct watch_module *m, const struct watch_copy *c)
{
	const struct watch_function *f = &m->functions[c->function];
	const struct watch_entry *e = &m->entries[f->entry];

	for (unsigned k = 0; k < f->nr_entries; k++)
		if (e[k].placed)
			take_away(m->start + e[k].at, e[k].bytes, STUB_JUMP);
	take_springs_away(m, c);
}

/* From here on the function runs unchecked, except in threads that are in its copy. A jump in its bytes is right only
 * where control comes from elsewhere; who begins in the middle may come to any of them. */
static void run_original(uint64_t pc)
{
	const struct watch_module *m = module_at(pc);
	const struct watch_copy *c = m ? copy_of(m, pc) : NULL;
	bool mine = lock_mine(&watch_lock);

	if (!c)
		return;
	if (!mine)
		lock_acquire(&watch_lock);
	origin_restore(m, c);
	if (!mine)
		lock_release(&watch_lock);
}

/* Threads that were in copies when watching ended (watch_stop) come out of them at their next check, call or signal. */
static bool leave(uint64_t *gregs, uintptr_t addr)
{
	return watch_stopped && shadow_spans(addr) && context_origin(gregs, false);
}

/* Another thread may be at these bytes, but the process is about to end. */
static void show_original(uint64_t pc)
{
	const struct watch_module *m = module_at(pc);
	int32_t i = m ? module_function_at(m, pc) : -1;

	if (i >= 0)
		original_code(m->start + m->functions[i].at, (uint8_t *)m->start + m->functions[i].at,
		              m->functions[i].padding_end - m->functions[i].at);
}

static const struct code_copies copies = {
	.unwind = unwind_origin,
	.origin = context_origin,
	.resume = resume_at,
	.same_function = same_function,
	.leave = leave,
	.run_original = run_original,
	.original_code = original_code,
	.show_original = show_original,
};

void origin_start(void)
{
	code_copies = &copies;
}
