/* SPDX-License-Identifier: BSD-2-Clause */
/* fault/arch/x86_64/decode.c - the memory operands of one instruction and their addresses, computed from the registers.
 *
 * A page fault tells its address. A general protection fault (non-canonical address, misaligned vector, privileged
 * instruction) tells none, so the instruction has to be decoded. This is the part of a disassembler that finds ModRM,
 * SIB and displacement, and knows the implicit operands; the symbolizer helper, which has a real disassembler, gives
 * names and sizes.
 *
 *   prefixes | REX or VEX or EVEX | opcode (4 maps) | ModRM | SIB | displacement | immediate
 *
 * Weakness accepted: gather instructions and the oldest ones (BCD, far calls through memory) are not decoded. */
#include "config.h"

#include "fault/fault_internal.h"

struct cursor {
	const uint8_t *code;
	size_t len, at;
	bool cut; /* the code ended inside the instruction */
};

static uint8_t next_byte(struct cursor *c)
{
	if (c->at >= c->len) {
		c->cut = true;
		return 0;
	}
	return c->code[c->at++];
}

static int64_t next_signed(struct cursor *c, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)next_byte(c) << (8 * i);
	if (bytes == 0)
		return 0;
	return bytes == 8 ? (int64_t)value : (int64_t)(value << (64 - 8 * bytes)) >> (64 - 8 * bytes);
}

enum { MAP_ONE, MAP_0F, MAP_0F38, MAP_0F3A };

struct prefixes {
	bool operand16, address32, segment, rep;
	uint8_t rex; /* W R X B; also from VEX and EVEX */
	bool vex, evex;
	unsigned vector; /* bytes in a vector: 16, 32 or 64 */
	unsigned map, pp;
	uint8_t opcode;
};

static bool read_legacy(struct cursor *c, struct prefixes *p, uint8_t *byte)
{
	for (;;) {
		*byte = next_byte(c);
		if (c->cut)
			return false;
		switch (*byte) {
		case 0x66:
			p->operand16 = true;
			p->pp = 1;
			break;
		case 0x67:
			p->address32 = true;
			break;
		case 0x64:
		case 0x65:
			p->segment = true;
			break;
		case 0xf3:
			p->rep = true;
			p->pp = 2;
			break;
		case 0xf2:
			p->rep = true;
			p->pp = 3;
			break;
		case 0xf0:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x26:
			break;
		default:
			return true;
		}
	}
}

static void read_vex(struct cursor *c, struct prefixes *p, uint8_t first)
{
	uint8_t a = next_byte(c), b;

	p->vex = true;
	p->map = MAP_0F;
	if (first == 0xc5) {
		p->rex = a & 0x80 ? 0 : 4;
		b = a;
	} else {
		b = next_byte(c);
		p->rex = (uint8_t)((~a >> 5 & 7) | (b & 0x80 ? 8 : 0));
		p->map = MIN(a & 7u, 3u);
		if (first == 0x62) {
			p->evex = true;
			p->vector = 16u << (next_byte(c) >> 5 & 3);
			p->pp = b & 3;
			p->opcode = next_byte(c);
			return;
		}
	}
	p->vector = b & 4 ? 32 : 16;
	p->pp = b & 3;
	p->opcode = next_byte(c);
}

static bool read_opcode(struct cursor *c, struct prefixes *p)
{
	uint8_t byte;

	if (!read_legacy(c, p, &byte))
		return false;
	if (byte == 0xc4 || byte == 0xc5 || byte == 0x62) {
		read_vex(c, p, byte);
		return !c->cut;
	}
	if ((byte & 0xf0) == 0x40) {
		p->rex = byte & 15;
		byte = next_byte(c);
	}
	p->vector = 16;
	if (byte == 0x0f) {
		p->map = MAP_0F;
		byte = next_byte(c);
		if (byte == 0x38 || byte == 0x3a) {
			p->map = byte == 0x38 ? MAP_0F38 : MAP_0F3A;
			byte = next_byte(c);
		}
	}
	p->opcode = byte;
	return !c->cut;
}

static bool has_modrm(const struct prefixes *p)
{
	uint8_t op = p->opcode;

	if (p->map >= MAP_0F38)
		return true;
	if (p->map == MAP_0F) {
		if (p->vex)
			return op != 0x77;
		return !(op == 0x05 || (op >= 0x06 && op <= 0x0b) || op == 0x0e || (op >= 0x30 && op <= 0x37) ||
		         op == 0x77 || (op >= 0x80 && op <= 0x8f) || (op >= 0xa0 && op <= 0xa2) ||
		         (op >= 0xa8 && op <= 0xaa) || op >= 0xf0 + 15 || (op >= 0xc8 && op <= 0xcf));
	}
	if (op < 0x40)
		return (op & 7) < 4;
	return op == 0x63 || op == 0x69 || op == 0x6b || (op >= 0x80 && op <= 0x8f) || op == 0xc0 || op == 0xc1 ||
	       op == 0xc6 || op == 0xc7 || (op >= 0xd0 && op <= 0xd3) || (op >= 0xd8 && op <= 0xdf) || op == 0xf6 ||
	       op == 0xf7 || op >= 0xfe;
}

static unsigned immediate_size(const struct prefixes *p, unsigned reg)
{
	uint8_t op = p->opcode;
	unsigned word = p->operand16 ? 2 : 4;

	if (p->map == MAP_0F3A)
		return 1;
	if (p->map == MAP_0F38)
		return 0;
	if (p->map == MAP_0F)
		return (op >= 0x70 && op <= 0x73) || op == 0xa4 || op == 0xac || op == 0xba || op == 0xc2 ||
		       (op >= 0xc4 && op <= 0xc6);
	switch (op) {
	case 0x80:
	case 0x82:
	case 0x83:
	case 0x6b:
	case 0xc0:
	case 0xc1:
	case 0xc6:
		return 1;
	case 0x81:
	case 0x69:
	case 0xc7:
		return word;
	case 0xf6:
		return reg < 2 ? 1 : 0;
	case 0xf7:
		return reg < 2 ? word : 0;
	default:
		return 0;
	}
}

struct modrm {
	unsigned mod, reg, rm;
};

static struct machine_operand *operand_add(struct machine_insn *insn, uint64_t addr, int base, bool implicit)
{
	struct machine_operand *o = &insn->operand[insn->nr++];

	o->addr = addr;
	o->base = base;
	o->index = -1;
	o->scale = 1;
	o->disp = 0;
	o->implicit = implicit;
	return o;
}

static int64_t displacement(struct cursor *c, const struct prefixes *p, unsigned mod)
{
	if (mod == 1)
		return next_signed(c, 1) * (p->evex ? (int64_t)p->vector : 1);
	return mod == 2 ? next_signed(c, 4) : 0;
}

static void read_sib(struct cursor *c, const struct prefixes *p, unsigned mod, struct machine_operand *o)
{
	uint8_t sib = next_byte(c);
	unsigned index = (sib >> 3 & 7) | (p->rex & 2 ? 8 : 0);

	o->scale = 1u << (sib >> 6);
	o->index = index == 4 ? -1 : (int)index;
	o->base = (int)((sib & 7) | (p->rex & 1 ? 8 : 0));
	if ((sib & 7) == 5 && mod == 0) {
		o->base = -1;
		o->disp = next_signed(c, 4);
	}
}

/* Decodes the operand of ModRM, if it is memory. */
static void read_memory(struct cursor *c, const struct prefixes *p, const struct modrm *m, const uint64_t *regs,
                        uint64_t tls_base, struct machine_insn *insn)
{
	struct machine_operand *o = operand_add(insn, 0, (int)(m->rm | (p->rex & 1 ? 8u : 0u)), false);

	if (m->rm == 4) {
		read_sib(c, p, m->mod, o);
		o->disp += displacement(c, p, m->mod);
	} else if (m->rm == 5 && m->mod == 0) {
		o->base = MREG_IP;
		o->disp = next_signed(c, 4);
		o->addr = c->at + immediate_size(p, m->reg);
	} else {
		o->disp = displacement(c, p, m->mod);
	}
	o->addr += (uint64_t)o->disp + (o->base >= 0 ? regs[o->base] : 0) +
	           (o->index >= 0 ? regs[o->index] * o->scale : 0);
	if (p->address32)
		o->addr = (uint32_t)o->addr;
	if (p->segment)
		o->addr += tls_base;
}

/* Is it a vector load or store that faults on a misaligned address? */
static bool must_align(const struct prefixes *p)
{
	uint8_t op = p->opcode;

	if (p->map == MAP_0F) {
		if (op == 0x28 || op == 0x29 || op == 0x2b || op == 0xe7)
			return p->pp < 2;
		if (op == 0x6f || op == 0x7f)
			return p->pp == 1;
		/* SSE arithmetic on a whole vector in memory. VEX forms accept any alignment. */
		return !p->vex && p->pp < 2 &&
		       ((op >= 0x54 && op <= 0x5f && op != 0x5a) ||
		        (p->pp == 1 && op >= 0x60 && op <= 0x76 && op != 0x6e) ||
		        (p->pp == 1 && op >= 0xd4 && op != 0xd6 && op != 0xd7 && op != 0xf0 && op != 0xf7));
	}
	return p->map == MAP_0F38 && ((p->pp == 1 && op == 0x2a) || (!p->vex && p->pp == 1 && op < 0x20));
}

static bool is_privileged(const struct prefixes *p, const struct modrm *m, bool modrm)
{
	uint8_t op = p->opcode;

	if (p->map == MAP_ONE)
		return op == 0xf4 || op == 0xfa || op == 0xfb || (op >= 0x6c && op <= 0x6f) ||
		       (op >= 0xe4 && op <= 0xe7) || (op >= 0xec && op <= 0xef) || op == 0xcd || op == 0xcf;
	if (p->map != MAP_0F || p->vex)
		return false;
	if (op == 0x00 || op == 0x01)
		return modrm && m->mod != 3 ? op == 0x01 && (m->reg == 2 || m->reg == 3 || m->reg == 6 || m->reg == 7)
		                            : op == 0x01;
	return op == 0x06 || op == 0x08 || op == 0x09 || (op >= 0x20 && op <= 0x23) || op == 0x30 || op == 0x32 ||
	       op == 0x33;
}

/* Adds the implicit operands, which no ModRM names. */
static void add_implicit(struct cursor *c, const struct prefixes *p, const struct modrm *m, const uint64_t *regs,
                         uint64_t tls_base, struct machine_insn *insn)
{
	uint8_t op = p->opcode;
	uint64_t sp = regs[MREG_SP];

	if (p->map == MAP_0F) {
		if (op == 0xa0 || op == 0xa8)
			operand_add(insn, sp - 8, MREG_SP, true);
		else if (op == 0xa1 || op == 0xa9)
			operand_add(insn, sp, MREG_SP, true);
		return;
	}
	if (p->map != MAP_ONE)
		return;
	switch (op) {
	case 0x50 ... 0x57:
	case 0x68:
	case 0x6a:
	case 0xe8:
	case 0x9c:
		operand_add(insn, sp - 8, MREG_SP, true);
		break;
	case 0x58 ... 0x5f:
	case 0x8f:
	case 0x9d:
		operand_add(insn, sp, MREG_SP, true);
		break;
	case 0xc2:
	case 0xc3:
	case 0xca:
	case 0xcb:
		insn->class = INSN_RETURN;
		operand_add(insn, sp, MREG_SP, true);
		break;
	case 0xc9:
		operand_add(insn, regs[MREG_BP], MREG_BP, true);
		break;
	case 0xa4:
	case 0xa5:
	case 0xa6:
	case 0xa7:
		operand_add(insn, regs[MREG_SI], MREG_SI, true);
		operand_add(insn, regs[MREG_DI], MREG_DI, true);
		break;
	case 0xaa:
	case 0xab:
	case 0xae:
	case 0xaf:
		operand_add(insn, regs[MREG_DI], MREG_DI, true);
		break;
	case 0xac:
	case 0xad:
		operand_add(insn, regs[MREG_SI], MREG_SI, true);
		break;
	case 0xd7:
		operand_add(insn, regs[MREG_BX] + (regs[MREG_AX] & 0xff), MREG_BX, true);
		break;
	case 0xa0 ... 0xa3:
		operand_add(insn, (uint64_t)next_signed(c, p->address32 ? 4 : 8) + (p->segment ? tls_base : 0), -1,
		            false);
		break;
	case 0xff:
		if (m->reg == 2 || m->reg == 4) {
			insn->class = INSN_JUMP;
			insn->have_target = m->mod == 3;
			insn->target = regs[m->rm | (p->rex & 1 ? 8 : 0)];
		}
		if ((m->reg == 2 || m->reg == 6) && insn->nr < ARRAY_SIZE(insn->operand))
			operand_add(insn, sp - 8, MREG_SP, true);
		break;
	}
}

void machine_decode(const uint8_t *code, size_t len, const uint64_t *regs, uint64_t tls_base, struct machine_insn *insn)
{
	struct cursor c = { code, MIN(len, (size_t)MACHINE_CODE), 0, false };
	struct prefixes p;
	struct modrm m = { 3, 0, 0 };
	bool modrm;

	mem_set(&p, 0, sizeof(p));
	mem_set(insn, 0, sizeof(*insn));
	insn->class = INSN_UNKNOWN;
	if (!read_opcode(&c, &p))
		return;
	insn->class = INSN_PLAIN;
	modrm = has_modrm(&p);
	if (modrm) {
		uint8_t byte = next_byte(&c);

		m = (struct modrm){ byte >> 6, byte >> 3 & 7, byte & 7 };
		/* lea and nop only compute an address; prefetches never fault. */
		if (m.mod != 3 && !(p.map == MAP_ONE && p.opcode == 0x8d) &&
		    !(p.map == MAP_0F && p.opcode >= 0x18 && p.opcode <= 0x1f))
			read_memory(&c, &p, &m, regs, tls_base, insn);
	}
	if (is_privileged(&p, &m, modrm))
		insn->class = INSN_PRIVILEGED;
	else if (insn->nr && must_align(&p)) {
		insn->class = INSN_ALIGNED;
		insn->align = p.vector;
	}
	add_implicit(&c, &p, &m, regs, tls_base, insn);
	if (c.cut) {
		mem_set(insn, 0, sizeof(*insn));
		insn->class = INSN_UNKNOWN;
	}
}
