/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/copy_map.c - from a place in the copy back to the original, and the other way.
 *
 * The map has for each instruction, in order, one to four bytes:
 *
 *      bits 0-3  length of the original
 *      bit 4     it has checks; their length follows, a byte, or two bytes with bit 6
 *      bit 5     the copy's length differs; that length follows, a byte
 *
 * Searches begin at the function's start: only faults, signals and reports search.
 *
 * What a check has done to registers and the stack follows from its own instructions, which copy_undo walks over up to
 * the place in question: pushes, pops, moves of rsp, flags kept in rax. */
#include "watch/arch/x86_64/copy_internal.h"

enum { MAP_LENGTH = 0xf, MAP_CHECK = 0x10, MAP_BODY = 0x20, MAP_CHECK_LONG = 0x40 };

bool map_write(struct job *job)
{
	struct copy *copy = &job->result->copy;
	uint8_t *map = job_alloc(job, (size_t)job->nr_nodes * 5), *p = map;

	if (!map)
		return false;
	for (uint32_t i = 0; i < job->nr_nodes; i++) {
		const struct node *n = &job->nodes[i];
		uint32_t end = i + 1 < job->nr_nodes ? n[1].copy : job->body_end;
		uint32_t check = n->body - n->copy, body = end - n->body;
		uint8_t *head = p++;

		*head = n->length;
		if (check) {
			*head |= MAP_CHECK;
			*p++ = (uint8_t)check;
			if (check > UINT8_MAX) {
				*head |= MAP_CHECK_LONG;
				*p++ = (uint8_t)(check >> 8);
			}
		}
		if (body != n->length) {
			*head |= MAP_BODY;
			*p++ = (uint8_t)body;
		}
	}
	copy->map = map;
	copy->map_size = (uint32_t)(p - map);
	return true;
}

/* ---- searches -------------------------------------------------------------------------------- */

/* One instruction on the walk over the map. */
struct step {
	const uint8_t *next, *end;
	uintptr_t pc, copy, body; /* the original; the copy's checks; the copied instruction */
	uintptr_t pc_end, copy_end;
};

static struct step first_step(const struct copy *copy)
{
	struct step s = { .next = copy->map, .end = copy->map + copy->map_size };

	s.pc_end = copy->start;
	s.copy_end = copy->code;
	return s;
}

static bool next_step(struct step *s)
{
	unsigned head, check = 0;

	if (s->next >= s->end)
		return false;
	head = *s->next++;
	s->pc = s->pc_end;
	s->copy = s->copy_end;
	if (head & MAP_CHECK)
		check = *s->next++;
	if (head & MAP_CHECK_LONG)
		check |= (unsigned)*s->next++ << 8;
	s->body = s->copy + check;
	s->pc_end = s->pc + (head & MAP_LENGTH);
	s->copy_end = s->body + (head & MAP_BODY ? *s->next++ : head & MAP_LENGTH);
	return true;
}

static bool in_copy(const struct copy *copy, uintptr_t pc)
{
	return pc >= copy->code && pc < copy->code + copy->code_size;
}

static uintptr_t jump_target(uintptr_t jmp)
{
	int32_t distance;

	mem_copy(&distance, (const uint8_t *)jmp + 1, sizeof(distance));
	return jmp + JMP_SIZE + (uintptr_t)(intptr_t)distance;
}

/* From a slow path's start: behind its call. 0: the code is not what was written. */
static uintptr_t slow_back(uintptr_t at)
{
	struct insn x;

	do {
		if (!x86_decode(&x, (const uint8_t *)at, 15, at))
			return 0;
		at += x.length;
	} while (x.flow != INSN_CALL);
	return at;
}

/* The slow path around pc: its start and where it goes back to. */
static bool find_slow(const struct copy *copy, uintptr_t pc, uintptr_t *start, uintptr_t *back)
{
	uintptr_t end = copy->code + copy->code_size, next;

	for (uintptr_t at = copy->code + copy->slow_offset; at < end; at = next) {
		uintptr_t behind = slow_back(at);
		const struct slow *slow = slow_behind_call(behind);

		if (!behind)
			return false;
		next = (uintptr_t)&slow->members[slow->nr_members];
		if (pc >= next)
			continue;
		*start = at;
		*back = jump_target(behind);
		return true;
	}
	return false;
}

/* The instruction for which the copy works at pc, in its slow path as well.  False: none. */
static bool find_step(const struct copy *copy, uintptr_t pc, struct step *s)
{
	uintptr_t start, back;

	if (!in_copy(copy, pc))
		return false;
	if (pc >= copy->code + copy->slow_offset) {
		if (!find_slow(copy, pc, &start, &back))
			return false;
		pc = back - 1; /* the jump to the slow path */
	}
	*s = first_step(copy);
	while (next_step(s))
		if (pc < s->copy_end)
			return true;
	return false;
}

uintptr_t copy_original_pc(const struct copy *copy, uintptr_t pc)
{
	struct step s;

	if (!in_copy(copy, pc))
		return 0;
	return find_step(copy, pc, &s) ? s.pc : copy->end; /* the jump behind the last instruction */
}

uintptr_t copy_copied_pc(const struct copy *copy, uintptr_t pc)
{
	struct step s = first_step(copy);

	while (next_step(&s))
		if (s.pc >= pc)
			return s.pc == pc ? s.copy : 0;
	return 0;
}

/* ---- what a check has done ------------------------------------------------------------------- */

/* The state of a check on the way from its start: where rsp and what was pushed are, relative to the rsp before. */
struct undo {
	int64_t rsp;
	int64_t saved[16]; /* offset of a pushed register, or 0 */
	bool flags;        /* kept in ah and al, from lahf on */
	bool overflow;     /* al has the overflow flag, from seto on */
	bool added;        /* … and 0x7f was added to al */
};

static void undo_insn(struct undo *u, const struct insn *x, const uint8_t *bytes)
{
	unsigned reg = (x->opcode & 7u) | (bytes[0] == 0x41 ? 8 : 0);

	if (x->map == INSN_MAP_0F) {
		if (x->opcode == 0x90) /* seto */
			u->overflow = true;
		return;
	}
	switch (x->opcode) {
	case 0x8d: /* lea */
		if (x->reg == INSN_RSP)
			u->rsp += x->mem[0].disp;
		break;
	case 0x9f: /* lahf */
		u->flags = true;
		break;
	case 0x04: /* add $0x7f,%al */
		u->added = true;
		break;
	case 0x9e: /* sahf: all flags are back */
		u->flags = u->overflow = u->added = false;
		break;
	default:
		if ((x->opcode & 0xf8) == 0x50) {
			u->rsp -= 8;
			u->saved[reg] = u->rsp;
		} else if ((x->opcode & 0xf8) == 0x58) {
			u->rsp += 8;
			u->saved[reg] = 0;
		}
	}
}

/* Walks from `at` to pc; when `slow` is not 0, to the jump that leads there.  False: the code is not what was
 * written. */
static bool undo_walk(struct undo *u, uintptr_t at, uintptr_t pc, uintptr_t slow)
{
	bool moved = false; /* by the instruction before */
	struct insn x;

	while (at < pc) {
		const uint8_t *bytes = (const uint8_t *)at;

		if (!x86_decode(&x, bytes, 15, at))
			return false;
		if (slow && (x.flow == INSN_JCC || x.flow == INSN_JMP) && x.target == slow)
			return true;
		if (x.flow == INSN_PLAIN)
			undo_insn(u, &x, bytes);
		else if (x.flow == INSN_CALL && moved) /* copy_thunk_red */
			u->rsp += RED_ZONE;
		moved = x.opcode == 0x8d && x.map == INSN_MAP_1 && x.reg == INSN_RSP;
		at += x.length;
	}
	return true;
}

static void undo_apply(const struct undo *u, struct copy_regs *regs)
{
	uint64_t rsp = regs->gpr[INSN_RSP] - (uint64_t)u->rsp, rax = regs->gpr[INSN_RAX];

	if (u->flags) {
		uint64_t kept = (rax >> 8 & 0xff) & (INSN_ARITHMETIC & ~INSN_OF);
		bool overflow = u->added ? (rax & 0x80) : u->overflow ? (rax & 1) : (regs->flags & INSN_OF);

		regs->flags = (regs->flags & ~(uint64_t)INSN_ARITHMETIC) | kept | (overflow ? INSN_OF : 0);
	}
	for (unsigned i = 0; i < 16; i++)
		if (u->saved[i])
			mem_copy(&regs->gpr[i], (const void *)(uintptr_t)(rsp + (uint64_t)u->saved[i]), 8);
	regs->gpr[INSN_RSP] = rsp;
}

/* ---- copied instructions of more than one step ----------------------------------------------- */

/* In a copied instruction.  A call that the copy makes has pushed a return address already; a loop has counted. */
static void undo_body(const struct step *s, struct copy_regs *regs, bool checked)
{
	const uint8_t *body = (const uint8_t *)s->body;
	uintptr_t into = regs->rip - s->body;
	uintptr_t length = s->pc_end - s->pc;

	bool loop = (body[0] & 0xfc) == 0xe0 || (body[0] == 0x67 && (body[1] & 0xfc) == 0xe0);

	if (into == 0)
		return;
	if (body[0] == 0xe8) {
		regs->gpr[INSN_RSP] += 8;
		regs->rip = checked ? s->copy : s->body;
	} else if (loop && into == length) { /* loop 1f; here: jmp 2f; 1: jmp target; 2: */
		regs->rip = s->copy_end;
	} else if (loop && into == length + SHORT_JMP_SIZE) {
		regs->rip = jump_target(regs->rip);
	}
}

bool copy_undo(const struct copy *copy, struct copy_regs *regs, bool checked)
{
	struct undo undo;
	struct step s;
	uintptr_t pc = regs->rip, slow = 0, back;

	if (!in_copy(copy, pc))
		return false;
	if (!find_step(copy, pc, &s))
		return true;
	if (pc < copy->code + copy->slow_offset && pc >= s.body) {
		undo_body(&s, regs, checked);
		return true;
	}
	mem_set(&undo, 0, sizeof(undo));
	if (pc >= copy->code + copy->slow_offset) {
		if (!find_slow(copy, pc, &slow, &back) || !undo_walk(&undo, s.copy, s.body, slow) ||
		    !undo_walk(&undo, slow, pc, 0))
			return false;
	} else if (!undo_walk(&undo, s.copy, pc, 0)) {
		return false;
	}
	undo_apply(&undo, regs);
	regs->rip = checked ? s.copy : s.body;
	return true;
}
