/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/decode.c - from bytes to a struct insn.
 *
 *     prefixes   escape, VEX or EVEX   opcode   modrm   sib   displacement   immediate
 *     \_______________  _____________________/    |
 *                     \/                          |
 *            a row of opcodes.def  <--------------+  some rows want certain values of modrm
 *
 * The prefixes and the row give everything: which bytes follow, what the operands are, which registers and flags the
 * instruction uses.  Combinations at which the processor raises an exception, and those that processors of different
 * makers read differently, are unknown. */
#include "config.h"

#include "watch/arch/x86_64/opcodes.h"

#define LONGEST 15

struct decoder {
	const uint8_t *code;
	size_t size; /* at most LONGEST */
	size_t at;   /* the next byte */
	bool cut;    /* a byte behind the end was needed */

	bool operand16, address32, lock, rex;
	uint8_t rep; /* the last of F2 and F3 */
	uint8_t segment;
	bool many_segments;
	uint8_t encoding, map, opcode;
	uint8_t prefix; /* of VEX and EVEX: PREFIX_NP to PREFIX_F2 */
	/* Bits of REX, VEX and EVEX, the right way around.  r, x, b: 0 or 8. */
	bool w;
	uint8_t r, x, b;
	uint8_t r16, v16; /* EVEX: 0 or 16 */
	uint8_t vvvv, vector;
	bool evex_b, zeroing;
	uint8_t mask;
	uint8_t modrm;
	uint16_t vector_size;
};

static uint8_t next_byte(struct decoder *d)
{
	if (d->at < d->size)
		return d->code[d->at++];
	d->cut = true;
	return 0;
}

static int64_t next_number(struct decoder *d, unsigned bytes)
{
	uint64_t value = 0;
	unsigned unused = 64 - 8 * bytes;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)next_byte(d) << (8 * i);
	return (int64_t)(value << unused) >> unused;
}

/* ---- prefixes and opcode --------------------------------------------------------------------- */

/* Reads the prefixes; a REX counts only when it is the last.  Returns the byte behind them. */
static uint8_t read_prefixes(struct decoder *d)
{
	for (;;) {
		uint8_t byte = next_byte(d);

		if (d->cut)
			return 0;
		switch (byte) {
		case 0x66:
			d->operand16 = true;
			break;
		case 0x67:
			d->address32 = true;
			break;
		case 0xf0:
			d->lock = true;
			break;
		case 0xf2:
		case 0xf3:
			d->rep = byte;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64:
		case 0x65:
			d->many_segments |= d->segment && d->segment != byte;
			d->segment = byte;
			break;
		default:
			if ((byte & 0xf0) != 0x40)
				return byte;
			d->rex = true;
			d->w = byte & 8;
			d->r = byte & 4 ? 8 : 0;
			d->x = byte & 2 ? 8 : 0;
			d->b = byte & 1 ? 8 : 0;
			continue;
		}
		d->rex = d->w = false;
		d->r = d->x = d->b = 0;
	}
}

static const uint8_t vex_prefixes[] = { PREFIX_NP, PREFIX_66, PREFIX_F3, PREFIX_F2 };

static bool read_vex(struct decoder *d, bool three)
{
	uint8_t byte = next_byte(d), map = 1;

	d->encoding = INSN_VEX;
	d->r = byte & 0x80 ? 0 : 8;
	if (three) {
		d->x = byte & 0x40 ? 0 : 8;
		d->b = byte & 0x20 ? 0 : 8;
		map = byte & 0x1f;
		byte = next_byte(d);
		d->w = byte & 0x80;
	}
	d->vvvv = ~(byte >> 3) & 15;
	d->vector = byte >> 2 & 1;
	d->prefix = vex_prefixes[byte & 3];
	d->map = (uint8_t)(INSN_MAP_1 + map);
	return map >= 1 && map <= 3;
}

static bool read_evex(struct decoder *d)
{
	uint8_t p0 = next_byte(d), p1 = next_byte(d), p2 = next_byte(d), map = p0 & 7;
	static const uint8_t maps[8] = {
		[1] = INSN_MAP_0F, [2] = INSN_MAP_0F38, [3] = INSN_MAP_0F3A, [5] = INSN_MAP_5, [6] = INSN_MAP_6
	};

	d->encoding = INSN_EVEX;
	d->r = p0 & 0x80 ? 0 : 8;
	d->x = p0 & 0x40 ? 0 : 8;
	d->b = p0 & 0x20 ? 0 : 8;
	d->r16 = p0 & 0x10 ? 0 : 16;
	d->map = maps[map];
	d->w = p1 & 0x80;
	d->vvvv = ~(p1 >> 3) & 15;
	d->prefix = vex_prefixes[p1 & 3];
	d->zeroing = p2 & 0x80;
	d->vector = p2 >> 5 & 3;
	d->evex_b = p2 & 0x10;
	d->v16 = p2 & 8 ? 0 : 16;
	d->mask = p2 & 7;
	return d->map && !(p0 & 8) && p1 & 4;
}

/* Reads everything up to the opcode. */
static bool read_opcode(struct decoder *d)
{
	uint8_t byte = read_prefixes(d);
	bool simple = !d->operand16 && !d->rep && !d->lock && !d->rex;

	if (byte == 0xc5 || byte == 0xc4 || byte == 0x62) {
		if (!simple || !(byte == 0x62 ? read_evex(d) : read_vex(d, byte == 0xc4)))
			return false;
		byte = next_byte(d);
	} else if (byte == 0x0f) {
		d->map = INSN_MAP_0F;
		byte = next_byte(d);
		if (byte == 0x38 || byte == 0x3a) {
			d->map = byte == 0x38 ? INSN_MAP_0F38 : INSN_MAP_0F3A;
			byte = next_byte(d);
		}
	}
	d->opcode = byte;
	return !d->cut;
}

/* ---- the row --------------------------------------------------------------------------------- */

static bool prefix_fits(const struct opcode_row *row, const struct decoder *d)
{
	if (d->encoding != INSN_LEGACY)
		return row->prefix == d->prefix;
	switch (row->prefix) {
	case PREFIX_ANY:
		return true;
	case PREFIX_NOREP:
		return !d->rep;
	case PREFIX_NP:
		return !d->rep && !d->operand16;
	case PREFIX_66:
		return !d->rep && d->operand16;
	case PREFIX_F3:
		return d->rep == 0xf3;
	default:
		return d->rep == 0xf2;
	}
}

/* Does modrm fit?  A row without conditions does not look at it. */
static bool modrm_fits(const struct opcode_row *row, const struct decoder *d)
{
	uint8_t modrm;

	if (!row->extension && !row->modrm_first && row->mod == MOD_ANY)
		return true;
	if (d->at >= d->size)
		return false;
	modrm = d->code[d->at];
	if (row->extension && row->extension - 1 != (modrm >> 3 & 7))
		return false;
	if (row->modrm_first && (modrm < row->modrm_first || modrm > row->modrm_last))
		return false;
	return row->mod == MOD_ANY || (row->mod == MOD_REG) == (modrm >= 0xc0);
}

static bool row_fits(const struct opcode_row *row, const struct decoder *d)
{
	uint8_t w = d->encoding == INSN_VEX ? row->vex_w : d->encoding == INSN_EVEX ? row->evex_w : 0;

	return row->encodings & (1 << d->encoding) && prefix_fits(row, d) && (!w || w - 1 == d->w) &&
	       modrm_fits(row, d);
}

/* The first row that does not end before the opcode. */
static size_t first_row(unsigned wanted)
{
	/* Found before: the row's number and 1.  Threads that find the same row at once store the same. */
	static uint16_t found[(INSN_MAP_6 + 1) * 256];
	size_t low = 0, high = nr_opcode_rows;

	if (READ_ONCE(found[wanted]))
		return READ_ONCE(found[wanted]) - 1u;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (opcode_rows[middle].map * 256u + opcode_rows[middle].last < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	WRITE_ONCE(found[wanted], (uint16_t)(low + 1));
	return low;
}

static const struct opcode_row *find_row(const struct decoder *d)
{
	unsigned wanted = d->map * 256u + d->opcode;
	size_t low = first_row(wanted);

	for (; low < nr_opcode_rows && opcode_rows[low].map * 256u + opcode_rows[low].first <= wanted; low++)
		if (row_fits(&opcode_rows[low], d))
			return &opcode_rows[low];
	return NULL;
}

/* ---- sizes ----------------------------------------------------------------------------------- */

/* The length of vectors.  False: no processor has such an instruction. */
static bool choose_vector_size(const struct opcode_row *row, struct decoder *d)
{
	bool rounding = d->evex_b && d->modrm >= 0xc0;
	uint8_t length = d->vector;

	d->vector_size = 16;
	if (d->encoding == INSN_LEGACY)
		return true;
	if (rounding)
		length = 2; /* the field tells how to round */
	if (length > 2)
		return false;
	if (row->scalar)
		return true;
	d->vector_size = (uint16_t)(16 << length);
	return !row->lengths || row->lengths >> length & 1;
}

static uint16_t size_of(uint16_t size, const struct opcode_row *row, const struct decoder *d)
{
	switch (size) {
	case SIZE_V:
		return d->w ? 8 : d->operand16 ? 2 : row->default64 ? 8 : 4;
	case SIZE_Y:
		return d->w ? 8 : 4;
	case SIZE_64:
		return d->operand16 && !d->w ? 2 : 8;
	case SIZE_VL:
		return d->vector_size;
	case SIZE_VL2:
		return d->vector_size / 2;
	case SIZE_VL4:
		return d->vector_size / 4;
	case SIZE_VL8:
		return d->vector_size / 8;
	case SIZE_DUP:
		return d->vector_size == 16 ? 8 : d->vector_size;
	case SIZE_CX:
		return d->w ? 16 : 8;
	default:
		return size;
	}
}

static uint8_t broadcast_size(const struct opcode_row *row, const struct decoder *d)
{
	return row->broadcast == ROW_BROADCAST_W ? (d->w ? 8 : 4) : row->broadcast;
}

/* Does everything in VEX and EVEX fit the row? */
static bool vectors_fit(const struct opcode_row *row, const struct decoder *d)
{
	bool memory = row->modrm && d->modrm < 0xc0;

	if (d->encoding == INSN_LEGACY)
		return true;
	if (row->vvvv == VVVV_NONE && (d->vvvv || (d->v16 && row->special != SPECIAL_VSIB)))
		return false;
	if ((row->mask_register && (d->r || d->r16)) || (row->mask_vvvv && d->vvvv > 7))
		return false;
	if (d->encoding == INSN_VEX)
		return true;
	/* General and mask registers have no bit for 16 and up. */
	if ((row->mask_result && (d->r || d->r16)) || (row->reg_access && d->r16) ||
	    (row->vvvv >= VVVV_GPR_READ && d->v16))
		return false;
	if (d->evex_b && !(memory ? row->broadcast != 0 : row->rounding))
		return false;
	if ((d->mask && row->no_mask) || (!d->mask && row->needs_mask) || (d->zeroing && (!d->mask || row->no_zeroing)))
		return false;
	return !(d->zeroing && memory && row->rm_access & INSN_WRITE);
}

/* ---- registers ------------------------------------------------------------------------------- */

/* A general register of an operand; the registers ah to bh are parts of rax to rbx. */
static unsigned gpr(const struct decoder *d, unsigned number, uint16_t size)
{
	return size == 1 && !d->rex && d->encoding == INSN_LEGACY && number >= 4 && number < 8 ? number - 4 : number;
}

static void use_gpr(struct insn *x, const struct opcode_row *row, unsigned number, uint8_t access, uint16_t size)
{
	uint16_t bit = (uint16_t)(1u << number);

	if (access & INSN_READ)
		x->reads |= bit;
	if (access & INSN_WRITE) {
		x->writes |= bit;
		if (size >= 4 && !row->maybe)
			x->kills |= bit;
	}
}

/* ---- operands -------------------------------------------------------------------------------- */

static void use_address(struct insn *x, const struct insn_mem *m, const struct opcode_row *row)
{
	if (m->base < 16)
		x->reads |= (uint16_t)(1u << m->base);
	if (m->index < 16 && row->special != SPECIAL_VSIB)
		x->reads |= (uint16_t)(1u << m->index);
}

/* An access through an implicit register. */
static struct insn_mem *add_mem(struct insn *x, const struct decoder *d, uint8_t base, uint8_t access, uint16_t size)
{
	struct insn_mem *m = &x->mem[x->nr_mem++];

	*m = (struct insn_mem){ .base = base, .index = INSN_NO_REG, .scale = 1, .access = access, .size = size };
	m->address32 = d->address32;
	m->fs = d->segment == 0x64;
	m->gs = d->segment == 0x65;
	return m;
}

/* The unit of a displacement of 8 bits. */
static int64_t disp8_unit(const struct opcode_row *row, const struct decoder *d, uint16_t size)
{
	if (d->encoding != INSN_EVEX)
		return 1;
	if (row->disp8)
		return row->disp8 == ROW_DISP8_W ? (d->w ? 8 : 4) : row->disp8;
	return size;
}

/* The registers of a gather are different ones. */
static bool gather_fits(const struct opcode_row *row, const struct decoder *d, uint8_t index)
{
	uint8_t reg = (d->modrm >> 3 & 7) | d->r | d->r16;

	if (row->rm_access & INSN_WRITE)
		return true;
	return reg != index && (d->encoding == INSN_EVEX || (reg != d->vvvv && index != d->vvvv));
}

/* Reads sib and displacement of a memory operand. */
static bool read_memory(struct insn *x, const struct opcode_row *row, struct decoder *d)
{
	uint8_t mod = d->modrm >> 6, rm = d->modrm & 7, sib;
	uint16_t size = size_of(row->rm_size, row, d);
	struct insn_mem *m;

	if (d->evex_b)
		size = broadcast_size(row, d);
	m = add_mem(x, d, (uint8_t)(rm | d->b), row->rm_access, row->rm_access ? size : 0);
	m->extent = row->extent;
	if (!row->rm_access)
		m->fs = m->gs = false;
	if (m->extent == INSN_EXACT && d->mask)
		m->extent = INSN_MASKED;
	x->disp_size = mod == 1 ? 1 : mod == 2 ? 4 : 0;
	if (rm == 4) {
		sib = next_byte(d);
		m->base = (uint8_t)((sib & 7) | d->b);
		m->index = (uint8_t)((sib >> 3 & 7) | d->x);
		m->scale = (uint8_t)(1 << (sib >> 6));
		if (row->special == SPECIAL_VSIB) {
			m->index |= d->v16;
			if (!gather_fits(row, d, m->index))
				return false;
		} else if (m->index == INSN_RSP)
			m->index = INSN_NO_REG;
		if ((sib & 7) == 5 && mod == 0) {
			m->base = INSN_NO_REG;
			x->disp_size = 4;
		}
	} else if (row->special == SPECIAL_VSIB) {
		return false;
	} else if (rm == 5 && mod == 0) {
		m->base = INSN_RIP;
		x->disp_size = 4;
	}
	if (m->index == INSN_NO_REG)
		m->scale = 1;
	if (x->disp_size) {
		x->disp_offset = (uint8_t)d->at;
		m->disp = next_number(d, x->disp_size);
		if (x->disp_size == 1)
			m->disp *= disp8_unit(row, d, size);
	}
	use_address(x, m, row);
	return true;
}

static bool read_modrm(struct insn *x, const struct opcode_row *row, struct decoder *d)
{
	uint16_t size;

	x->has_modrm = true;
	x->modrm_offset = (uint8_t)d->at;
	x->modrm = d->modrm = next_byte(d);
	x->reg = (d->modrm >> 3 & 7) | d->r;
	x->rm = INSN_NO_REG;
	if (!choose_vector_size(row, d) || !vectors_fit(row, d))
		return false;
	if (row->reg_access) {
		size = size_of(row->reg_size, row, d);
		x->reg = (uint8_t)gpr(d, x->reg, size);
		use_gpr(x, row, x->reg, row->reg_access, size);
	}
	if (d->modrm < 0xc0)
		return read_memory(x, row, d);
	x->rm = (d->modrm & 7) | d->b;
	if (row->rm_gpr) {
		size = size_of(row->rm_reg_size ? row->rm_reg_size : row->rm_size, row, d);
		x->rm = (uint8_t)gpr(d, x->rm, size);
		use_gpr(x, row, x->rm, row->rm_access, size);
	}
	return true;
}

static void read_immediate(struct insn *x, const struct opcode_row *row, struct decoder *d)
{
	static const uint8_t sizes[] = { [IMM_8] = 1, [IMM_16] = 2, [IMM_ENTER] = 3 };

	switch (row->imm) {
	case IMM_NONE:
		return;
	case IMM_32:
		x->imm_size = d->operand16 && !d->w ? 2 : 4;
		break;
	case IMM_FULL:
		x->imm_size = (uint8_t)size_of(SIZE_V, row, d);
		break;
	case IMM_OFFSET:
		return;
	default:
		x->imm_size = sizes[row->imm];
	}
	x->imm_offset = (uint8_t)d->at;
	x->imm = next_number(d, x->imm_size);
}

/* mov between rax and an address that is in the instruction. */
static void read_offset(struct insn *x, const struct opcode_row *row, struct decoder *d)
{
	struct insn_mem *m = add_mem(x, d, INSN_NO_REG, row->rm_access, size_of(row->rm_size, row, d));

	x->disp_size = d->address32 ? 4 : 8;
	x->disp_offset = (uint8_t)d->at;
	m->disp = next_number(d, x->disp_size);
	if (d->address32)
		m->disp = (uint32_t)m->disp;
}

/* ---- what the instruction does --------------------------------------------------------------- */

static const uint16_t conditions[8] = { INSN_OF, INSN_CF, INSN_ZF,           INSN_CF | INSN_ZF,
	                                INSN_SF, INSN_PF, INSN_SF | INSN_OF, INSN_SF | INSN_OF | INSN_ZF };

static void describe_flags(struct insn *x, const struct opcode_row *row)
{
	unsigned count = x->imm & (x->operand_size == 8 ? 63 : 31);

	x->flags_read = row->flags_read;
	x->flags_written = row->flags_written | row->flags_undefined;
	x->flags_killed = row->flags_written;
	x->flags_undefined = row->flags_undefined;
	switch (row->special) {
	case SPECIAL_CONDITION:
		x->flags_read |= conditions[x->opcode >> 1 & 7];
		break;
	case SPECIAL_SHIFT_CL:
	case SPECIAL_ROTATE_CL:
		x->flags_killed = 0;
		x->flags_undefined = 0;
		break;
	case SPECIAL_SHIFT:
	case SPECIAL_ROTATE:
		if (count == 0)
			x->flags_written = x->flags_killed = x->flags_undefined = 0;
		else if (count > 1) {
			x->flags_killed &= (uint16_t)~INSN_OF;
			x->flags_undefined |= INSN_OF;
		}
		/* Of a number of 1 or 2 bytes nothing may be left for CF. */
		if (count >= 8u * x->operand_size)
			x->flags_killed &= (uint16_t)~INSN_CF;
		break;
	case SPECIAL_CMPS:
	case SPECIAL_SCAS:
		/* With rep and rcx = 0 flags stay. */
		if (x->rep || x->repne)
			x->flags_killed = 0;
		break;
	default:;
	}
}

static void describe_strings(struct insn *x, const struct opcode_row *row, const struct decoder *d)
{
	uint16_t size = size_of(row->rm_size, row, d);
	bool counted = d->rep;

	switch (row->special) {
	case SPECIAL_MOVS:
		add_mem(x, d, INSN_RDI, INSN_WRITE, size);
		add_mem(x, d, INSN_RSI, INSN_READ, size);
		break;
	case SPECIAL_CMPS:
		add_mem(x, d, INSN_RSI, INSN_READ, size);
		add_mem(x, d, INSN_RDI, INSN_READ, size);
		break;
	case SPECIAL_STOS:
		add_mem(x, d, INSN_RDI, INSN_WRITE, size);
		break;
	case SPECIAL_SCAS:
		add_mem(x, d, INSN_RDI, INSN_READ, size);
		break;
	case SPECIAL_LODS:
		add_mem(x, d, INSN_RSI, INSN_READ, size);
		if (size >= 4 && !counted)
			x->kills |= 1u << INSN_RAX;
		break;
	default:
		return;
	}
	/* A segment holds for the source, at rsi, only. */
	for (unsigned i = 0; i < x->nr_mem; i++)
		if (x->mem[i].base == INSN_RDI)
			x->mem[i].fs = x->mem[i].gs = false;
	x->string = true;
	if (counted) {
		x->reads |= 1u << INSN_RCX;
		x->writes |= 1u << INSN_RCX;
		/* movs, stos and lods do not look at the difference. */
		x->repne = d->rep == 0xf2;
		x->rep = d->rep == 0xf3;
	}
}

/* Instructions that the attributes cannot tell. */
static bool describe_special(struct insn *x, const struct opcode_row *row, const struct decoder *d)
{
	switch (row->special) {
	case SPECIAL_ZERO:
		if (x->has_modrm && d->modrm >= 0xc0 && x->reg == x->rm && x->operand_size >= 4)
			x->reads &= (uint16_t) ~(1u << x->rm);
		return true;
	case SPECIAL_NOP90:
		if (!d->b)
			return true;
		use_gpr(x, row, INSN_R8, INSN_READ_WRITE, x->operand_size);
		use_gpr(x, row, INSN_RAX, INSN_READ_WRITE, x->operand_size);
		return !d->rep; /* pause, or xchg? */
	case SPECIAL_RDI:
		add_mem(x, d, INSN_RDI, INSN_WRITE, row->rm_size)->extent = INSN_MASKED;
		return true;
	case SPECIAL_XLAT:
		/* rbx + al: no base, index and scale say that. */
		add_mem(x, d, INSN_RBX, INSN_READ, 1)->extent = INSN_SPREAD;
		return true;
	case SPECIAL_ENDBR:
		x->endbr = true;
		return true;
	default:
		return true;
	}
}

/* ---- elements -------------------------------------------------------------------------------- */

/* Chosen by the signs of a vector's elements: vmaskmov, maskmovdqu, gathers of AVX2. */
static struct insn_elements chosen_by_signs(const struct insn *x, const struct opcode_row *row, const struct decoder *d)
{
	if (row->special == SPECIAL_RDI)
		return (struct insn_elements){ .choice = row->rm_size == 8 ? INSN_BY_MMX : INSN_BY_SIGNS,
			                       .mask = row->rm_size == 8 ? x->rm & 7 : x->rm,
			                       .size = 1,
			                       .nr = (uint8_t)row->rm_size };
	return (struct insn_elements){ .choice = INSN_BY_SIGNS,
		                       .mask = d->vvvv,
		                       .size = d->opcode == 0x2d || d->opcode == 0x2f || d->w ? 8 : 4 };
}

/* Chosen by a register k. */
static struct insn_elements chosen_by_bits(const struct insn *x, const struct opcode_row *row, const struct decoder *d)
{
	struct insn_elements e = { .choice = INSN_BY_BITS, .mask = d->mask };
	unsigned size = opcode_elements(d->map, d->opcode, d->prefix, d->w);

	if (row->extent == INSN_MASKED) {
		e.choice = INSN_PACKED;
		e.size = row->disp8;
	} else if (row->special == SPECIAL_VSIB || row->scalar)
		e.size = (uint8_t)x->mem[0].size;
	else if (row->broadcast && size != ELEMENTS_WHOLE)
		e.size = broadcast_size(row, d);
	else
		e.size = (uint8_t)size;
	if (!e.size)
		e.choice = INSN_CHOICE_UNKNOWN;
	return e;
}

static void describe_elements(struct insn *x, const struct opcode_row *row, const struct decoder *d)
{
	struct insn_elements *e = &x->elements;
	struct insn_mem *m = &x->mem[0];

	if (!x->nr_mem || (m->extent != INSN_MASKED && !(m->extent == INSN_SPREAD && row->special == SPECIAL_VSIB)))
		return;
	if (d->encoding == INSN_EVEX && !d->mask) { /* vpcompress without a mask: all of them */
		m->extent = INSN_EXACT;
		return;
	}
	*e = d->encoding == INSN_EVEX ? chosen_by_bits(x, row, d) : chosen_by_signs(x, row, d);
	if (e->size == ELEMENTS_WHOLE) {
		*e = (struct insn_elements){ 0 };
		m->extent = INSN_EXACT;
		return;
	}
	if (e->choice == INSN_CHOICE_UNKNOWN)
		return;
	if (row->special == SPECIAL_VSIB) {
		e->size = (uint8_t)m->size;
		e->index = m->index;
		e->index_size = d->opcode & 1 ? 8 : 4;
		e->nr = (uint8_t)(d->vector_size / MAX(e->size, e->index_size));
		e->bits = e->nr;
		return;
	}
	e->nr = (uint8_t)(m->size / e->size);
	if (d->encoding != INSN_EVEX || row->scalar)
		e->bits = e->nr;
	else if (opcode_repeats(d->map, d->opcode, d->prefix))
		e->bits = (uint8_t)(d->vector_size / e->size);
	else
		e->bits = (uint8_t)(size_of(row->rm_size, row, d) / e->size);
}

static void describe_flow(struct insn *x, const struct opcode_row *row, uintptr_t pc)
{
	bool relative = row->flow == INSN_JCC || row->flow == INSN_JMP || row->flow == INSN_CALL ||
	                row->flow == INSN_LOOP || row->flow == INSN_XBEGIN;

	x->flow = row->flow;
	if (x->flow == INSN_SYSCALL)
		x->flags_written = INSN_ALL_FLAGS;
	if (relative)
		x->target = pc + x->length + (uintptr_t)x->imm;
	x->movable = (row->flow == INSN_PLAIN || row->flow == INSN_SYSCALL) &&
	             !(x->nr_mem && x->mem[0].base == INSN_RIP);
}

static void describe_registers(struct insn *x, const struct opcode_row *row, const struct decoder *d)
{
	uint16_t low_size = size_of(row->low_size, row, d);

	x->reads |= row->reads;
	x->writes |= row->writes;
	if (x->operand_size >= 4)
		x->kills |= row->kills;
	if (row->low_access)
		use_gpr(x, row, gpr(d, (d->opcode & 7u) | d->b, low_size), row->low_access, low_size);
	if (row->vvvv == VVVV_GPR_READ)
		use_gpr(x, row, d->vvvv, INSN_READ, size_of(SIZE_Y, row, d));
	if (row->vvvv == VVVV_GPR_WRITE)
		use_gpr(x, row, d->vvvv, INSN_WRITE, size_of(SIZE_Y, row, d));
}

/* The size of the operation: the first of the row's operands that has one. */
static uint8_t operand_size(const struct opcode_row *row, const struct decoder *d)
{
	uint16_t size = row->reg_access ? row->reg_size : row->low_size ? row->low_size : row->rm_size;

	return (uint8_t)MIN(size_of(size ? size : SIZE_V, row, d), 64);
}

static bool is_allowed(const struct insn *x, const struct opcode_row *row, const struct decoder *d)
{
	bool near = row->flow == INSN_JCC || row->flow == INSN_JMP || row->flow == INSN_CALL ||
	            row->flow == INSN_LOOP || row->flow == INSN_RET || row->flow == INSN_XBEGIN ||
	            (row->flow >= INSN_JMP_REG && row->flow <= INSN_CALL_MEM);

	if (d->lock && !(row->lockable && x->has_modrm && d->modrm < 0xc0))
		return false;
	/* AMD's processors cut the target to 16 bits, Intel's ignore the prefix. */
	if (near && d->operand16 && !d->w)
		return false;
	/* Which of them holds? */
	return !(d->many_segments && x->nr_mem);
}

bool x86_decode(struct insn *x, const uint8_t *code, size_t size, uintptr_t pc)
{
	struct decoder d = { .code = code, .size = MIN(size, LONGEST) };
	const struct opcode_row *row;

	mem_set(x, 0, sizeof(*x));
	if (!read_opcode(&d) || !(row = find_row(&d)))
		return false;
	x->encoding = d.encoding;
	x->map = d.map;
	x->opcode = d.opcode;
	x->opcode_offset = (uint8_t)(d.at - 1);
	x->rm = x->reg = INSN_NO_REG;
	if (row->modrm ? !read_modrm(x, row, &d) : !choose_vector_size(row, &d) || !vectors_fit(row, &d))
		return false;
	if (row->imm == IMM_OFFSET)
		read_offset(x, row, &d);
	else
		read_immediate(x, row, &d);
	x->operand_size = operand_size(row, &d);
	x->lock = d.lock;
	x->rex_w = d.w;
	x->operand16 = d.operand16;
	x->stack = row->stack;
	describe_registers(x, row, &d);
	describe_strings(x, row, &d);
	if (d.cut || !describe_special(x, row, &d) || !is_allowed(x, row, &d))
		return false;
	describe_elements(x, row, &d);
	x->length = (uint8_t)d.at;
	describe_flags(x, row);
	describe_flow(x, row, pc);
	return true;
}
