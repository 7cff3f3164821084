/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/watch/behave.c - watch/'s decoder beside this processor.
 *
 *     behave [SEED [TIMES]]      TIMES instructions of each row of opcodes.def (default: 1 20)
 *
 * Each runs with random registers and memory, and the processor shows whether struct insn is right:
 *
 *   - Registers, flags and memory that the instruction does not write keep their values, and control goes where `flow`
 *     says.
 *   - Run again with other values in all registers and flags that it does not read, it does the same: `kills` get the
 *     same values, memory and vectors too.
 *   - An operand in memory of `size` bytes fits exactly before memory that cannot be accessed, and exactly behind it;
 *     one byte further it does not.  In memory that cannot be written it faults when it writes.
 *
 * Prints what was wrong, with the bytes, and the rows of which no instruction ran, for instance because this processor
 * does not have them. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/watch/forms.h"

#define FAILURES_SHOWN 60

static unsigned nr_ran, nr_failed, nr_sizes, nr_faulted;
static uint8_t memory_before[FORM_MEMORY_SIZE], memory_first[FORM_MEMORY_SIZE], memory_second[FORM_MEMORY_SIZE];

static void complain(const struct form *form, const char *what, uint64_t got, uint64_t expected)
{
	if (nr_failed++ >= FAILURES_SHOWN)
		return;
	printf("FAILED: %s: %lx, expected %lx:", what, (unsigned long)got, (unsigned long)expected);
	for (unsigned i = 0; i < form->insn.length; i++)
		printf(" %02x", form->code[i]);
	printf("\n");
}

static struct ending run(const struct form *form, struct state *s)
{
	struct ending e;

	form_place(form);
	e = processor_run(s);
	form_forget_places(s);
	return e;
}

/* ---- what it changes ------------------------------------------------------------------------- */

/* Addresses that the instruction may write. */
static bool may_write(const struct form *form, uintptr_t at, const struct state *before)
{
	const struct insn *x = &form->insn;
	uintptr_t sp = before->gpr[INSN_RSP];

	if (x->stack && at >= FORM_STACK && at < FORM_STACK + FORM_STACK_SIZE)
		return at >= sp - 512 && at < sp;
	for (unsigned i = 0; i < x->nr_mem; i++)
		if (x->mem[i].access & INSN_WRITE && at >= FORM_DATA && at < FORM_DATA + FORM_DATA_SIZE)
			return true;
	return false;
}

static void check_memory_kept(const struct form *form, const struct state *before)
{
	static uint8_t now[sizeof(memory_before)];

	form_save_memory(now);
	if (memcmp(now, memory_before, sizeof(now)) == 0)
		return;
	for (size_t i = 0; i < sizeof(now); i++) {
		uintptr_t at = i < FORM_DATA_SIZE ? FORM_DATA + i : FORM_STACK + i - FORM_DATA_SIZE;

		if (now[i] != memory_before[i] && !may_write(form, at, before)) {
			complain(form, "memory changed", at, 0);
			return;
		}
	}
}

static void check_kept(const struct form *form, const struct state *before, const struct state *after)
{
	uint64_t flags = (before->flags ^ after->flags) & INSN_ALL_FLAGS & ~(uint64_t)form->insn.flags_written;

	for (unsigned i = 0; i < 16; i++)
		if (before->gpr[i] != after->gpr[i] && !(form->insn.writes >> i & 1))
			complain(form, "a register changed", i, form->insn.writes);
	if (flags)
		complain(form, "flags changed", flags, form->insn.flags_written);
	check_memory_kept(form, before);
}

/* The address at which the int3 stood that ended the run. */
static void check_flow(const struct form *form, const struct state *after)
{
	uintptr_t next = FORM_CODE + form->insn.length, at = after->rip - 1;
	bool ok = false;

	switch ((enum insn_flow)form->insn.flow) {
	case INSN_PLAIN:
	case INSN_SYSCALL:
		ok = at == next;
		break;
	case INSN_STOP:
		ok = true;
		break;
	case INSN_JCC:
	case INSN_LOOP:
	case INSN_XBEGIN:
		ok = at == next || at == form->insn.target;
		break;
	case INSN_JMP:
	case INSN_CALL:
		ok = at == form->insn.target;
		break;
	case INSN_JMP_REG:
	case INSN_JMP_MEM:
	case INSN_CALL_REG:
	case INSN_CALL_MEM:
	case INSN_RET:
		ok = at == FORM_PAD;
		break;
	}
	if (!ok)
		complain(form, "ended elsewhere", at, next);
}

/* ---- what it reads --------------------------------------------------------------------------- */

/* Other values in all registers that the instruction does not read. */
static void change_unread(const struct form *form, struct state *s)
{
	for (unsigned i = 0; i < 16; i++)
		if (!(form->insn.reads >> i & 1) && i != INSN_RSP)
			s->gpr[i] = form_random();
	s->flags ^= INSN_ALL_FLAGS & ~(uint64_t)form->insn.flags_read;
}

static void check_same(const struct form *form, const struct state *a, const struct state *b)
{
	uint64_t flags = (a->flags ^ b->flags) & form->insn.flags_killed;

	for (unsigned i = 0; i < 16; i++)
		if (form->insn.kills >> i & 1 && a->gpr[i] != b->gpr[i])
			complain(form, "a killed register depends on one that is not read", i, form->insn.reads);
	if (flags)
		complain(form, "killed flags depend on what is not read", flags, form->insn.flags_read);
	/* Between them the kernel has notes of its own. */
	if (memcmp(a->vectors, b->vectors, 464) ||
	    memcmp(a->vectors + 576, b->vectors + 576, processor_vectors_size - 576))
		complain(form, "vectors depend on what is not read", 0, form->insn.reads);
	form_save_memory(memory_second);
	if (memcmp(memory_first, memory_second, sizeof(memory_first)))
		complain(form, "memory depends on what is not read", 0, form->insn.reads);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static bool faults(struct form *form, const struct state *start, uintptr_t address, struct ending *e)
{
	struct state s = *start;

	if (!form_aim(form, &s, address))
		return false;
	*e = run(form, &s);
	form_restore_memory(memory_before);
	return true;
}

static void expect_fault(struct form *form, const struct state *start, const char *what, uintptr_t address, bool wanted)
{
	struct ending e;
	bool faulted;

	/* Faults without an address are of other causes: alignment, a state that xrstor does not like. */
	if (!faults(form, start, address, &e) || (e.signo == SIGSEGV && !e.fault_address))
		return;
	faulted = e.signo == SIGSEGV;
	nr_sizes++;
	if (faulted != wanted)
		complain(form, what, faulted, wanted);
}

/* Locked accesses over the end of a cache line may take the kernel very long. */
static bool locks(const struct form *form)
{
	bool xchg = form->insn.map == INSN_MAP_1 && (form->insn.opcode & 0xfe) == 0x86;

	return form->insn.lock || xchg;
}

static void check_size(struct form *form, const struct state *start)
{
	const struct insn_mem *m = &form->insn.mem[0];

	/* String instructions go on; rsp and jumps need what lies there. */
	if (!form->insn.nr_mem || form->insn.string || form->insn.stack || form->insn.flow != INSN_PLAIN)
		return;
	if (m->base == INSN_RSP || m->extent != INSN_EXACT)
		return;
	/* Flushes of cache lines look at the address's page, but their memory does not matter. */
	if (!m->access && form->insn.opcode == 0xae)
		return;
	if (!m->access) {
		expect_fault(form, start, "an address that is not accessed faults", FORM_DATA + FORM_DATA_SIZE, false);
		return;
	}
	expect_fault(form, start, "the last bytes fault", FORM_DATA + FORM_DATA_SIZE - m->size, false);
	expect_fault(form, start, "the first bytes fault", FORM_DATA, false);
	if (!locks(form)) {
		expect_fault(form, start, "one byte further does not fault", FORM_DATA + FORM_DATA_SIZE - m->size + 1,
		             true);
		expect_fault(form, start, "one byte before does not fault", FORM_DATA - 1, true);
	}
	expect_fault(form, start, "in memory that cannot be written", FORM_READ_ONLY + 512, m->access & INSN_WRITE);
}

/* ---- elements -------------------------------------------------------------------------------- */

/* AVX-512 keeps faults away from elements that its mask does not choose: the last element lies where no memory is. */
static void check_elements(struct form *form, const struct state *start)
{
	const struct insn_elements *e = &form->insn.elements;
	uintptr_t address = FORM_DATA + FORM_DATA_SIZE - (e->nr - 1u) * e->size;
	uint64_t others = e->bits == 64 ? ~0ul : (1ul << e->bits) - 1, last = 0;
	struct state s = *start;
	void *mask = s.vectors + processor_k + (size_t)e->mask * 8;

	if (!form->insn.nr_mem || form->insn.mem[0].extent != INSN_MASKED || form->insn.encoding != INSN_EVEX ||
	    e->choice == INSN_CHOICE_UNKNOWN || form->insn.mem[0].base == INSN_RSP)
		return;
	/* vextract writes what is chosen, but looks at all of the memory. */
	if (form->insn.map == INSN_MAP_0F3A && form->insn.opcode != 0x1d && form->insn.mem[0].access == INSN_WRITE)
		return;
	if (e->choice == INSN_PACKED) {
		last = others;
		others >>= 1;
	} else {
		for (unsigned bit = e->nr - 1u; bit < e->bits; bit += e->nr)
			last |= 1ul << bit;
		others &= ~last;
		last = 1ul << (e->nr * (form_random() % (e->bits / e->nr)) + e->nr - 1);
	}
	memcpy(mask, &others, sizeof(others));
	expect_fault(form, &s, "an element that is not chosen faults", address, false);
	memcpy(mask, &last, sizeof(last));
	expect_fault(form, &s, "an element that is chosen does not fault", address, true);
}

/* ---- one instruction ------------------------------------------------------------------------- */

static bool is_checked_twice(const struct form *form)
{
	return form_repeats(form) && form->insn.flow != INSN_STOP;
}

/* Returns whether it ran. */
static bool try(struct form *form)
{
	static struct state start, first, second;
	struct ending e, again;

	if (!form_prepare(form, &start))
		return false;
	form_save_memory(memory_before);
	first = start;
	e = run(form, &first);
	if (e.signo == SIGILL)
		return false;
	if (e.signo != SIGTRAP) {
		nr_faulted++;
		form_restore_memory(memory_before);
		return false;
	}
	nr_ran++;
	check_flow(form, &first);
	check_kept(form, &start, &first);
	form_save_memory(memory_first);
	form_restore_memory(memory_before);
	if (is_checked_twice(form)) {
		second = start;
		change_unread(form, &second);
		again = run(form, &second);
		if (again.signo != e.signo || second.rip != first.rip)
			complain(form, "ends otherwise with other values in what it does not read", second.rip,
			         first.rip);
		else
			check_same(form, &first, &second);
		form_restore_memory(memory_before);
	}
	check_size(form, &start);
	check_elements(form, &start);
	return true;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	unsigned times = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 20, rows = 0;
	struct form form;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!processor_set_up() || !form_set_up()) {
		fprintf(stderr, "behave: cannot set up\n");
		return 77;
	}
	for (size_t i = 0; i < nr_opcode_rows; i++) {
		unsigned made = 0, ran = 0;

		form_seed(seed * 1000 + i);
		for (unsigned tries = 0; ran < times && tries < 50 * times; tries++)
			if (form_make(&opcode_rows[i], &form)) {
				made++;
				if (form_harmless(&form))
					ran += try(&form);
			}
		rows += ran != 0;
		if (!ran)
			printf("row %zu (map %u, opcode %02x, encodings %u): %s\n", i, opcode_rows[i].map,
			       opcode_rows[i].first, opcode_rows[i].encodings,
			       made ? "did not run here" : "NEVER MADE");
	}
	printf("%u instructions of %u rows (of %zu) ran; %u sizes; %u others faulted; %u failures\n", nr_ran, rows,
	       nr_opcode_rows, nr_sizes, nr_faulted, nr_failed);
	return nr_failed != 0;
}
