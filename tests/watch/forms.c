/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/watch/forms.c - see forms.h. */
#include "config.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/watch/forms.h"

static uint64_t random_state = 1;

void form_seed(uint64_t seed)
{
	random_state = seed * 2 + 1;
}

uint64_t form_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * 0x2545f4914f6cdd1du;
}

static bool chance(unsigned one_in)
{
	return form_random() % one_in == 0;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static bool map(uintptr_t at, size_t size, int prot, int fd)
{
	int flags = MAP_FIXED_NOREPLACE | (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);

	return mmap((void *)at, size, prot, flags, fd, 0) == (void *)at;
}

bool form_set_up(void)
{
	int fd = memfd_create("data", 0);

	if (fd < 0 || ftruncate(fd, FORM_DATA_SIZE))
		return false;
	if (!map(FORM_CODE - 4096, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, -1) ||
	    !map(FORM_DATA, FORM_DATA_SIZE, PROT_READ | PROT_WRITE, fd) ||
	    !map(FORM_READ_ONLY, FORM_DATA_SIZE, PROT_READ, fd) ||
	    !map(FORM_STACK - FORM_STACK_BELOW, FORM_STACK_BELOW + FORM_STACK_SIZE, PROT_READ | PROT_WRITE, -1) ||
	    !map(FORM_PAD & ~4095u, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, -1))
		return false;
	memset((void *)(uintptr_t)(FORM_PAD & ~4095u), 0xcc, 4096);
	close(fd);
	return true;
}

void form_save_memory(uint8_t *to)
{
	memcpy(to, (void *)(uintptr_t)FORM_DATA, FORM_DATA_SIZE);
	memcpy(to + FORM_DATA_SIZE, (void *)(uintptr_t)FORM_STACK, FORM_STACK_SIZE);
}

void form_restore_memory(const uint8_t *from)
{
	memcpy((void *)(uintptr_t)FORM_DATA, from, FORM_DATA_SIZE);
	memcpy((void *)(uintptr_t)FORM_STACK, from + FORM_DATA_SIZE, FORM_STACK_SIZE);
}

void form_forget_places(struct state *s)
{
	memset(s->vectors + 6, 0, 18);
}

static void random_bytes(uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		uint64_t value = form_random();

		memcpy(to + i, &value, 8);
	}
}

void form_memory(void)
{
	random_bytes((uint8_t *)(uintptr_t)FORM_DATA, FORM_DATA_SIZE);
	random_bytes((uint8_t *)(uintptr_t)FORM_STACK, FORM_STACK_SIZE);
}

void form_place(const struct form *form)
{
	uint8_t *code = (uint8_t *)(uintptr_t)FORM_CODE;

	memset(code, 0xcc, 256);
	memcpy(code, form->code, form->insn.length);
}

/* ---- an instruction -------------------------------------------------------------------------- */

struct writer {
	uint8_t *bytes;
	size_t n;
};

static void put(struct writer *w, uint8_t byte)
{
	w->bytes[w->n++] = byte;
}

static void put_modrm(struct writer *w, const struct opcode_row *row)
{
	uint8_t modrm = (uint8_t)form_random(), sib = (uint8_t)form_random();
	unsigned disp;

	if (row->modrm_first)
		modrm = (uint8_t)(row->modrm_first + form_random() % (row->modrm_last - row->modrm_first + 1u));
	else if (row->mod == MOD_REG || (row->mod == MOD_ANY && chance(4)))
		modrm |= 0xc0;
	else if (modrm >= 0xc0)
		modrm &= 0x7f;
	if (row->extension)
		modrm = (uint8_t)((modrm & 0xc7) | ((row->extension - 1) << 3));
	if (row->special == SPECIAL_VSIB)
		modrm = (uint8_t)((modrm & 0xf8) | 4);
	put(w, modrm);
	if (modrm >= 0xc0)
		return;
	if ((modrm & 7) == 4)
		put(w, sib);
	disp = modrm >> 6 == 1                                                               ? 1
	       : modrm >> 6 == 2 || (modrm & 7) == 5 || ((modrm & 7) == 4 && (sib & 7) == 5) ? 4
	                                                                                     : 0;
	for (unsigned i = 0; i < disp; i++)
		put(w, disp == 1 || i < 1 ? (uint8_t)form_random() : 0);
}

static uint8_t escape_bits(const struct opcode_row *row)
{
	return row->prefix == PREFIX_66 ? 1 : row->prefix == PREFIX_F3 ? 2 : row->prefix == PREFIX_F2 ? 3 : 0;
}

static void put_legacy(struct writer *w, const struct opcode_row *row)
{
	if (row->prefix == PREFIX_66 || (row->prefix <= PREFIX_NOREP && chance(5)))
		put(w, 0x66);
	if (chance(16))
		put(w, 0x67);
	if (row->lockable && chance(3))
		put(w, 0xf0);
	if (row->prefix == PREFIX_F3 || (row->string && chance(3)))
		put(w, 0xf3);
	else if (row->prefix == PREFIX_F2 || (row->string && chance(3)))
		put(w, 0xf2);
	if (chance(2))
		put(w, (uint8_t)(0x40 | form_random() % 16));
	if (row->map != INSN_MAP_1)
		put(w, 0x0f);
	if (row->map >= INSN_MAP_0F38)
		put(w, row->map == INSN_MAP_0F38 ? 0x38 : 0x3a);
}

/* W and vvvv as a byte of VEX and EVEX has them. */
static uint8_t w_and_vvvv(const struct opcode_row *row, uint8_t w)
{
	uint8_t wide = w ? w - 1 : chance(2);
	uint8_t vvvv = row->vvvv ? (uint8_t)(form_random() % 16) : 15;

	return (uint8_t)(wide << 7 | vvvv << 3 | escape_bits(row));
}

static void put_vex(struct writer *w, const struct opcode_row *row)
{
	uint8_t length = row->lengths & 1 && !(row->lengths & 2) ? 0 : row->lengths == 2 ? 1 : chance(2);

	put(w, 0xc4);
	put(w, (uint8_t)((form_random() & 0xe0) | row->map));
	put(w, (uint8_t)(w_and_vvvv(row, row->vex_w) | length << 2));
}

static void put_evex(struct writer *w, const struct opcode_row *row)
{
	put(w, 0x62);
	put(w, (uint8_t)((form_random() & 0xf0) | row->map));
	put(w, (uint8_t)(w_and_vvvv(row, row->evex_w) | 4));
	put(w, (uint8_t)((form_random() & 0xf0) | (row->vvvv || row->special == SPECIAL_VSIB ? form_random() & 8 : 8) |
	                 (row->no_mask || chance(2) ? 0 : form_random() & 7)));
	/* Zeroing and broadcasts in some cases only. */
	if (!chance(4))
		w->bytes[w->n - 1] &= 0x7f;
	if (!chance(4))
		w->bytes[w->n - 1] &= (uint8_t)~0x10;
}

bool form_make(const struct opcode_row *row, struct form *form)
{
	struct writer w = { form->code, 0 };
	uint8_t encoding;

	do
		encoding = (uint8_t)(form_random() % 3);
	while (!(row->encodings & (1 << encoding)));
	if (encoding == INSN_VEX)
		put_vex(&w, row);
	else if (encoding == INSN_EVEX)
		put_evex(&w, row);
	else
		put_legacy(&w, row);
	put(&w, (uint8_t)(row->first + form_random() % (row->last - row->first + 1u)));
	if (row->modrm)
		put_modrm(&w, row);
	while (w.n < 16)
		put(&w, (uint8_t)form_random());
	/* Short jumps lead to the int3s behind; immediates may be anything else. */
	if (!x86_decode(&form->insn, form->code, 15, FORM_CODE))
		return false;
	if (form->insn.target)
		for (unsigned i = 0; i < form->insn.imm_size; i++)
			form->code[form->insn.imm_offset + i] = i ? 0 : (uint8_t)(8 + form_random() % 64);
	form->row = row;
	return x86_decode(&form->insn, form->code, 15, FORM_CODE);
}

static bool is_opcode(const struct form *form, unsigned map, unsigned opcode)
{
	return form->insn.map == map && form->insn.opcode == opcode && form->insn.encoding == INSN_LEGACY;
}

/* rdtsc, rdtscp, rdrand, rdseed, rdpid, cpuid; xsave writes what changed since xrstor. */
bool form_repeats(const struct form *form)
{
	bool random = is_opcode(form, INSN_MAP_0F, 0xc7) && form->insn.modrm >= 0xc0;
	bool counter = is_opcode(form, INSN_MAP_0F, 0x31) ||
	               (is_opcode(form, INSN_MAP_0F, 0x01) && form->insn.modrm == 0xf9);

	return !random && !counter && !is_opcode(form, INSN_MAP_0F, 0xa2) &&
	       !(form->insn.nr_mem && form->insn.mem[0].extent == INSN_VARIES);
}

/* Not: system calls, other privileges and segments (iret, lret), a change of protection keys. */
bool form_harmless(const struct form *form)
{
	bool returns = is_opcode(form, INSN_MAP_1, 0xca) || is_opcode(form, INSN_MAP_1, 0xcb) ||
	               is_opcode(form, INSN_MAP_1, 0xcf);
	bool keys = is_opcode(form, INSN_MAP_0F, 0x01) && form->insn.modrm == 0xef;
	/* It may change protection keys as well. */
	bool restores = is_opcode(form, INSN_MAP_0F, 0xae) && (form->insn.modrm >> 3 & 7) == 5 && form->insn.nr_mem;

	return form->insn.flow != INSN_SYSCALL && !returns && !keys && !restores;
}

/* ---- registers ------------------------------------------------------------------------------- */

static void random_vectors(uint8_t *to, size_t n, unsigned kind)
{
	for (size_t i = 0; i + 4 <= n; i += 4) {
		uint32_t value = (uint32_t)form_random();

		if (kind == 0)
			value = i % 8 ? 0 : value % 64; /* small indices */
		else if (kind == 1)
			value = 0x3f800000 + value % 0x1000000; /* small floating point numbers */
		memcpy(to + i, &value, 4);
	}
}

void form_registers(struct state *state)
{
	uint64_t features = 3;
	unsigned kind = (unsigned)(form_random() % 3);

	*state = processor_host;
	for (int i = 0; i < 16; i++) {
		state->gpr[i] = form_random();
		if (chance(3))
			state->gpr[i] %= 256;
		else if (chance(6))
			state->gpr[i] = 0;
	}
	state->gpr[INSN_RCX] %= 16;
	state->gpr[INSN_RSP] = FORM_RSP;
	state->flags = FLAGS_FIXED | (form_random() & INSN_ARITHMETIC) | (chance(8) ? INSN_DF : 0);
	state->rip = FORM_CODE;
	/* x87 (valid numbers, or mmx), then xmm and up. */
	for (int i = 0; i < 8; i++)
		random_vectors(state->vectors + 32 + 16 * i, 8, kind);
	state->vectors[4] = chance(2) ? 0xff : 0;
	random_vectors(state->vectors + 160, 256, kind);
	if (processor_ymm) {
		random_vectors(state->vectors + processor_ymm, 256, kind);
		features |= 4;
	}
	if (processor_k && processor_zmm_high && processor_zmm16) {
		random_vectors(state->vectors + processor_k, 64, 2);
		random_vectors(state->vectors + processor_zmm_high, 512, kind);
		random_vectors(state->vectors + processor_zmm16, 1024, kind);
		features |= 0xe0;
	}
	for (int i = 0; i < 8; i++)
		state->vectors[512 + i] |= (uint8_t)(features >> (8 * i));
}

/* Writes a displacement into the code. */
static void set_disp(struct form *form, int64_t disp)
{
	memcpy(form->code + form->insn.disp_offset, &disp, form->insn.disp_size);
	x86_decode(&form->insn, form->code, 15, FORM_CODE);
}

/* Bit numbers that stay near. */
static void tame_bits(const struct form *form, struct state *state)
{
	if (form->insn.mem[0].extent == INSN_BITS && form->insn.reg < 16)
		state->gpr[form->insn.reg] %= 128;
}

bool form_aim(struct form *form, struct state *state, uintptr_t address)
{
	const struct insn_mem *m = &form->insn.mem[0];
	uint64_t wanted = address, index = 0;

	if (!form->insn.nr_mem)
		return false;
	for (unsigned i = 1; i < form->insn.nr_mem; i++)
		if (form->insn.mem[i].base < 16)
			state->gpr[form->insn.mem[i].base] = FORM_DATA + FORM_DATA_SIZE / 4 + form_random() % 64;
	tame_bits(form, state);
	if (m->base == INSN_RIP) {
		set_disp(form, (int64_t)(address - FORM_CODE - form->insn.length));
		return true;
	}
	if (form->row->special == SPECIAL_VSIB)
		wanted -= (uint64_t)m->disp; /* plus what the indices say */
	else if (m->index < 16 && m->base < 16 && m->index != m->base) {
		index = state->gpr[m->index] %= 64;
		if (form->insn.mem[0].extent == INSN_BITS && m->base == form->insn.reg)
			return false;
		wanted -= (uint64_t)m->disp + index * m->scale;
	} else if (m->index < 16) {
		unsigned times = m->scale + (m->base < 16 ? 1u : 0);

		wanted -= (uint64_t)m->disp;
		if (wanted % times || (int64_t)wanted < 0)
			return false;
		state->gpr[m->index] = wanted / times;
		return m->index != INSN_RSP;
	} else if (m->base >= 16) {
		set_disp(form, (int64_t)address);
		return form->insn.disp_size >= 4;
	} else
		wanted -= (uint64_t)m->disp;
	if (m->base < 16) {
		state->gpr[m->base] = wanted;
		return !(m->extent == INSN_BITS && m->base == form->insn.reg);
	}
	if (form->insn.disp_size < 4)
		return false;
	set_disp(form, (int64_t)address);
	return true;
}

/* Where control goes by memory or a register, it goes to the pad. */
static bool set_goal(struct form *form, struct state *s, uintptr_t address)
{
	uint64_t pad = FORM_PAD;

	if (form->insn.stack && s->gpr[INSN_RSP] != FORM_RSP)
		return false;
	memcpy((void *)(uintptr_t)(FORM_RSP), &pad, 8);
	if (form->insn.flow == INSN_JMP_MEM || form->insn.flow == INSN_CALL_MEM)
		memcpy((void *)address, &pad, 8);
	if (form->insn.flow == INSN_JMP_REG || form->insn.flow == INSN_CALL_REG) {
		if (form->insn.rm == INSN_RSP)
			return false;
		s->gpr[form->insn.rm] = pad;
	}
	return true;
}

/* ldmxcsr and fxrstor refuse most values. */
static void set_operand(const struct form *form, uintptr_t address)
{
	const struct insn *x = &form->insn;
	uint32_t mxcsr = 0x1f80;

	if (x->map != INSN_MAP_0F || x->opcode != 0xae || !(x->mem[0].access & INSN_READ))
		return;
	if (x->mem[0].size == 4)
		memcpy((void *)address, &mxcsr, 4);
	else if (x->mem[0].size == 512)
		memcpy((void *)address, processor_host.vectors, 512);
}

bool form_prepare(struct form *form, struct state *state)
{
	const struct insn *x = &form->insn;
	uintptr_t address = FORM_DATA + FORM_DATA_SIZE / 2;

	form_registers(state);
	form_memory();
	if (x->nr_mem && !form_aim(form, state, address))
		return false;
	if (x->stack && x->nr_mem && x->mem[0].base == INSN_RSP)
		return false;
	/* Nothing that sets rsp to anything. */
	if (!x->stack && x->kills >> INSN_RSP & 1)
		return false;
	if (chance(4))
		memset((void *)address, 0, 64);
	if (!set_goal(form, state, address))
		return false;
	set_operand(form, address);
	if (x->stack && !x->nr_mem)
		state->gpr[INSN_RBP] = state->gpr[INSN_RSP];
	return true;
}
