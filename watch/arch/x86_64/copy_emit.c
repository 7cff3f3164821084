/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/copy_emit.c - the copy itself: instructions in their old order, each behind its checks; then the
 * slow paths.
 *
 * A check in its plain form, when a register and the flags are free:
 *
 *      lea   last byte of the access,%r
 *      shr   $3,%r
 *      cmpb  $0,0x7fff8000(%r)
 *      jne   slow path
 *
 * Flags that are live go into ah and al meanwhile (lahf, seto; add and sahf bring them back: far cheaper than popf).  A
 * register that is live goes to the stack, below the red zone. */
#include "shadow/shadow.h"
#include "watch/arch/x86_64/copy_internal.h"
#include "watch/arch/x86_64/encode.h"

static bool too_far(struct job *job, uint32_t offset)
{
	job->result->status = COPY_TOO_FAR;
	job->result->where = job->request->start + offset;
	return false;
}

static bool unmovable(struct job *job, uint32_t offset)
{
	job->result->status = COPY_UNMOVABLE;
	job->result->where = job->request->start + offset;
	return false;
}

/* ---- instructions ---------------------------------------------------------------------------- */

static void add_fix(struct job *job, struct code *c, uint32_t node)
{
	job->fixes[job->nr_fixes++] = (struct fix){ code_offset(c), node };
	put32(c, 0);
}

/* A rel32 to where the instruction jumps: to the copy of a node, or to the original text. */
static bool put_target(struct job *job, struct code *c, const struct node *n, const struct insn *x)
{
	if (n->target == NO_NODE)
		return put_rel32(c, x->target);
	add_fix(job, c, n->target);
	return true;
}

/* jmp and jcc to a node that is already copied, with 8 bits. */
static bool put_short(const struct job *job, struct code *c, const struct node *n, unsigned opcode)
{
	const struct node *to = n->target == NO_NODE ? NULL : &job->nodes[n->target];
	int64_t distance;

	if (!to || to->offset > n->offset)
		return false;
	distance = (int64_t)to->copy - (code_offset(c) + SHORT_JMP_SIZE);
	if (!fits8(distance))
		return false;
	put8(c, opcode);
	put8(c, (unsigned)distance & 0xff);
	return true;
}

static bool emit_branch(struct job *job, struct code *c, const struct node *n, const struct insn *x)
{
	unsigned condition = x->opcode & 0xf;

	switch ((enum insn_flow)n->flow) {
	case INSN_JCC:
		if (put_short(job, c, n, 0x70 | condition))
			return true;
		put8(c, 0x0f);
		put8(c, 0x80 | condition);
		return put_target(job, c, n, x);
	case INSN_JMP:
		if (put_short(job, c, n, 0xeb))
			return true;
		put8(c, 0xe9);
		return put_target(job, c, n, x);
	case INSN_LOOP: /* loop 1f; jmp 2f; 1: jmp target; 2: */
		put_bytes(c, job->request->text + n->offset, n->length - 1u);
		put8(c, SHORT_JMP_SIZE);
		put8(c, 0xeb);
		put8(c, JMP_SIZE);
		put8(c, 0xe9);
		return put_target(job, c, n, x);
	case INSN_XBEGIN:
		if (x->imm_size != 4)
			return unmovable(job, n->offset);
		put_bytes(c, job->request->text + n->offset, x->imm_offset);
		return put_target(job, c, n, x);
	default:
		return unmovable(job, n->offset);
	}
}

/* An instruction whose operand is relative to rip, `head` with the bytes in front of its displacement. */
static bool put_relative(struct job *job, struct code *c, const struct node *n, const struct insn *x,
                         const uint8_t *bytes)
{
	uintptr_t addr = job->request->start + n->offset + n->length + (uintptr_t)x->mem[0].disp;
	int64_t disp = (int64_t)(addr - (code_pc(c) + n->length));

	if (x->mem[0].address32 || x->disp_size != 4)
		return unmovable(job, n->offset);
	if (!fits32(disp))
		return too_far(job, n->offset);
	put_bytes(c, bytes, x->disp_offset);
	put32(c, (uint32_t)disp);
	put_bytes(c, bytes + x->disp_offset + 4, n->length - x->disp_offset - 4u);
	return true;
}

/* Behind the copy's own `call`, which keeps the processor's stack of return addresses even: the return address becomes
 * the original one, and the call's target is jumped to. */
static bool emit_moved_call(struct job *job, struct code *c, const struct node *n, const struct insn *x)
{
	uintptr_t back = job->request->start + n->offset + n->length;
	uint8_t bytes[16];

	for (unsigned half = 0; half < 2; half++) { /* movl $half,4*half(%rsp) */
		put8(c, 0xc7);
		put_operand(c, 0, INSN_RSP, INSN_NO_REG, 1, half ? 4 : 0);
		put32(c, (uint32_t)((uint64_t)back >> (half * 32)));
	}
	if (n->flow == INSN_CALL)
		return put_jmp(c, x->target) || too_far(job, n->offset);
	/* call *operand is ff /2, jmp *operand ff /4. */
	mem_copy(bytes, job->request->text + n->offset, n->length);
	bytes[x->modrm_offset] = (uint8_t)((bytes[x->modrm_offset] & ~0x38) | 0x20);
	if (x->nr_mem && x->mem[0].base == INSN_RIP)
		return put_relative(job, c, n, x, bytes);
	put_bytes(c, bytes, n->length);
	return true;
}

static bool emit_call(struct job *job, struct code *c, const struct node *n, const struct insn *x)
{
	uint8_t *call;

	if (!n->call_moved)
		return put_jmp(c, job->request->start + n->offset) || too_far(job, n->offset);
	/* call 1f; jmp over (never reached); 1: … */
	put_call(c, code_pc(c) + 5 + SHORT_JMP_SIZE);
	put8(c, 0xeb);
	call = c->at;
	put8(c, 0);
	if (!emit_moved_call(job, c, n, x))
		return false;
	*call = (uint8_t)(c->at - (call + 1));
	return true;
}

/* Goes elsewhere by an address that is found in a register or in memory. */
static bool flow_is_indirect(const struct insn *x)
{
	return x->flow == INSN_RET || x->flow == INSN_STOP || x->flow == INSN_JMP_REG ||
	       (x->flow == INSN_JMP_MEM && x->mem[0].base != INSN_RIP);
}

static bool emit_insn(struct job *job, struct code *c, const struct node *n)
{
	struct insn x;

	if (n->nop)
		return true;
	if (n->movable) {
		put_bytes(c, job->request->text + n->offset, n->length);
		return true;
	}
	if (!node_decode(job, n, &x))
		return unmovable(job, n->offset);
	if (flow_is_call(n->flow))
		return emit_call(job, c, n, &x);
	if (flow_is_indirect(&x)) {
		put_bytes(c, job->request->text + n->offset, n->length);
		return true;
	}
	if (n->flow == INSN_JCC || n->flow == INSN_JMP || n->flow == INSN_LOOP || n->flow == INSN_XBEGIN)
		return emit_branch(job, c, n, &x) || (job->result->status == COPY_DONE && too_far(job, n->offset));
	if (x.nr_mem && x.mem[0].base == INSN_RIP)
		return put_relative(job, c, n, &x, job->request->text + n->offset);
	return unmovable(job, n->offset);
}

/* ---- checks ---------------------------------------------------------------------------------- */

/* The registers that a check may take first: those that calls overwrite. */
static const uint8_t scratch_order[] = { INSN_RAX, INSN_RCX, INSN_RDX, INSN_RSI, INSN_RDI, INSN_R8,  INSN_R9, INSN_R10,
	                                 INSN_R11, INSN_RBX, INSN_R12, INSN_R13, INSN_R14, INSN_R15, INSN_RBP };

static uint8_t choose_scratch(uint16_t usable)
{
	for (unsigned i = 0; i < ARRAY_SIZE(scratch_order); i++)
		if (usable >> scratch_order[i] & 1)
			return scratch_order[i];
	return INSN_NO_REG;
}

static uint16_t bit_of(uint8_t reg)
{
	return reg < 16 ? (uint16_t)(1u << reg) : 0;
}

/* Does the program, or memsan, look at what lies below rsp? */
static bool keeps_below(const struct job *job, const struct node *n)
{
	return job->red_zone || n->shared;
}

static void choose_shape(struct job *job, struct group *g)
{
	const struct node *at = &job->nodes[g->at];
	uint16_t operand = bit_of(at->base) | bit_of(at->index);
	uint16_t unusable = operand | bit_of(INSN_RSP);
	uint8_t moved = keeps_below(job, at) ? SHAPE_MOVED : 0;

	g->shape = 0;
	if (at->flags_live & INSN_ARITHMETIC) {
		job->result->counts.flags_saved++;
		g->shape |= SHAPE_FLAGS;
		unusable |= bit_of(INSN_RAX);
		if ((at->live | operand) & bit_of(INSN_RAX))
			g->shape |= moved | SHAPE_RAX_PUSHED;
	}
	g->scratch = choose_scratch((uint16_t) ~(at->live | unusable));
	if (g->scratch != INSN_NO_REG)
		return;
	job->result->counts.registers_spilled++;
	g->shape |= moved | SHAPE_REG_PUSHED;
	g->scratch = choose_scratch((uint16_t)~unusable);
}

static void emit_jump_to_slow(struct job *job, struct code *c, struct group *g)
{
	if (job->nodes[g->at].string || (job->request->flags & COPY_FORCE_SLOW)) {
		put8(c, 0xe9);
	} else {
		put8(c, 0x0f);
		put8(c, 0x85);
	}
	put32(c, 0);
	g->slow = code_offset(c);
}

/* How many granules a check tests: those from its first byte to its last one when the base is aligned to 8, as it is
 * nearly always.  With another base, an access that lies before an object's start can go unseen when the last one of
 * the check lies in the object; COPY_BOTH_ENDS tests a granule more. */
static unsigned granules_of(const struct job *job, const struct group *g)
{
	if (job->request->flags & COPY_BOTH_ENDS)
		return (unsigned)(g->high - g->low + 7) / 8 + 1;
	return (unsigned)((g->high >> 3) - (g->low >> 3)) + 1;
}

static void emit_tests(struct job *job, struct code *c, struct group *g)
{
	unsigned granules = granules_of(job, g);
	unsigned width = granules >= 8 ? 8 : granules >= 4 ? 4 : granules >= 2 ? 2 : 1;

	put_cmp0(c, width, g->scratch, (int32_t)SHADOW_OFFSET - (int32_t)(width - 1));
	emit_jump_to_slow(job, c, g);
	if (granules == width)
		return;
	g->first_slow = g->slow;
	put_cmp0(c, width, g->scratch, (int32_t)SHADOW_OFFSET - (int32_t)(granules - 1));
	emit_jump_to_slow(job, c, g);
}

static void emit_check(struct job *job, struct code *c, struct group *g)
{
	const struct node *at = &job->nodes[g->at];

	if (at->string) {
		g->scratch = INSN_NO_REG;
		emit_jump_to_slow(job, c, g);
		return;
	}
	choose_shape(job, g);
	if (g->shape & SHAPE_MOVED)
		put_move_rsp(c, -RED_ZONE);
	if (g->shape & SHAPE_RAX_PUSHED)
		put_push(c, INSN_RAX);
	if (g->shape & SHAPE_REG_PUSHED)
		put_push(c, g->scratch);
	put_lea(c, g->scratch, at->base, at->index, at->scale, g->high);
	if (g->shape & SHAPE_FLAGS)
		put_save_flags(c);
	put_shr3(c, g->scratch);
	emit_tests(job, c, g);
	if (g->shape & SHAPE_FLAGS)
		put_restore_flags(c);
	if (g->shape & SHAPE_REG_PUSHED)
		put_pop(c, g->scratch);
	if (g->shape & SHAPE_RAX_PUSHED)
		put_pop(c, INSN_RAX);
	if (g->shape & SHAPE_MOVED)
		put_move_rsp(c, RED_ZONE);
}

/* ---- slow paths ------------------------------------------------------------------------------ */

static bool has_vector(const struct node *n)
{
	return n->masked || n->gathered || n->far;
}

static uint8_t string_kind(const struct job *job, const struct node *n)
{
	struct insn x;

	if (has_vector(n))
		return n->masked ? SLOW_MASKED : n->gathered ? SLOW_GATHERED : SLOW_FAR;
	if (!n->string || !node_decode(job, n, &x))
		return SLOW_PLAIN;
	if (!x.rep && !x.repne)
		return SLOW_STRING;
	if (x.flags_written & INSN_ZF) /* scas, cmps */
		return x.repne ? SLOW_COMPARE_REPNE : SLOW_COMPARE_REPE;
	return SLOW_REP;
}

static unsigned slow_reg(uint8_t reg)
{
	return reg < 16 ? reg : SLOW_NO_REG;
}

#define FAR_UNIT 4 /* what is larger than a check tests is a multiple of that */

/* What stands in the second member's place: struct slow_vector or struct slow_far. */
static void put_second(const struct job *job, struct code *c, const struct node *n)
{
	struct slow_vector vector = { .pad = 0 };
	struct slow_far far = { .unit = FAR_UNIT, .distance = SLOW_NO_REG };
	struct insn x;

	if (!node_decode(job, n, &x)) {
		put_bytes(c, (const uint8_t *)&far, sizeof(far));
		return;
	}
	vector.elements = x.elements;
	far.nr_units = (uint8_t)(x.mem[0].size / FAR_UNIT);
	if (x.mem[0].extent == INSN_BITS || x.mem[0].extent == INSN_SPREAD)
		far = (struct slow_far){
			(uint8_t)x.mem[0].size, 1, x.mem[0].extent == INSN_BITS ? x.reg : (uint8_t)INSN_RAX, { 0 }
		};
	put_bytes(c, n->far ? (const uint8_t *)&far : (const uint8_t *)&vector, sizeof(vector));
}

/* What copy_slow.c reads.  A string instruction has two members when it accesses both rdi and rsi. */
static void emit_description(struct job *job, struct code *c, const struct group *g)
{
	const struct node *at = &job->nodes[g->at];
	struct slow slow = { .base = slow_reg(at->base),
		             .index = slow_reg(at->index),
		             .shape = g->shape,
		             .scratch = slow_reg(g->scratch),
		             .string = string_kind(job, at) };
	struct slow_member m;
	struct insn x;

	slow.log_scale = at->scale == 8 ? 3 : at->scale == 4 ? 2 : at->scale == 2 ? 1 : 0;
	slow.function = (int32_t)(job->request->start - code_pc(c));
	slow.nr_members = has_vector(at) ? 2 : g->nr_members;
	if (at->string && !has_vector(at) && node_decode(job, at, &x))
		slow.nr_members = x.nr_mem;
	put_bytes(c, (const uint8_t *)&slow, sizeof(slow));
	for (unsigned i = 0; i < slow.nr_members; i++) {
		const struct node *n = slow.string != SLOW_PLAIN ? at
		                                                 : &job->nodes[job->members[g->first_member + i].node];

		m = (struct slow_member){ .disp = n->disp,
			                  .offset = n->offset,
			                  .size = n->far ? 1 : n->size, /* far: struct slow_far tells */
			                  .access = n->access,
			                  .aligned = n->aligned };
		if (n->string && !has_vector(n)) {
			m.disp = x.mem[i].base;
			m.access = x.mem[i].fs || x.mem[i].gs ? INSN_NO_ACCESS : x.mem[i].access;
		}
		if (i == 1 && has_vector(n))
			put_second(job, c, n);
		else
			put_bytes(c, (const uint8_t *)&m, sizeof(m));
	}
}

static void set_rel32(struct code *c, uint32_t end, uint32_t target)
{
	uint32_t distance = target - end;

	mem_copy(c->start + end - 4, &distance, sizeof(distance));
}

/* The shadow byte of an object's last granule says how many of its bytes are the object's.  A check of one granule
 * that finds such a byte is decided here, without the thunk: most are right, and strings make them often.
 *
 *      lea  last byte of the access,%r2
 *      and  $7,%r2
 *      cmp  $size - 1,%r2                when it is more than one byte: all of them must lie in the granule
 *      jl   thunk
 *      cmp  %r2,0x7fff8000(%r)
 *      jg   back
 */
static void emit_partial(const struct job *job, struct code *c, const struct group *g)
{
	const struct node *at = &job->nodes[g->at];
	unsigned span = (unsigned)(g->high - g->low), reg;
	bool moves = keeps_below(job, at) && !(g->shape & SHAPE_MOVED);
	uint8_t *jump = NULL;

	if (at->string || at->masked || granules_of(job, g) != 1 || (job->request->flags & COPY_FORCE_SLOW) ||
	    ((g->shape & SHAPE_FLAGS) && (at->base == INSN_RAX || at->index == INSN_RAX)))
		return;
	reg = choose_scratch((uint16_t) ~(bit_of(g->scratch) | bit_of(at->base) | bit_of(at->index) | bit_of(INSN_RAX) |
	                                  bit_of(INSN_RSP)));
	if (moves)
		put_move_rsp(c, -RED_ZONE);
	put_push(c, reg);
	put_lea(c, reg, at->base, at->index, at->scale, g->high);
	put_and(c, reg, 7);
	if (span) {
		put_cmp(c, reg, span);
		put8(c, 0x7c); /* jl, over the comparison: then jg is not taken either */
		jump = c->at;
		put8(c, 0);
	}
	put_cmp_byte(c, g->scratch, (int32_t)SHADOW_OFFSET, reg);
	if (jump)
		*jump = (uint8_t)(c->at - (jump + 1));
	put_pop(c, reg);
	if (moves)
		put_move_rsp(c, RED_ZONE);
	put8(c, 0x0f); /* jg */
	put8(c, 0x8f);
	put_rel32(c, c->pc + g->slow);
}

static bool emit_slow_path(struct job *job, struct code *c, struct group *g)
{
	uintptr_t thunk = job->request->thunk;

	if (!code_has_room(c, (g->nr_members + 1u) * sizeof(struct slow_member)))
		return false;
	set_rel32(c, g->slow, code_offset(c));
	if (g->first_slow)
		set_rel32(c, g->first_slow, code_offset(c));
	emit_partial(job, c, g);
	if (slow_moves(g->shape)) {
		put_move_rsp(c, -RED_ZONE);
		thunk += THUNK_RED;
	}
	if (!put_call(c, thunk))
		return too_far(job, job->nodes[g->at].offset);
	put_jmp(c, c->pc + g->slow);
	emit_description(job, c, g);
	return true;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool emit_nodes(struct job *job, struct code *c)
{
	for (uint32_t i = 0; i < job->nr_nodes; i++) {
		struct node *n = &job->nodes[i];

		if (!code_has_room(c, 0))
			return false;
		n->copy = code_offset(c);
		for (uint32_t g = n->group; g; g = job->groups[g - 1].next)
			emit_check(job, c, &job->groups[g - 1]);
		n->body = code_offset(c);
		if (!emit_insn(job, c, n))
			return false;
	}
	job->body_end = code_offset(c);
	if (!code_has_room(c, 0))
		return false;
	if (flow_falls_through(job->nodes[job->nr_nodes - 1].flow))
		return put_jmp(c, job->request->end) || too_far(job, job->size);
	return true;
}

static void emit_fixes(struct job *job, struct code *c)
{
	for (uint32_t i = 0; i < job->nr_fixes; i++) {
		const struct fix *fix = &job->fixes[i];
		uint32_t distance = job->nodes[fix->node].copy - (fix->at + 4);

		mem_copy(c->start + fix->at, &distance, sizeof(distance));
	}
}

static void emit_jump(struct copy_patch *patch, uintptr_t pc, uintptr_t target)
{
	uint32_t distance = (uint32_t)(target - (pc + JMP_SIZE));

	patch->pc = pc;
	patch->length = JMP_SIZE;
	patch->bytes[0] = 0xe9;
	mem_copy(patch->bytes + 1, &distance, sizeof(distance));
}

static bool emit_springs(struct job *job)
{
	struct copy_patch *patches = job_alloc(job, ((size_t)job->nr_springs * 2 + 1) * sizeof(*patches));
	uintptr_t start = job->request->start;
	size_t nr = 0;

	if (!patches)
		return false;
	for (uint32_t i = 0; i < job->nr_springs; i++) {
		const struct spring *s = &job->springs[i];
		const struct node *n = &job->nodes[s->node];

		if (s->removed)
			continue;
		if (!s->shares)
			emit_jump(&patches[nr++], start + s->at, job->request->code_pc + n->copy);
		if (!s->by_short)
			continue;
		patches[nr] = (struct copy_patch){ .pc = start + n->offset, .length = SHORT_JMP_SIZE };
		patches[nr].bytes[0] = 0xeb;
		patches[nr++].bytes[1] = (uint8_t)(s->at - (n->offset + SHORT_JMP_SIZE));
	}
	job->result->patches = patches;
	job->result->nr_patches = nr;
	return true;
}

bool emit_copy(struct job *job)
{
	const struct copy_request *request = job->request;
	struct copy *copy = &job->result->copy;
	struct code c = { request->code, request->code, request->code + request->code_size, request->code_pc };

	job->fixes = job_alloc(job, (size_t)job->nr_nodes * sizeof(*job->fixes));
	if (!job->fixes || request->code_size < ROOM_MARGIN || !emit_nodes(job, &c))
		return false;
	copy->slow_offset = code_offset(&c);
	for (uint32_t i = 0; i < job->nr_groups; i++)
		if (!emit_slow_path(job, &c, &job->groups[i]))
			return false;
	emit_fixes(job, &c);
	copy->start = request->start;
	copy->end = request->end;
	copy->code = request->code_pc;
	copy->code_size = code_offset(&c);
	return emit_springs(job);
}
