/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/copy_flow.c - the instructions of a function, where they jump, and the places where control may
 * arrive from outside of the copy.
 *
 * Such places are over-approximated: what the caller knows of (code pointers in data, jumps from other functions),
 * entries of jump tables, the instruction behind each call, and whatever follows an instruction that does not fall
 * through and is no direct target (landing pads, cases of tables that were not found). */
#include "watch/arch/x86_64/copy_internal.h"

#define TABLE_MAX 8192
#define CHECKED_MAX 64 /* bytes of an access that are tested in line */
#define STACK_POINTER (1u << INSN_RSP)

/* ---- instructions ---------------------------------------------------------------------------- */

/* A lock prefix, xchg with memory. */
static bool is_atomic(const struct insn *x)
{
	return x->lock || (x->map == INSN_MAP_1 && (x->opcode & 0xfe) == 0x86 && x->nr_mem);
}

/* movaps, movapd, movdqa, movntdqa and their VEX and EVEX forms, from memory. */
static bool is_aligned_load(const struct insn *x)
{
	if (x->nr_mem != 1 || x->mem[0].access != INSN_READ || x->mem[0].size < 16)
		return false;
	if (x->map == INSN_MAP_0F38)
		return x->opcode == 0x2a;
	return x->map == INSN_MAP_0F && (x->opcode == 0x28 || (x->opcode == 0x6f && x->operand16));
}

/* A register tells at which distance from the address the bytes lie (bt, xlat), or they are more than a check tests in
 * line (fxsave; xsave, of which the part is checked that it always accesses). */
static bool is_far(const struct insn *x)
{
	switch (x->mem[0].extent) {
	case INSN_BITS:
		return x->reg != INSN_RSP; /* nobody keeps the number of a bit there */
	case INSN_EXACT:
		return x->mem[0].size > CHECKED_MAX;
	case INSN_SPREAD:
		return x->map == INSN_MAP_1; /* xlat */
	default:
		return x->mem[0].extent == INSN_VARIES;
	}
}

static bool is_gathered(const struct insn *x)
{
	return x->mem[0].extent == INSN_SPREAD && x->elements.choice != INSN_CHOICE_UNKNOWN;
}

static bool is_masked(const struct insn *x)
{
	return x->mem[0].extent == INSN_MASKED && x->elements.choice != INSN_CHOICE_UNKNOWN;
}

/* Which access of the instruction a check can be made for. */
static void choose_access(struct job *job, struct node *n, const struct insn *x)
{
	struct copy_counts *counts = &job->result->counts;

	for (unsigned i = 0; i < x->nr_mem; i++) {
		const struct insn_mem *m = &x->mem[i];

		if (m->access == INSN_NO_ACCESS)
			continue;
		if (m->fs || m->gs) {
			counts->segment++;
			continue;
		}
		if (m->base == INSN_RIP || m->base == INSN_RSP || (m->base == INSN_NO_REG && m->index == INSN_NO_REG)) {
			counts->stack++;
			continue;
		}
		if ((m->extent != INSN_EXACT && !is_masked(x) && !is_gathered(x) && !is_far(x)) || m->address32 ||
		    m->size == 0 || m->disp > INT32_MAX - 128 || m->disp < INT32_MIN + 128) {
			counts->uncertain++;
			continue;
		}
		n->base = m->base;
		n->index = m->index;
		n->scale = m->scale;
		n->disp = (int32_t)m->disp;
		n->size = m->size;
		n->access |= m->access;
		n->string = x->string;
		n->aligned = is_aligned_load(x);
		n->masked = is_masked(x);
		n->gathered = is_gathered(x);
		n->far = is_far(x);
		n->string |= n->gathered || n->far;
		if (n->gathered)
			n->index = INSN_NO_REG;
	}
}

/* Hand-written code keeps data among its instructions, which must stay as it is. An operand in the function itself is
 * data; an address there could be a label's, for an indirect jump, if no table of distances begins at it. */
static void note_inside(struct job *job, const struct node *n, const struct insn *x)
{
	uint64_t at = (uint64_t)n->offset + n->length + (uint64_t)x->mem[0].disp, to;
	int32_t distance;

	if (at >= job->size || n->nop)
		return;
	if (x->mem[0].access == INSN_NO_ACCESS && (at == 0 || at == n->offset || at == n->offset + n->length))
		return; /* the function's address, its own, or the next one's */
	job->named_inside = at;
	job->names_inside = true;
	job->holds_data |= x->mem[0].access != INSN_NO_ACCESS;
	if (at + sizeof(distance) > job->size)
		return;
	mem_copy(&distance, job->request->text + at, sizeof(distance));
	to = at + (uint64_t)(int64_t)distance;
	job->holds_data |= distance && to < job->size;
}

static void describe(struct job *job, struct node *n, const struct insn *x, uint32_t offset)
{
	mem_set(n, 0, sizeof(*n));
	n->offset = offset;
	n->length = x->length;
	n->flow = x->flow;
	n->target = NO_NODE;
	n->reads = x->reads;
	n->writes = x->writes;
	n->kills = x->kills;
	n->flags_read = x->flags_read;
	n->flags_written = x->flags_written;
	n->flags_dead = x->flags_killed | x->flags_undefined;
	n->nop = insn_is_nop(x);
	n->synchronizes = is_atomic(x);
	n->movable = x->movable;
	n->names_address = (x->nr_mem && (x->mem[0].base == INSN_RIP || x->mem[0].base == INSN_NO_REG)) ||
	                   (x->imm_size >= 4 && x->flow == INSN_PLAIN);
	/* cmp, test, bt, stc, clc, cmc, sahf, popf: made for their flags alone. */
	n->flags_kept = x->flow == INSN_PLAIN && (x->flags_written & INSN_CF) && !x->writes &&
	                !(x->nr_mem && (x->mem[0].access & INSN_WRITE));
	if (x->nr_mem && x->mem[0].base == INSN_RSP && x->mem[0].disp < 0)
		job->below_stack = true;
	/* mov %rsp,%rbp; lea n(%rsp),%rax */
	if ((x->reads & STACK_POINTER) && (x->writes & ~STACK_POINTER) && !x->stack &&
	    !(x->nr_mem && x->mem[0].base == INSN_RSP && x->mem[0].access))
		job->stack_named = true;
	job->indirect |= x->flow == INSN_JMP_REG || x->flow == INSN_JMP_MEM;
	if (x->nr_mem && x->mem[0].base == INSN_RIP)
		note_inside(job, n, x);
	choose_access(job, n, x);
}

static bool refuse(struct job *job, enum copy_status status, uint32_t offset)
{
	job->result->status = status;
	job->result->where = job->request->start + offset;
	return false;
}

static bool decode_all(struct job *job)
{
	const struct copy_request *request = job->request;
	uint32_t nr = 0;
	unsigned length;
	struct insn x;

	for (uint32_t at = 0; at < job->size; at += length, nr++) {
		length = x86_length(request->text + at, job->size - at, request->start + at);
		if (!length)
			return refuse(job, COPY_UNKNOWN, at);
	}
	job->nodes = job_alloc(job, nr * sizeof(*job->nodes));
	job->node_at = job_alloc(job, (size_t)job->size * sizeof(*job->node_at));
	if (!job->nodes || !job->node_at)
		return false;
	mem_set(job->node_at, 0xff, (size_t)job->size * sizeof(*job->node_at));
	for (uint32_t at = 0; at < job->size; at += x.length) {
		if (!x86_decode(&x, request->text + at, job->size - at, request->start + at))
			return refuse(job, COPY_UNKNOWN, at);
		job->node_at[at] = job->nr_nodes;
		describe(job, &job->nodes[job->nr_nodes++], &x, at);
	}
	if (job->holds_data || (job->names_inside && !job->indirect))
		return refuse(job, COPY_UNMOVABLE, (uint32_t)job->named_inside);
	return true;
}

/* ---- direct targets -------------------------------------------------------------------------- */

static bool has_target(const struct node *n)
{
	return n->flow == INSN_JCC || n->flow == INSN_JMP || n->flow == INSN_LOOP || n->flow == INSN_XBEGIN;
}

static bool find_targets(struct job *job)
{
	const struct copy_request *request = job->request;
	struct insn x;

	for (uint32_t i = 0; i < job->nr_nodes; i++) {
		struct node *n = &job->nodes[i];
		uintptr_t offset;

		if (!has_target(n) || !node_decode(job, n, &x))
			continue;
		offset = x.target - job->request->start;
		if (offset >= job->size)
			continue;
		n->target = job->node_at[offset];
		if (n->target == NO_NODE) /* into the middle of an instruction */
			return refuse(job, COPY_UNMOVABLE, n->offset);
		job->nodes[n->target].is_target = true;
	}
	for (size_t i = 0; i < request->nr_labels; i++) {
		uintptr_t offset = request->labels[i] - request->start;

		if (offset >= job->size || job->node_at[offset] == NO_NODE)
			return refuse(job, COPY_UNMOVABLE, (uint32_t)offset);
		job->nodes[job->node_at[offset]].is_target = true;
	}
	return true;
}

/* ---- places ---------------------------------------------------------------------------------- */

/* The node at an address, or NULL; the entry is not one that others must find. */
static struct node *node_of(struct job *job, uintptr_t pc)
{
	uintptr_t offset = pc - job->request->start;

	return offset < job->size && job->node_at[offset] != NO_NODE ? &job->nodes[job->node_at[offset]] : NULL;
}

static bool in_range(const struct copy_range *range, uintptr_t addr, size_t size)
{
	return addr >= range->start && addr <= range->end && range->end - addr >= size;
}

static void mark_table_target(struct job *job, uintptr_t pc, unsigned *found)
{
	struct node *n = node_of(job, pc);

	if (!n)
		return;
	n->place = n->table_target = true;
	++*found;
}

/* A table of distances from its own start (gcc's and clang's switch in position-independent code), or of addresses.
 * Entries go on as long as they lead into the module's text: too many are found rather than too few. */
static void read_table(struct job *job, uintptr_t table, unsigned *found)
{
	const struct copy_request *request = job->request;
	const struct copy_range *data = NULL;
	int32_t distance;
	uintptr_t address;

	for (size_t i = 0; i < request->nr_data && !data; i++)
		if (in_range(&request->data[i], table, sizeof(distance)))
			data = &request->data[i];
	if (!data)
		return;
	for (uintptr_t p = table; in_range(data, p, sizeof(distance)) && p < table + TABLE_MAX * sizeof(distance);
	     p += sizeof(distance)) {
		mem_copy(&distance, (const void *)p, sizeof(distance));
		if (!in_range(&request->module_text, table + (uintptr_t)(intptr_t)distance, 1))
			break;
		mark_table_target(job, table + (uintptr_t)(intptr_t)distance, found);
	}
	for (uintptr_t p = table; in_range(data, p, sizeof(address)) && p < table + TABLE_MAX * sizeof(address);
	     p += sizeof(address)) {
		mem_copy(&address, (const void *)p, sizeof(address));
		if (!in_range(&request->module_text, address, 1))
			break;
		mark_table_target(job, address, found);
	}
}

/* Every address that the function makes for itself could be a table's, and every one within it a place. */
static void find_tables(struct job *job, unsigned *found)
{
	struct insn x;

	for (uint32_t i = 0; i < job->nr_nodes; i++) {
		const struct node *n = &job->nodes[i];

		if (!n->names_address || !node_decode(job, n, &x))
			continue;
		if (x.nr_mem && x.mem[0].base == INSN_RIP) {
			uintptr_t addr = job->request->start + n->offset + n->length + (uintptr_t)x.mem[0].disp;

			if (x.mem[0].access == INSN_NO_ACCESS && !n->nop) {
				mark_table_target(job, addr, found);
				read_table(job, addr, found);
			}
		} else if (x.nr_mem && x.mem[0].base == INSN_NO_REG && x.mem[0].disp > 0) {
			read_table(job, (uintptr_t)x.mem[0].disp, found);
		}
		if (x.imm_size >= 4 && x.imm > 0 && n->flow == INSN_PLAIN) { /* mov $table,%reg */
			mark_table_target(job, (uintptr_t)x.imm, found);
			read_table(job, (uintptr_t)x.imm, found);
		}
	}
}

/* pop, leave, add $n,%rsp, lea n(%rsp),%rsp */
static bool frees_stack(const struct insn *x)
{
	if (x->map != INSN_MAP_1 || x->encoding != INSN_LEGACY)
		return false;
	return (x->opcode & 0xf8) == 0x58 || x->opcode == 0xc9 || x->opcode == 0x8d ||
	       ((x->opcode == 0x81 || x->opcode == 0x83) && (x->modrm & 0x38) == 0 && x->imm > 0);
}

/* Has the stack frame just gone?  Then an indirect jump leads to another function. */
static bool ends_frame(const struct job *job, uint32_t i)
{
	struct insn x;

	for (uint32_t back = i; back-- > 0 && i - back < 4;) {
		const struct node *n = &job->nodes[back];

		if (!flow_falls_through(n->flow) || n[1].is_target)
			return false;
		if (n->writes & (1u << INSN_RSP))
			return node_decode(job, n, &x) && frees_stack(&x);
	}
	return false;
}

static bool has_frame(const struct job *job)
{
	for (uint32_t i = 0; i < job->nr_nodes; i++)
		if ((job->nodes[i].writes & (1u << INSN_RSP)) && job->nodes[i].flow == INSN_PLAIN)
			return true;
	return false;
}

/* An indirect jump is understood when a table or pointers into the function were found, or when it leaves it. */
static void judge_jumps(struct job *job, unsigned found)
{
	struct insn x;

	if (found)
		return;
	for (uint32_t i = 0; i < job->nr_nodes; i++) {
		const struct node *n = &job->nodes[i];

		if (n->flow != INSN_JMP_REG && n->flow != INSN_JMP_MEM)
			continue;
		if (!node_decode(job, n, &x) ||
		    !((x.nr_mem && x.mem[0].base == INSN_RIP) || ends_frame(job, i) || !has_frame(job)))
			job->opaque = true;
	}
}

static void find_places(struct job *job)
{
	const struct copy_request *request = job->request;
	bool indirect = false;
	unsigned found = 0, outside = 0;

	for (uint32_t i = 0; i < job->nr_nodes; i++) {
		struct node *n = &job->nodes[i];
		struct node *next = i + 1 < job->nr_nodes ? n + 1 : NULL;

		indirect |= n->flow == INSN_JMP_REG || n->flow == INSN_JMP_MEM;
		if (!next)
			continue;
		if (flow_is_call(n->flow) || (!flow_falls_through(n->flow) && !next->is_target && !next->nop))
			next->place = true;
		next->undefined_after = !flow_falls_through(n->flow);
	}
	/* Behind padding: a landing pad may be aligned. */
	for (uint32_t i = 1; i + 1 < job->nr_nodes; i++)
		if (job->nodes[i].nop && job->nodes[i].undefined_after && !job->nodes[i].is_target) {
			if (job->nodes[i + 1].nop)
				job->nodes[i + 1].undefined_after = true;
			else if (!job->nodes[i + 1].is_target)
				job->nodes[i + 1].place = true;
		}
	for (size_t i = 0; i < request->nr_targets; i++)
		mark_table_target(job, request->targets[i], &outside);
	if (indirect) {
		find_tables(job, &found);
		judge_jumps(job, found);
	}
}

/* ---- the stack ------------------------------------------------------------------------------- */

/* rbp is a frame pointer when nothing but a prologue and an epilogue writes it, and the prologue comes first. */
static void find_frame_pointer(struct job *job)
{
	bool set = false;
	struct insn x;

	for (uint32_t i = 0; i < job->nr_nodes; i++) {
		const struct node *n = &job->nodes[i];

		if (n->size && !n->string && (n->base == INSN_RBP || n->index == INSN_RBP) && !set)
			return;
		if (!(n->writes & (1u << INSN_RBP)) || flow_is_call(n->flow) || n->flow == INSN_SYSCALL)
			continue;
		if (!node_decode(job, n, &x) || x.encoding != INSN_LEGACY || x.map != INSN_MAP_1)
			return;
		if ((x.opcode == 0x89 && x.rex_w && x.modrm == 0xe5 && x.reg == INSN_RSP) ||
		    (x.opcode == 0x8b && x.rex_w && x.modrm == 0xec && x.rm == INSN_RSP))
			set = true;                            /* mov %rsp,%rbp */
		else if (x.opcode != 0x5d && x.opcode != 0xc9) /* pop %rbp, leave */
			return;
	}
	job->frame_pointer = set;
}

/* Does the function keep anything below rsp?  Compilers do so only in functions without a call.  What has no call is
 * believed to do without only when it forms no other address from rsp, and shares no frame with a part of it that lies
 * elsewhere (gcc's cold parts). */
static void find_red_zone(struct job *job)
{
	bool calls = false, shared = job->request->nr_entries || job->request->nr_labels;

	for (uint32_t i = 0; i < job->nr_nodes; i++) {
		const struct node *n = &job->nodes[i];

		calls |= flow_is_call(n->flow);
		shared |= (has_target(n) && n->target == NO_NODE) || n->flow == INSN_JMP_REG || n->flow == INSN_JMP_MEM;
	}
	job->red_zone = job->below_stack || (!calls && (shared || job->stack_named)) ||
	                (job->request->flags & COPY_KEEP_RED_ZONE);
}

static void leave_out_frame(struct job *job)
{
	for (uint32_t i = 0; i < job->nr_nodes; i++) {
		struct node *n = &job->nodes[i];

		if (job->frame_pointer && n->size && !n->string && n->base == INSN_RBP && n->index == INSN_NO_REG) {
			n->size = 0;
			job->result->counts.stack++;
		}
		if (n->size)
			job->result->counts.accesses++;
	}
}

/* Only nops and int3 behind the function are padding: a section without unwind information may follow, or constants. */
static void find_padding(struct job *job)
{
	const uint8_t *text = job->request->text;
	uint32_t at = job->size;
	struct insn x;

	while (at < job->text_size) {
		if (text[at] == 0xcc)
			at++;
		else if (x86_decode(&x, text + at, job->text_size - at, job->request->start + at) && insn_is_nop(&x))
			at += x.length;
		else
			break;
	}
	job->text_size = at;
}

bool flow_decode(struct job *job)
{
	if (!decode_all(job) || !find_targets(job))
		return false;
	find_padding(job);
	find_places(job);
	find_frame_pointer(job);
	find_red_zone(job);
	leave_out_frame(job);
	return true;
}

/* ---- other functions' jumps ------------------------------------------------------------------ */

typedef uint8_t bytes16 __attribute__((vector_size(16), aligned(1), may_alias));
typedef int32_t unaligned32 __attribute__((aligned(1), may_alias));

/* Which of the 16 bytes at p, of which the one before can be read, may be the opcode of a jump? */
static unsigned jumps_among(const uint8_t *p)
{
	bytes16 here = *(const bytes16 *)p, before = *(const bytes16 *)(p - 1);
	bytes16 hit = (bytes16)(here == 0xe9) | ((bytes16)((here & 0xf0) == 0x80) & (bytes16)(before == 0x0f));

	return (unsigned)__builtin_ia32_pmovmskb128((char __attribute__((vector_size(16))))hit);
}

struct jump_scan {
	const uint8_t *text;
	size_t size;
	uintptr_t pc;
	struct copy_range module_text;
	void (*found)(void *context, uintptr_t from, uintptr_t to);
	void *context;
};

static void scan_at(const struct jump_scan *s, size_t i)
{
	uintptr_t from = s->pc + i, to;
	int32_t distance;

	if (i + 5 > s->size)
		return;
	distance = *(const unaligned32 *)(s->text + i + 1);
	to = from + 5 + (uintptr_t)(intptr_t)distance;
	if (to >= s->module_text.start && to < s->module_text.end && (distance > 127 || distance < -128))
		s->found(s->context, from, to);
}

void copy_scan_jumps(const uint8_t *text, size_t size, uintptr_t pc, struct copy_range module_text,
                     void (*found)(void *context, uintptr_t from, uintptr_t to), void *context)
{
	const struct jump_scan s = { text, size, pc, module_text, found, context };
	size_t i = 1;

	if (size && text[0] == 0xe9)
		scan_at(&s, 0);
	for (; i + 16 <= size; i += 16)
		for (unsigned hits = jumps_among(text + i); hits; hits &= hits - 1)
			scan_at(&s, i + (unsigned)__builtin_ctz(hits));
	for (; i < size; i++)
		if (text[i] == 0xe9 || ((text[i] & 0xf0) == 0x80 && text[i - 1] == 0x0f))
			scan_at(&s, i);
}
