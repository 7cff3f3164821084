/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/cfi.c - reads .eh_frame for one pc.
 *
 * _dl_find_object gives the module's .eh_frame_hdr: a table with one row per function, sorted by address. A binary
 * search in this table finds the FDE. The small programs of the CIE and the FDE (DWARF 5, 6.4.2) are run up to the pc.
 * Their result is one row: how to compute the CFA, and where each register of the caller was saved. (LSB core,
 * "Exception Frames"; Ian Lance Taylor's notes on .eh_frame_hdr.)
 *
 * The data belongs to loaded code. If it were wrong, C++ exceptions would crash too. Even so, nothing here reads past
 * an entry's end, and an unknown form means "no row".
 */
#include "lib/lib_internal.h"

#include <dlfcn.h>
#include <link.h>

/* Pointer encodings (DW_EH_PE_*). */
enum {
	PE_OMIT = 0xff,
	PE_ABSPTR = 0x00,
	PE_ULEB = 0x01,
	PE_UDATA2 = 0x02,
	PE_UDATA4 = 0x03,
	PE_UDATA8 = 0x04,
	PE_SLEB = 0x09,
	PE_SDATA2 = 0x0a,
	PE_SDATA4 = 0x0b,
	PE_SDATA8 = 0x0c,
	PE_PCREL = 0x10,
	PE_DATAREL = 0x30,
	PE_INDIRECT = 0x80
};

/* Call frame instructions (DW_CFA_*); the first three carry an operand in their low six bits. */
enum {
	CFA_ADVANCE_LOC = 0x40,
	CFA_OFFSET = 0x80,
	CFA_RESTORE = 0xc0,
	CFA_NOP = 0x00,
	CFA_SET_LOC = 0x01,
	CFA_ADVANCE_LOC1 = 0x02,
	CFA_ADVANCE_LOC2 = 0x03,
	CFA_ADVANCE_LOC4 = 0x04,
	CFA_OFFSET_EXTENDED = 0x05,
	CFA_RESTORE_EXTENDED = 0x06,
	CFA_UNDEFINED = 0x07,
	CFA_SAME_VALUE = 0x08,
	CFA_REGISTER = 0x09,
	CFA_REMEMBER_STATE = 0x0a,
	CFA_RESTORE_STATE = 0x0b,
	CFA_DEF_CFA = 0x0c,
	CFA_DEF_CFA_REGISTER = 0x0d,
	CFA_DEF_CFA_OFFSET = 0x0e,
	CFA_DEF_CFA_EXPRESSION = 0x0f,
	CFA_EXPRESSION = 0x10,
	CFA_OFFSET_EXTENDED_SF = 0x11,
	CFA_DEF_CFA_SF = 0x12,
	CFA_DEF_CFA_OFFSET_SF = 0x13,
	CFA_VAL_OFFSET = 0x14,
	CFA_VAL_OFFSET_SF = 0x15,
	CFA_VAL_EXPRESSION = 0x16,
	CFA_GNU_ARGS_SIZE = 0x2e,
	CFA_GNU_NEGATIVE_OFFSET_EXTENDED = 0x2f
};

/* Expression operations that occur in call frame information (DW_OP_*). */
enum {
	OP_ADDR = 0x03,
	OP_DEREF = 0x06,
	OP_CONST1U = 0x08,
	OP_CONST1S,
	OP_CONST2U,
	OP_CONST2S,
	OP_CONST4U,
	OP_CONST4S,
	OP_CONST8U,
	OP_CONST8S,
	OP_CONSTU,
	OP_CONSTS,
	OP_DUP,
	OP_DROP,
	OP_OVER,
	OP_PICK,
	OP_SWAP,
	OP_ROT,
	OP_ABS = 0x19,
	OP_AND,
	OP_DIV,
	OP_MINUS,
	OP_MOD,
	OP_MUL,
	OP_NEG,
	OP_NOT,
	OP_OR,
	OP_PLUS,
	OP_PLUS_UCONST,
	OP_SHL,
	OP_SHR,
	OP_SHRA,
	OP_XOR,
	OP_BRA,
	OP_EQ,
	OP_GE,
	OP_GT,
	OP_LE,
	OP_LT,
	OP_NE,
	OP_SKIP,
	OP_LIT0 = 0x30,
	OP_LIT31 = 0x4f,
	OP_REG0 = 0x50,
	OP_BREG0 = 0x70,
	OP_BREG31 = 0x8f,
	OP_BREGX = 0x92,
	OP_NOP = 0x96
};

/* ---- reading --------------------------------------------------------------------------------- */

struct cursor {
	const uint8_t *p, *end;
	bool bad; /* read past the end, or not understood */
};

static uint64_t take(struct cursor *c, unsigned bytes)
{
	uint64_t v = 0;

	if (c->bad || (size_t)(c->end - c->p) < bytes) {
		c->bad = true;
		return 0;
	}
	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)c->p[i] << (8 * i);
	c->p += bytes;
	return v;
}

static int64_t take_signed(struct cursor *c, unsigned bytes)
{
	uint64_t v = take(c, bytes);
	unsigned shift = 64 - 8 * bytes;

	return (int64_t)(v << shift) >> shift;
}

static uint64_t take_leb(struct cursor *c, bool is_signed)
{
	uint64_t v = 0;
	unsigned shift = 0;
	uint8_t byte;

	do {
		byte = (uint8_t)take(c, 1);
		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while ((byte & 0x80) && !c->bad);
	if (is_signed && (byte & 0x40) && shift < 64)
		v |= ~0ULL << shift;
	return v;
}
#define take_uleb(c) take_leb(c, false)
#define take_sleb(c) ((int64_t)take_leb(c, true))

static uint64_t take_encoded(struct cursor *c, uint8_t encoding, uintptr_t data_base)
{
	uintptr_t here = (uintptr_t)c->p;
	uint64_t v;

	switch (encoding & 0x0f) {
	case PE_ABSPTR:
	case PE_UDATA8:
	case PE_SDATA8:
		v = take(c, 8);
		break;
	case PE_ULEB:
		v = take_uleb(c);
		break;
	case PE_SLEB:
		v = (uint64_t)take_sleb(c);
		break;
	case PE_UDATA2:
		v = take(c, 2);
		break;
	case PE_SDATA2:
		v = (uint64_t)take_signed(c, 2);
		break;
	case PE_UDATA4:
		v = take(c, 4);
		break;
	case PE_SDATA4:
		v = (uint64_t)take_signed(c, 4);
		break;
	default:
		c->bad = true;
		return 0;
	}
	switch (encoding & 0x70) {
	case 0:
		break;
	case PE_PCREL:
		v += here;
		break;
	case PE_DATAREL:
		v += data_base;
		break;
	default:
		c->bad = true;
	}
	if (encoding & PE_INDIRECT)
		c->bad = true; /* only personalities use it, and they are skipped */
	return v;
}

/* ---- from pc to FDE -------------------------------------------------------------------------- */

struct cie {
	uint64_t code_align;
	int64_t data_align;
	uint8_t fde_encoding;
	bool has_augmentation, signal_frame;
	const uint8_t *code, *code_end;
};

/* Opens the entry at p: sets c to its bytes after the length. False: the terminator, or 64-bit DWARF, which no x86_64
 * compiler emits here. */
static bool entry_open(const uint8_t *p, struct cursor *c)
{
	struct cursor length = { p, p + 4, false };
	uint32_t bytes = (uint32_t)take(&length, 4);

	if (bytes == 0 || bytes >= 0xfffffff0u)
		return false;
	*c = (struct cursor){ p + 4, p + 4 + bytes, false };
	return true;
}

static bool cie_augmentation(struct cursor *c, const char *letters, struct cie *cie)
{
	if (*letters != 'z')
		return *letters == '\0';
	cie->has_augmentation = true;
	take_uleb(c);
	for (letters++; *letters; letters++) {
		switch (*letters) {
		case 'R':
			cie->fde_encoding = (uint8_t)take(c, 1);
			break;
		case 'L':
			take(c, 1);
			break;
		case 'S':
			cie->signal_frame = true;
			break;
		case 'B':
			break;
		case 'P': {
			uint8_t encoding = (uint8_t)take(c, 1);
			take_encoded(c, encoding & 0x0f, 0);
			break;
		}
		default:
			return false;
		}
	}
	return !c->bad;
}

static bool cie_read(const uint8_t *p, struct cie *cie)
{
	struct cursor c;
	uint8_t version;
	const char *letters;
	uint64_t ra;
	const uint8_t *before;

	if (!entry_open(p, &c) || take(&c, 4) != 0)
		return false;
	*cie = (struct cie){ .fde_encoding = PE_ABSPTR, .code_end = c.end };
	version = (uint8_t)take(&c, 1);
	if (version != 1 && version != 3)
		return false;
	letters = (const char *)c.p;
	while (take(&c, 1) != 0 && !c.bad)
		;
	cie->code_align = take_uleb(&c);
	cie->data_align = take_sleb(&c);
	ra = version == 1 ? take(&c, 1) : take_uleb(&c);
	if (c.bad || ra != ARCH_DWARF_RA)
		return false;
	before = c.p;
	if (!cie_augmentation(&c, letters, cie))
		return false;
	if (cie->has_augmentation) { /* the program starts behind the augmentation data, which begins with its length */
		struct cursor again = { before, c.end, false };
		uint64_t bytes = take_uleb(&again);
		if (again.bad || bytes > (size_t)(again.end - again.p))
			return false;
		c.p = again.p + bytes;
	}
	cie->code = c.p;
	return !c.bad;
}

/* both are offsets from the start of .eh_frame_hdr */
struct hdr_row {
	int32_t start, fde;
};

/* The table behind .eh_frame_hdr's head; NULL: its form is not understood. */
static const struct hdr_row *hdr_rows(const uint8_t *hdr, size_t *count)
{
	struct cursor c = { hdr, hdr + 64, false };
	uint8_t frame_encoding, count_encoding, table_encoding;

	if (take(&c, 1) != 1)
		return NULL;
	frame_encoding = (uint8_t)take(&c, 1);
	count_encoding = (uint8_t)take(&c, 1);
	table_encoding = (uint8_t)take(&c, 1);
	if (table_encoding != (PE_DATAREL | PE_SDATA4) || count_encoding == PE_OMIT)
		return NULL;
	take_encoded(&c, frame_encoding, (uintptr_t)hdr);
	*count = take_encoded(&c, count_encoding, (uintptr_t)hdr);
	return c.bad ? NULL : (const struct hdr_row *)c.p;
}

/* The table, as far as it lies in [lo, hi). */
static const struct hdr_row *hdr_rows_inside(const uint8_t *hdr, uintptr_t lo, uintptr_t hi, size_t *count)
{
	uintptr_t at = (uintptr_t)hdr;
	const struct hdr_row *rows;

	if (at < lo || at >= hi || hi - at < 64)
		return NULL;
	rows = hdr_rows(hdr, count);
	return rows && *count <= (hi - (uintptr_t)rows) / sizeof(*rows) ? rows : NULL;
}

/* Is the entry at p, with the bytes that its length promises, inside [lo, hi)? */
static bool entry_inside(const uint8_t *p, uintptr_t lo, uintptr_t hi)
{
	uintptr_t at = (uintptr_t)p;
	struct cursor c;

	return at >= lo && at < hi && hi - at >= 12 && entry_open(p, &c) && (uintptr_t)c.end <= hi && c.end - c.p >= 4;
}

/* The CIE of an FDE inside [lo, hi) is inside as well. */
static bool fde_inside(const uint8_t *fde, uintptr_t lo, uintptr_t hi)
{
	struct cursor c;
	const uint8_t *at;

	if (!entry_inside(fde, lo, hi) || !entry_open(fde, &c))
		return false;
	at = c.p;
	return entry_inside(at - (uint32_t)take(&c, 4), lo, hi);
}

/* The module lies in [lo, hi): nothing is read elsewhere, whatever its tables say. */
static const uint8_t *fde_search(const uint8_t *hdr, uintptr_t lo_pc, uintptr_t hi_pc, uintptr_t pc)
{
	size_t count, lo, hi;
	const struct hdr_row *rows = hdr_rows_inside(hdr, lo_pc, hi_pc, &count);
	intptr_t key = (intptr_t)(pc - (uintptr_t)hdr);

	if (!rows || count == 0 || key < rows[0].start)
		return NULL;
	/* rows[lo].start <= key < rows[hi].start */
	lo = 0;
	hi = count;
	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (rows[mid].start <= key)
			lo = mid;
		else
			hi = mid;
	}
	return fde_inside(hdr + rows[lo].fde, lo_pc, hi_pc) ? hdr + rows[lo].fde : NULL;
}

/* ---- the program ----------------------------------------------------------------------------- */

#define REMEMBER_MAX 4 /* compilers nest one deep */

struct machine {
	struct cfi_row row, initial;
	struct cfi_row remembered[REMEMBER_MAX];
	unsigned nr_remembered;
	uintptr_t loc;
	const struct cie *cie;
};

static void set_rule(struct machine *m, uint64_t reg, struct cfi_rule rule)
{
	if (reg < ARCH_DWARF_REGS) /* vector registers are not needed */
		m->row.rules[reg] = rule;
}

/* An operand times the CIE's factor.  Products that overflow stand in broken data only. */
static int32_t scaled(const struct machine *m, uint64_t operand)
{
	return (int32_t)(operand * (uint64_t)m->cie->data_align);
}

static const uint8_t *take_block(struct cursor *c)
{
	const uint8_t *block = c->p;
	uint64_t bytes = take_uleb(c);

	if (bytes > (size_t)(c->end - c->p))
		c->bad = true;
	else
		c->p += bytes;
	return block;
}

static void run_register_rule(struct machine *m, struct cursor *c, uint8_t op)
{
	uint64_t reg = take_uleb(c);
	struct cfi_rule rule = { .kind = CFI_SAME };

	switch (op) {
	case CFA_OFFSET_EXTENDED:
		rule.kind = CFI_OFFSET;
		rule.offset = scaled(m, take_uleb(c));
		break;
	case CFA_OFFSET_EXTENDED_SF:
		rule.kind = CFI_OFFSET;
		rule.offset = scaled(m, take_leb(c, true));
		break;
	case CFA_GNU_NEGATIVE_OFFSET_EXTENDED:
		rule.kind = CFI_OFFSET;
		rule.offset = scaled(m, 0 - take_uleb(c));
		break;
	case CFA_VAL_OFFSET:
		rule.kind = CFI_VAL_OFFSET;
		rule.offset = scaled(m, take_uleb(c));
		break;
	case CFA_VAL_OFFSET_SF:
		rule.kind = CFI_VAL_OFFSET;
		rule.offset = scaled(m, take_leb(c, true));
		break;
	case CFA_RESTORE_EXTENDED:
		if (reg < ARCH_DWARF_REGS)
			rule = m->initial.rules[reg];
		break;
	case CFA_UNDEFINED:
		rule.kind = CFI_UNDEFINED;
		break;
	case CFA_SAME_VALUE:
		break;
	case CFA_REGISTER:
		rule.kind = CFI_REGISTER;
		rule.reg = (uint8_t)take_uleb(c);
		break;
	case CFA_EXPRESSION:
		rule.kind = CFI_EXPRESSION;
		rule.offset = (int32_t)(take_block(c) - m->row.fde);
		break;
	case CFA_VAL_EXPRESSION:
		rule.kind = CFI_VAL_EXPRESSION;
		rule.offset = (int32_t)(take_block(c) - m->row.fde);
		break;
	default:
		c->bad = true;
	}
	set_rule(m, reg, rule);
}

static void run_cfa_rule(struct machine *m, struct cursor *c, uint8_t op)
{
	struct cfi_row *row = &m->row;

	switch (op) {
	case CFA_DEF_CFA:
		row->cfa_reg = (uint8_t)take_uleb(c);
		row->cfa_offset = (int32_t)take_uleb(c);
		break;
	case CFA_DEF_CFA_SF:
		row->cfa_reg = (uint8_t)take_uleb(c);
		row->cfa_offset = scaled(m, take_leb(c, true));
		break;
	case CFA_DEF_CFA_REGISTER:
		row->cfa_reg = (uint8_t)take_uleb(c);
		break;
	case CFA_DEF_CFA_OFFSET:
		row->cfa_offset = (int32_t)take_uleb(c);
		break;
	case CFA_DEF_CFA_OFFSET_SF:
		row->cfa_offset = scaled(m, take_leb(c, true));
		break;
	case CFA_DEF_CFA_EXPRESSION:
		row->cfa_expr = take_block(c);
		return;
	default:
		c->bad = true;
	}
	row->cfa_expr = NULL;
}

static void run_state(struct machine *m, struct cursor *c, bool restore)
{
	if (restore ? m->nr_remembered == 0 : m->nr_remembered == REMEMBER_MAX) {
		c->bad = true;
		return;
	}
	if (restore)
		mem_copy(&m->row, &m->remembered[--m->nr_remembered], sizeof(m->row));
	else
		mem_copy(&m->remembered[m->nr_remembered++], &m->row, sizeof(m->row));
}

/* Runs until the location passes pc or the program ends. */
static bool run(struct machine *m, struct cursor *c, uintptr_t pc)
{
	while (c->p < c->end && !c->bad) {
		uint8_t op = (uint8_t)take(c, 1), low = op & 0x3f;
		uint64_t delta = 0;

		switch (op & 0xc0) {
		case CFA_ADVANCE_LOC:
			op = CFA_ADVANCE_LOC;
			delta = low;
			break;
		case CFA_OFFSET:
			set_rule(m, low, (struct cfi_rule){ .kind = CFI_OFFSET, .offset = scaled(m, take_uleb(c)) });
			continue;
		case CFA_RESTORE:
			if (low < ARCH_DWARF_REGS)
				m->row.rules[low] = m->initial.rules[low];
			continue;
		}
		switch (op) {
		case CFA_NOP:
			continue;
		case CFA_GNU_ARGS_SIZE:
			take_uleb(c);
			continue;
		case CFA_REMEMBER_STATE:
			run_state(m, c, false);
			continue;
		case CFA_RESTORE_STATE:
			run_state(m, c, true);
			continue;
		case CFA_DEF_CFA:
		case CFA_DEF_CFA_SF:
		case CFA_DEF_CFA_REGISTER:
		case CFA_DEF_CFA_OFFSET:
		case CFA_DEF_CFA_OFFSET_SF:
		case CFA_DEF_CFA_EXPRESSION:
			run_cfa_rule(m, c, op);
			continue;
		case CFA_ADVANCE_LOC:
			break;
		case CFA_ADVANCE_LOC1:
			delta = take(c, 1);
			break;
		case CFA_ADVANCE_LOC2:
			delta = take(c, 2);
			break;
		case CFA_ADVANCE_LOC4:
			delta = take(c, 4);
			break;
		case CFA_SET_LOC:
			delta = (take_encoded(c, m->cie->fde_encoding, 0) - m->loc) /
			        (m->cie->code_align ? m->cie->code_align : 1);
			break;
		default:
			run_register_rule(m, c, op);
			continue;
		}
		m->loc += delta * m->cie->code_align;
		if (m->loc > pc)
			break;
	}
	return !c->bad;
}

/* Opens the FDE and leaves c behind its address range. */
static bool fde_open(const uint8_t *fde, struct cursor *c, struct cie *cie, uintptr_t *start, uintptr_t *range)
{
	const uint8_t *cie_at;
	uint32_t back;

	if (!entry_open(fde, c))
		return false;
	cie_at = c->p;
	back = (uint32_t)take(c, 4);
	if (back == 0 || !cie_read(cie_at - back, cie))
		return false;
	*start = take_encoded(c, cie->fde_encoding, 0);
	*range = take_encoded(c, cie->fde_encoding & 0x0f, 0);
	return !c->bad;
}

static bool fde_range(const uint8_t *fde, uintptr_t *start, uintptr_t *range)
{
	struct cursor c;
	struct cie cie;

	return fde_open(fde, &c, &cie, start, range);
}

static bool fde_run(const uint8_t *fde, uintptr_t pc, struct machine *m)
{
	struct cursor c, initial;
	struct cie cie;
	uintptr_t start, range;

	if (!fde_open(fde, &c, &cie, &start, &range) || pc - start >= range)
		return false;
	if (cie.has_augmentation)
		take_block(&c);
	m->cie = &cie;
	m->loc = start;
	m->row.signal_frame = cie.signal_frame;
	m->row.fde = fde;
	mem_set(&m->initial, 0, sizeof(m->initial)); /* until it is known: a broken CIE may restore from it */
	initial = (struct cursor){ cie.code, cie.code_end, false };
	if (c.bad || !run(m, &initial, UINTPTR_MAX))
		return false;
	mem_copy(&m->initial, &m->row, sizeof(m->row));
	return run(m, &c, pc);
}

/* *fde is NULL when no FDE may describe pc. False: no module has pc. */
static bool fde_find(uintptr_t pc, const uint8_t **fde)
{
	struct dl_find_object found, tables;

	if (!modules_usable() || _dl_find_object((void *)pc, &found) != 0)
		return false;
	if (!found.dlfo_eh_frame) {
		*fde = cfi_static_search(pc, found.dlfo_link_map->l_addr, fde_range);
		return true;
	}
	/* A module with gaps between its segments has a range for each. */
	tables = found;
	if (unlikely((uintptr_t)found.dlfo_eh_frame - (uintptr_t)found.dlfo_map_start >=
	             (uintptr_t)found.dlfo_map_end - (uintptr_t)found.dlfo_map_start) &&
	    _dl_find_object(found.dlfo_eh_frame, &tables) != 0)
		tables = found;
	*fde = fde_search(found.dlfo_eh_frame, (uintptr_t)tables.dlfo_map_start, (uintptr_t)tables.dlfo_map_end, pc);
	return true;
}

bool unwind_function_at(uintptr_t pc, uintptr_t *start, size_t *size)
{
	const uint8_t *fde;

	return fde_find(pc, &fde) && fde && fde_range(fde, start, size) && pc - *start < *size;
}

bool cfi_each_function(const void *hdr_start, uintptr_t lo, uintptr_t hi,
                       bool (*each)(void *ctx, uintptr_t start, size_t size), void *ctx)
{
	const uint8_t *hdr = hdr_start;
	const struct hdr_row *rows;
	uintptr_t start, size;
	size_t count;

	rows = hdr_rows_inside(hdr, lo, hi, &count);
	if (!rows)
		return false;
	for (size_t i = 0; i < count; i++)
		if (fde_inside(hdr + rows[i].fde, lo, hi) && fde_range(hdr + rows[i].fde, &start, &size) && size &&
		    !each(ctx, start, size))
			break;
	return true;
}

enum cfi_found cfi_find_row(uintptr_t pc, struct cfi_row *row)
{
	const uint8_t *fde;
	struct machine m;

	if (!fde_find(pc, &fde))
		return CFI_NO_MODULE;
	if (!fde)
		return CFI_NO_ROW;
	mem_set(&m.row, 0, sizeof(m.row));
	m.nr_remembered = 0;
	if (!fde_run(fde, pc, &m))
		return CFI_NO_ROW;
	mem_copy(row, &m.row, sizeof(*row));
	return CFI_FOUND;
}

/* ---- expressions ----------------------------------------------------------------------------- */

static struct cursor expression_open(const uint8_t *expr)
{
	struct cursor c = { expr, expr + 10, false };
	uint64_t bytes = take_uleb(&c);

	c.end = c.p + bytes;
	return c;
}

bool cfi_expression_simple(const uint8_t *expr, uint8_t *reg, int32_t *offset, bool *deref)
{
	struct cursor c = expression_open(expr);
	uint8_t op = (uint8_t)take(&c, 1);

	if (op < OP_BREG0 || op >= OP_BREG0 + ARCH_DWARF_REGS)
		return false;
	*reg = op - OP_BREG0;
	*offset = (int32_t)take_sleb(&c);
	*deref = c.p < c.end;
	if (*deref && take(&c, 1) != OP_DEREF)
		return false;
	return !c.bad && c.p == c.end;
}

#define EXPR_STACK 32
#define EXPR_STEPS 1000 /* against a loop made of OP_SKIP */

struct evaluation {
	uintptr_t stack[EXPR_STACK];
	unsigned depth;
	bool bad;
};

static void push(struct evaluation *e, uintptr_t v)
{
	if (e->depth == EXPR_STACK)
		e->bad = true;
	else
		e->stack[e->depth++] = v;
}

static uintptr_t pop(struct evaluation *e)
{
	if (e->depth == 0) {
		e->bad = true;
		return 0;
	}
	return e->stack[--e->depth];
}

static void push_register(struct evaluation *e, const struct cfi_regs *regs, uint64_t reg, int64_t offset)
{
	if (reg >= ARCH_DWARF_REGS || !(regs->known & 1u << reg))
		e->bad = true;
	else
		push(e, regs->r[reg] + (uintptr_t)offset);
}

static bool evaluate_binary(struct evaluation *e, uint8_t op)
{
	uintptr_t b = pop(e), a = pop(e), r;
	intptr_t sa = (intptr_t)a, sb = (intptr_t)b;

	switch (op) {
	case OP_AND:
		r = a & b;
		break;
	case OP_OR:
		r = a | b;
		break;
	case OP_XOR:
		r = a ^ b;
		break;
	case OP_PLUS:
		r = a + b;
		break;
	case OP_MINUS:
		r = a - b;
		break;
	case OP_MUL:
		r = a * b;
		break;
	case OP_DIV:
		r = sb ? (uintptr_t)(sb == -1 ? (intptr_t)(0 - a) : sa / sb) : 0;
		e->bad |= !sb;
		break;
	case OP_MOD:
		r = b ? a % b : 0;
		e->bad |= !b;
		break;
	case OP_SHL:
		r = b < 64 ? a << b : 0;
		break;
	case OP_SHR:
		r = b < 64 ? a >> b : 0;
		break;
	case OP_SHRA:
		r = (uintptr_t)(sa >> (b < 64 ? b : 63));
		break;
	case OP_EQ:
		r = a == b;
		break;
	case OP_NE:
		r = a != b;
		break;
	case OP_GE:
		r = sa >= sb;
		break;
	case OP_GT:
		r = sa > sb;
		break;
	case OP_LE:
		r = sa <= sb;
		break;
	case OP_LT:
		r = sa < sb;
		break;
	default:
		return false;
	}
	push(e, r);
	return true;
}

static bool evaluate_stack_op(struct evaluation *e, struct cursor *c, uint8_t op)
{
	uintptr_t a, b, d;

	switch (op) {
	case OP_DUP:
		a = pop(e);
		push(e, a);
		push(e, a);
		return true;
	case OP_DROP:
		pop(e);
		return true;
	case OP_OVER:
		op = 1;
		break;
	case OP_PICK:
		op = (uint8_t)take(c, 1);
		break;
	case OP_SWAP:
		a = pop(e);
		b = pop(e);
		push(e, a);
		push(e, b);
		return true;
	case OP_ROT:
		a = pop(e);
		b = pop(e);
		d = pop(e);
		push(e, a);
		push(e, d);
		push(e, b);
		return true;
	case OP_ABS:
		a = pop(e);
		push(e, (intptr_t)a < 0 ? 0 - a : a);
		return true;
	case OP_NEG:
		push(e, 0 - pop(e));
		return true;
	case OP_NOT:
		push(e, ~pop(e));
		return true;
	default:
		return false;
	}
	if (op >= e->depth)
		e->bad = true;
	else
		push(e, e->stack[e->depth - 1 - op]);
	return true;
}

static bool evaluate_constant(struct evaluation *e, struct cursor *c, uint8_t op)
{
	if (op >= OP_LIT0 && op <= OP_LIT31) {
		push(e, op - OP_LIT0);
		return true;
	}
	switch (op) {
	case OP_ADDR:
	case OP_CONST8U:
	case OP_CONST8S:
		push(e, take(c, 8));
		return true;
	case OP_CONST1U:
		push(e, take(c, 1));
		return true;
	case OP_CONST1S:
		push(e, (uintptr_t)take_signed(c, 1));
		return true;
	case OP_CONST2U:
		push(e, take(c, 2));
		return true;
	case OP_CONST2S:
		push(e, (uintptr_t)take_signed(c, 2));
		return true;
	case OP_CONST4U:
		push(e, take(c, 4));
		return true;
	case OP_CONST4S:
		push(e, (uintptr_t)take_signed(c, 4));
		return true;
	case OP_CONSTU:
		push(e, take_uleb(c));
		return true;
	case OP_CONSTS:
		push(e, (uintptr_t)take_sleb(c));
		return true;
	case OP_PLUS_UCONST:
		push(e, pop(e) + take_uleb(c));
		return true;
	default:
		return false;
	}
}

static void evaluate_branch(struct evaluation *e, struct cursor *c, const uint8_t *start, bool taken)
{
	int64_t by = take_signed(c, 2);

	if (!taken)
		return;
	if (by < start - c->p || by > c->end - c->p)
		e->bad = true;
	else
		c->p += by;
}

bool cfi_evaluate(const uint8_t *expr, const struct cfi_regs *regs, const uintptr_t *initial, struct stack_view *view,
                  uintptr_t *result)
{
	struct cursor c = expression_open(expr);
	const uint8_t *start = c.p;
	struct evaluation e;
	uintptr_t word;

	e.depth = 0; /* not an initialiser: it would clear the whole stack by a call of memset */
	e.bad = false;
	if (initial)
		push(&e, *initial);
	for (unsigned steps = 0; c.p < c.end && !c.bad && !e.bad && steps < EXPR_STEPS; steps++) {
		uint8_t op = (uint8_t)take(&c, 1);
		if (op >= OP_BREG0 && op <= OP_BREG31)
			push_register(&e, regs, op - OP_BREG0, take_sleb(&c));
		else if (op == OP_BREGX) {
			uint64_t reg = take_uleb(&c);
			push_register(&e, regs, reg, take_sleb(&c));
		} else if (op == OP_DEREF) {
			if (!stack_read(view, pop(&e), &word))
				return false;
			push(&e, word);
		} else if (op == OP_SKIP || op == OP_BRA) {
			evaluate_branch(&e, &c, start, op == OP_SKIP || pop(&e) != 0);
		} else if (op != OP_NOP && !evaluate_constant(&e, &c, op) && !evaluate_stack_op(&e, &c, op) &&
		           !evaluate_binary(&e, op)) {
			return false;
		}
	}
	*result = pop(&e);
	return !c.bad && !e.bad && c.p == c.end;
}
