/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/watch/copies.c - instructions and their copies, side by side.
 *
 *     copies [SEED [TIMES]]      TIMES instructions of each row of opcodes.def (default: 1 5)
 *
 * An instruction runs with random registers and memory, and then its copies, with the same ones: with checks that pass,
 * with each check on its slow path, with no register and flag taken for free, with all memory bad, and interrupted at
 * each step.  Each must end as the original: registers, flags, vectors, memory, the pc (brought back to the original),
 * the signal and its address.  When all memory is bad, exactly the accesses of struct insn are told, with pc, address,
 * size and kind. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "shadow/shadow.h"
#include "tests/watch/forms.h"
#include "watch/copy.h"

#define FAILURES_SHOWN 60
#define START (FORM_CODE - 8) /* of the function: a nop, where the jump to the copy would be, and the instruction */
#define END (FORM_CODE + 96)
#define COPIES 0x31000000u
#define COPIES_SIZE 0x100000u
#define WORK_SIZE ((size_t)1 << 20)
#define USER_END ((size_t)1 << 47)
#define TRAP_FLAG 0x100u
#define STEPS_MAX 200
#define TOLD_MAX 16

/* FITTING: the access ends where the addressable bytes do; SHORT: a byte behind them. */
enum way { PASSING, SLOW, BAD, STEPPED, FITTING, STEPPED_FITTING, SHORT };
#define RED_ZONE_USED COPY_KEEP_RED_ZONE

static const struct {
	const char *name;
	unsigned flags;
	enum way way;
} ways[] = {
	{ "no checks", COPY_NO_CHECKS, PASSING },
	{ "passing", RED_ZONE_USED, PASSING },
	{ "passing, both ends", RED_ZONE_USED | COPY_BOTH_ENDS, PASSING },
	{ "passing, nothing for free", RED_ZONE_USED | COPY_NO_LIVENESS, PASSING },
	{ "slow", RED_ZONE_USED | COPY_FORCE_SLOW, SLOW },
	{ "slow, nothing for free", RED_ZONE_USED | COPY_FORCE_SLOW | COPY_NO_LIVENESS, SLOW },
	{ "bad", RED_ZONE_USED, BAD },
	{ "bad, nothing for free", RED_ZONE_USED | COPY_NO_LIVENESS, BAD },
	{ "interrupted", RED_ZONE_USED, STEPPED },
	{ "interrupted, nothing for free", RED_ZONE_USED | COPY_NO_LIVENESS, STEPPED },
	{ "fitting", RED_ZONE_USED, FITTING },
	{ "fitting, nothing for free", RED_ZONE_USED | COPY_NO_LIVENESS, FITTING },
	{ "interrupted, fitting", RED_ZONE_USED, STEPPED_FITTING },
	{ "interrupted, fitting, nothing for free", RED_ZONE_USED | COPY_NO_LIVENESS, STEPPED_FITTING },
	{ "short", RED_ZONE_USED, SHORT },
	{ "short, nothing for free", RED_ZONE_USED | COPY_NO_LIVENESS, SHORT },
	/* Without a red zone to keep, where the function uses none. */
	{ "bad, no red zone", 0, BAD },
	{ "bad, no red zone, nothing for free", COPY_NO_LIVENESS, BAD },
	{ "fitting, no red zone", 0, FITTING },
	{ "fitting, no red zone, nothing for free", COPY_NO_LIVENESS, FITTING },
	{ "interrupted, fitting, no red zone, nothing for free", COPY_NO_LIVENESS, STEPPED_FITTING },
	{ "short, no red zone, nothing for free", COPY_NO_LIVENESS, SHORT },
};

static unsigned nr_ran, nr_runs, nr_failed, nr_told, nr_steps;
static uint8_t memory_before[FORM_MEMORY_SIZE], memory_after[FORM_MEMORY_SIZE], memory_copy[FORM_MEMORY_SIZE];
static uint8_t *work;
static struct copy_access told[TOLD_MAX];
static unsigned nr_told_now;
static unsigned flags_now; /* enum copy_flag of the copy that runs */

static void complain(const struct form *form, const char *way, const char *what, uint64_t got, uint64_t expected)
{
	if (nr_failed++ >= FAILURES_SHOWN)
		return;
	printf("FAILED: %s: %s: %lx, expected %lx:", way, what, (unsigned long)got, (unsigned long)expected);
	for (unsigned i = 0; i < form->insn.length; i++)
		printf(" %02x", form->code[i]);
	printf("\n");
}

static void poison(int value)
{
	memset((void *)(uintptr_t)((FORM_DATA >> SHADOW_SCALE) + SHADOW_OFFSET), value, FORM_DATA_SIZE >> SHADOW_SCALE);
}

/* The access at [address, address + size) has its last granule to itself but for `spare` bytes less; what lies behind
 * is not addressable. */
static void fit(uint64_t address, size_t size, unsigned spare)
{
	uint64_t last = address + size - 1;
	unsigned rest = (unsigned)(last & 7) + 1 - spare;
	int8_t *shadow = (int8_t *)(uintptr_t)((last >> SHADOW_SCALE) + SHADOW_OFFSET);

	*shadow = (int8_t)(rest == 0 ? SHADOW_SLAB_FREED : rest == 8 ? 0 : rest);
	shadow[1] = (int8_t)SHADOW_SLAB_FREED;
}

static void tell(const struct copy_access *access)
{
	if (nr_told_now < TOLD_MAX)
		told[nr_told_now] = *access;
	nr_told_now++;
}

/* ---- a copy ---------------------------------------------------------------------------------- */

static bool make_copy(const struct form *form, const char *way, unsigned flags, const uint8_t *text,
                      struct copy_result *result)
{
	struct copy_request r = { .start = START, .end = END, .padding_end = END };

	r.text = text;
	r.module_text = (struct copy_range){ START, END };
	r.flags = flags;
	r.code = (uint8_t *)(uintptr_t)(COPIES + COPY_THUNK_SIZE);
	r.code_pc = COPIES + COPY_THUNK_SIZE;
	r.code_size = copy_code_size(END - START);
	r.thunk = COPIES;
	r.work = work;
	r.work_size = copy_work_size(END - START, 0);
	if (copy_function(&r, result) != COPY_DONE) {
		complain(form, way, "no copy: status", result->status, COPY_DONE);
		return false;
	}
	for (size_t i = 0; i < result->nr_patches; i++)
		memcpy((void *)result->patches[i].pc, result->patches[i].bytes, result->patches[i].length);
	return true;
}

static bool in_copy(const struct copy *copy, uint64_t pc)
{
	return pc - copy->code < copy->code_size;
}

static void to_regs(const struct state *s, struct copy_regs *regs)
{
	memcpy(regs->gpr, s->gpr, sizeof(regs->gpr));
	regs->rip = s->rip;
	regs->flags = s->flags;
}

static void from_regs(struct state *s, const struct copy_regs *regs)
{
	memcpy(s->gpr, regs->gpr, sizeof(regs->gpr));
	s->rip = regs->rip;
	s->flags = regs->flags;
}

/* Runs the copy until it ends as the original would: a fault of a check is undone, and the access made without. */
static struct ending run_copy(const struct copy *copy, struct state *s)
{
	struct copy_regs regs;
	struct ending e;

	for (;;) {
		e = processor_run(s);
		if (e.signo == SIGTRAP || !in_copy(copy, s->rip))
			break;
		to_regs(s, &regs);
		if (!copy_undo(copy, &regs, false) || regs.rip == s->rip)
			break;
		from_regs(s, &regs);
	}
	if (e.signo == SIGTRAP && in_copy(copy, s->rip - 1))
		s->rip = copy_original_pc(copy, s->rip - 1) + 1;
	else if (in_copy(copy, s->rip))
		s->rip = copy_original_pc(copy, s->rip);
	/* SIGFPE and SIGILL name the instruction. */
	if (in_copy(copy, e.fault_address))
		e.fault_address = copy_original_pc(copy, e.fault_address);
	return e;
}

/* ---- comparisons ----------------------------------------------------------------------------- */

/* Is memory after the copy as after the original?  A check may write to the stack behind the red zone, and into one
 * that the function does not use. */
static bool same_memory(const struct form *form)
{
	const struct insn_mem *m = &form->insn.mem[0];
	bool below = form->insn.nr_mem && m->base == INSN_RSP && m->disp < 0;
	size_t free_stack = FORM_RSP - ((flags_now & RED_ZONE_USED) || below ? 128 : 0) - FORM_STACK;

	return memcmp(memory_after, memory_copy, FORM_DATA_SIZE) == 0 &&
	       memcmp(memory_after + FORM_DATA_SIZE + free_stack, memory_copy + FORM_DATA_SIZE + free_stack,
	              FORM_STACK_SIZE - free_stack) == 0;
}

static void compare(const struct form *form, const char *way, const struct state *a, const struct ending *ea,
                    struct state *b, const struct ending *eb)
{
	bool calls = form->insn.flow == INSN_CALL || form->insn.flow == INSN_CALL_REG ||
	             form->insn.flow == INSN_CALL_MEM;
	/* No flag lives over a call, except the direction. */
	uint64_t unused = calls ? INSN_ARITHMETIC : form->insn.flags_undefined;
	uint64_t flags = (a->flags ^ b->flags) & INSN_ALL_FLAGS & ~unused;

	form_forget_places(b);
	if (ea->signo != eb->signo) {
		complain(form, way, "signal", (uint64_t)eb->signo, (uint64_t)ea->signo);
		return;
	}
	if (ea->fault_address != eb->fault_address)
		complain(form, way, "the signal's address", eb->fault_address, ea->fault_address);
	if (a->rip != b->rip)
		complain(form, way, "pc", b->rip, a->rip);
	for (unsigned i = 0; i < 16; i++)
		if (a->gpr[i] != b->gpr[i])
			complain(form, way, "a register", b->gpr[i], a->gpr[i]);
	if (flags)
		complain(form, way, "flags", b->flags, a->flags);
	if (memcmp(a->vectors, b->vectors, 464) ||
	    memcmp(a->vectors + 576, b->vectors + 576, processor_vectors_size - 576))
		complain(form, way, "vectors", 0, 0);
	form_save_memory(memory_copy);
	if (!same_memory(form))
		complain(form, way, "memory", 0, 0);
}

/* A vector or a mask register chooses elements. */
static bool is_masked(const struct insn *x)
{
	return x->nr_mem && x->elements.choice != INSN_CHOICE_UNKNOWN;
}

static bool is_xlat(const struct insn *x)
{
	return x->map == INSN_MAP_1 && x->nr_mem && x->mem[0].extent == INSN_SPREAD;
}

/* Is an access checked?  The stack, and accesses of which the bytes are not certain, are not. */
static bool is_checked(const struct insn *x, const struct insn_mem *m)
{
	return m->access && !m->fs && !m->gs && m->base != INSN_RIP && m->base != INSN_RSP &&
	       (m->extent == INSN_EXACT || (m->extent == INSN_BITS && x->reg != INSN_RSP) || is_masked(x) ||
	        is_xlat(x)) &&
	       !m->address32 && m->size && (m->base != INSN_NO_REG || m->index != INSN_NO_REG);
}

/* A byte of a vector register. */
static uint8_t vector_byte(const struct state *start, unsigned reg, size_t at)
{
	const uint8_t *v = start->vectors;

	if (reg >= 16)
		return v[processor_zmm16 + (size_t)(reg - 16) * 64 + at];
	return at < 16   ? v[160 + (size_t)reg * 16 + at]
	       : at < 32 ? v[processor_ymm + (size_t)reg * 16 + at - 16]
	                 : v[processor_zmm_high + (size_t)reg * 32 + at - 32];
}

static bool is_chosen(const struct insn_elements *e, const struct state *start, size_t i)
{
	unsigned top = start->vectors[3] >> 3 & 7, ones = 0;
	uint64_t mask;

	switch (e->choice) {
	case INSN_BY_SIGNS:
		return vector_byte(start, e->mask, i * e->size + e->size - 1u) & 0x80;
	case INSN_BY_MMX:
		return start->vectors[32 + (size_t)16 * ((e->mask - top) & 7) + i] & 0x80;
	}
	memcpy(&mask, start->vectors + processor_k + (size_t)e->mask * 8, sizeof(mask));
	for (unsigned bit = 0; bit < e->bits; bit++) {
		if (!(mask >> bit & 1))
			continue;
		if (e->choice == INSN_BY_BITS && bit % e->nr == i)
			return true;
		ones++;
	}
	return e->choice == INSN_PACKED && i < ones;
}

/* Where the first element lies in the data that such an access touches, relative to `from`.  False: none. */
static bool first_chosen(const struct form *form, const struct state *start, uint64_t from, size_t *size,
                         int64_t *where)
{
	const struct insn_elements *e = &form->insn.elements;

	*size = e->size;
	for (size_t i = 0; i < e->nr; i++) {
		uint8_t index[8];
		int32_t near;

		if (!is_chosen(e, start, i))
			continue;
		*where = (int64_t)(i * e->size);
		if (form->insn.mem[0].extent == INSN_SPREAD) {
			for (unsigned k = 0; k < e->index_size; k++)
				index[k] = vector_byte(start, e->index, i * e->index_size + k);
			memcpy(&near, index, sizeof(near));
			*where = near;
			if (e->index_size == 8)
				memcpy(where, index, sizeof(*where));
			*where *= form->insn.mem[0].scale;
		}
		/* An element may also lie in the shadow, say, of which nothing is bad. */
		if (from + (uint64_t)*where + *size > FORM_DATA && from + (uint64_t)*where < FORM_DATA + FORM_DATA_SIZE)
			return true;
	}
	return false;
}

/* bt, bts, btr, btc with a register: where the unit of the bit lies. */
static int64_t bit_distance(const struct insn *x, const struct state *start)
{
	unsigned bits = x->mem[0].size * 8u;
	int64_t bit = (int64_t)(start->gpr[x->reg] << (64 - bits)) >> (64 - bits);

	return (bit >> (bits == 16 ? 4 : bits == 32 ? 5 : 6)) * x->mem[0].size;
}

static void check_told(const struct form *form, const char *way, const struct state *start)
{
	unsigned expected = 0;

	for (unsigned i = 0; i < form->insn.nr_mem; i++) {
		const struct insn_mem *m = &form->insn.mem[i];
		uint64_t address = (uint64_t)m->disp;
		size_t size = m->size;
		bool found = false;
		int64_t where;

		if (!is_checked(&form->insn, m))
			continue;
		if (m->extent == INSN_BITS)
			address += (uint64_t)bit_distance(&form->insn, start);
		if (is_xlat(&form->insn))
			address += start->gpr[INSN_RAX] & 0xff;
		if (m->base < 16)
			address += start->gpr[m->base];
		if (m->index < 16 && m->extent != INSN_SPREAD)
			address += start->gpr[m->index] * m->scale;
		if (is_masked(&form->insn)) {
			if (!first_chosen(form, start, address, &size, &where))
				continue;
			address += (uint64_t)where;
		}
		if ((form->insn.rep || form->insn.repne) && start->gpr[INSN_RCX] == 0)
			continue;
		expected++;
		for (unsigned k = 0; k < nr_told_now && k < TOLD_MAX; k++) {
			const struct copy_access *t = &told[k];
			bool same = form->insn.rep || form->insn.repne
			                    ? address >= t->address && address + size <= t->address + t->size
			                    : address == t->address && size == t->size;

			found |= same && t->pc == FORM_CODE && t->write == !!(m->access & INSN_WRITE);
		}
		if (!found)
			complain(form, way, "a bad access is not told", address, size);
	}
	if (nr_told_now != expected)
		complain(form, way, "told", nr_told_now, expected);
	nr_told += expected;
}

/* ---- ways ------------------------------------------------------------------------------------ */

/* A signal after `steps` instructions of the copy: its handler sees the original's registers, and then the copy goes
 * on. False: it ended before. */
static bool interrupt(const struct form *form, const char *way, const struct copy *copy, struct state *s,
                      unsigned steps)
{
	struct copy_regs regs;

	for (unsigned i = 0; i < steps; i++) {
		s->flags |= TRAP_FLAG;
		if (processor_run(s).signo != SIGTRAP || !in_copy(copy, s->rip) ||
		    *(const uint8_t *)(uintptr_t)s->rip == 0xcc)
			return false;
	}
	s->flags &= ~(uint64_t)TRAP_FLAG;
	to_regs(s, &regs);
	if (!copy_undo(copy, &regs, true))
		complain(form, way, "cannot be undone", s->rip, 0);
	from_regs(s, &regs);
	return true;
}

/* The address of the only access, when it is a plain one within the data. */
static bool one_access(const struct form *form, const struct state *start, uint64_t *address)
{
	const struct insn_mem *m = &form->insn.mem[0];

	if (form->insn.nr_mem != 1 || form->insn.string || !is_checked(&form->insn, m) || m->extent != INSN_EXACT)
		return false;
	*address = (uint64_t)m->disp + (m->base < 16 ? start->gpr[m->base] : 0) +
	           (m->index < 16 ? start->gpr[m->index] * m->scale : 0);
	return *address >= FORM_DATA && *address + m->size <= FORM_DATA + FORM_DATA_SIZE - 16;
}

static void run_stepped(const struct form *form, const char *way, const struct copy *copy, const struct state *start,
                        const struct state *after, const struct ending *end)
{
	static struct state s;

	for (unsigned steps = 1; steps < STEPS_MAX; steps++) {
		struct ending e;

		s = *start;
		s.rip = copy->code;
		form_restore_memory(memory_before);
		if (!interrupt(form, way, copy, &s, steps))
			return;
		nr_steps++;
		e = run_copy(copy, &s);
		compare(form, way, after, end, &s, &e);
	}
}

static void run_way(const struct form *form, size_t i, const uint8_t *text, const struct state *start,
                    const struct state *after, const struct ending *end)
{
	static struct state s;
	struct copy_result result;
	struct ending e;
	uint64_t address = 0;

	if (ways[i].way >= FITTING && (end->signo != SIGTRAP || !one_access(form, start, &address)))
		return;
	if (ways[i].way == SHORT && form->insn.mem[0].size >= 16 && form->insn.mem[0].access == INSN_READ)
		return; /* aligned loads are tolerated */
	flags_now = ways[i].flags;
	if (!make_copy(form, ways[i].name, flags_now, text, &result))
		return;
	if (ways[i].way >= FITTING)
		fit(address, form->insn.mem[0].size, ways[i].way == SHORT);
	nr_runs++;
	nr_told_now = 0;
	form_restore_memory(memory_before);
	if (ways[i].way == STEPPED || ways[i].way == STEPPED_FITTING) {
		run_stepped(form, ways[i].name, &result.copy, start, after, end);
	} else {
		if (ways[i].way == BAD)
			poison(SHADOW_SLAB_FREED);
		s = *start;
		s.rip = result.copy.code;
		e = run_copy(&result.copy, &s);
		compare(form, ways[i].name, after, end, &s, &e);
		if (ways[i].way != BAD && ways[i].way != SHORT)
			nr_told_now ? complain(form, ways[i].name, "told", nr_told_now, 0) : (void)0;
		else if (end->signo == SIGTRAP)
			check_told(form, ways[i].name, start);
	}
	poison(0);
	memcpy((void *)(uintptr_t)START, text, END - START);
}

/* int3 with a prefix: where it starts cannot be told from its end.  Addresses relative to eip are not copied. */
static bool is_left_out(const struct form *form)
{
	const struct insn *x = &form->insn;

	return (x->flow == INSN_STOP && x->length > 1) ||
	       (x->nr_mem && x->mem[0].base == INSN_RIP && x->mem[0].address32);
}

/* Returns whether it ran. */
static bool try(struct form *form)
{
	static const uint8_t nop[8] = { 0x0f, 0x1f, 0x84 };
	static struct state start, after;
	static uint8_t text[END - START];
	struct ending end;

	if (!form_prepare(form, &start) || is_left_out(form))
		return false;
	form_save_memory(memory_before);
	form_place(form);
	memcpy((void *)(uintptr_t)START, nop, sizeof(nop));
	memcpy(text, (void *)(uintptr_t)START, sizeof(text));
	after = start;
	end = processor_run(&after);
	form_forget_places(&after);
	form_save_memory(memory_after);
	if (end.signo == SIGILL && form->insn.flow != INSN_STOP)
		return false;
	nr_ran++;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		run_way(form, i, text, &start, &after, &end);
	return true;
}

static bool set_up(void)
{
	int rwx = PROT_READ | PROT_WRITE | PROT_EXEC, flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

	if (mmap((void *)(uintptr_t)COPIES, COPIES_SIZE, rwx, flags | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED ||
	    mmap((void *)SHADOW_OFFSET, USER_END >> SHADOW_SCALE, PROT_READ | PROT_WRITE, flags | MAP_FIXED_NOREPLACE,
	         -1, 0) == MAP_FAILED)
		return false;
	work = mmap(NULL, WORK_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (work == MAP_FAILED || copy_work_size(END - START, 0) > WORK_SIZE)
		return false;
	copy_write_thunk((uint8_t *)(uintptr_t)COPIES);
	copy_set_bad_access(tell);
	return processor_set_up() && form_set_up();
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	unsigned times = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 5, rows = 0;
	struct form form;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!set_up()) {
		printf("copies: this system cannot map the memory\n");
		return 77;
	}
	for (size_t i = 0; i < nr_opcode_rows; i++) {
		unsigned ran = 0;

		form_seed(seed * 1000 + i);
		for (unsigned tries = 0; ran < times && tries < 50 * times; tries++)
			if (form_make(&opcode_rows[i], &form) && form_harmless(&form) && form_repeats(&form))
				ran += try(&form);
		rows += ran != 0;
	}
	printf("%u instructions of %u rows (of %zu) ran beside %u copies; %u bad accesses told; %u interruptions; %u "
	       "failures\n",
	       nr_ran, rows, nr_opcode_rows, nr_runs, nr_told, nr_steps, nr_failed);
	return nr_failed != 0;
}
