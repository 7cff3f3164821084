/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/encode.h - the few instructions that the copier writes by itself. */
#ifndef MEMSAN_WATCH_ENCODE_H
#define MEMSAN_WATCH_ENCODE_H

#include "watch/arch/x86_64/insn.h"

/* Code that is being written.  Without room for ROOM_MARGIN more bytes nothing may be added (code_has_room). */
struct code {
	uint8_t *start, *at, *end;
	uintptr_t pc; /* at which `start` will run */
};
#define ROOM_MARGIN 256

static inline bool code_has_room(const struct code *c, size_t size)
{
	return (size_t)(c->end - c->at) >= size + ROOM_MARGIN;
}

static inline uint32_t code_offset(const struct code *c)
{
	return (uint32_t)(c->at - c->start);
}

static inline uintptr_t code_pc(const struct code *c)
{
	return c->pc + code_offset(c);
}

static inline void put8(struct code *c, unsigned v)
{
	*c->at++ = (uint8_t)v;
}

static inline void put32(struct code *c, uint32_t v)
{
	mem_copy(c->at, &v, sizeof(v));
	c->at += sizeof(v);
}

static inline void put_bytes(struct code *c, const uint8_t *p, size_t n)
{
	mem_copy(c->at, p, n);
	c->at += n;
}

/* Is v what 32 bits, sign-extended, can say? */
static inline bool fits32(int64_t v)
{
	return v == (int32_t)v;
}

static inline bool fits8(int64_t v)
{
	return v == (int8_t)v;
}

/* modrm, SIB and displacement of a memory operand; index may not be rsp. */
static inline void put_operand(struct code *c, unsigned reg, uint8_t base, uint8_t index, uint8_t scale, int32_t disp)
{
	unsigned ss = scale == 8 ? 3 : scale == 4 ? 2 : scale == 2 ? 1 : 0;
	unsigned mod = disp == 0 && (base & 7) != 5 ? 0 : fits8(disp) ? 1 : 2;
	unsigned x = index == INSN_NO_REG ? 4 : index & 7u;

	reg = (reg & 7) << 3;
	if (base == INSN_NO_REG) {
		put8(c, reg | 4);
		put8(c, ss << 6 | x << 3 | 5);
		put32(c, (uint32_t)disp);
		return;
	}
	if (index != INSN_NO_REG || (base & 7) == 4) {
		put8(c, mod << 6 | reg | 4);
		put8(c, ss << 6 | x << 3 | (base & 7u));
	} else {
		put8(c, mod << 6 | reg | (base & 7u));
	}
	if (mod == 1)
		put8(c, (unsigned)disp & 0xff);
	else if (mod == 2)
		put32(c, (uint32_t)disp);
}

static inline unsigned rex(bool w, unsigned reg, uint8_t index, uint8_t base)
{
	return 0x40u | (w ? 8 : 0) | (reg >= 8 ? 4 : 0) | (index != INSN_NO_REG && index >= 8 ? 2 : 0) |
	       (base != INSN_NO_REG && base >= 8 ? 1 : 0);
}

static inline void put_lea(struct code *c, unsigned reg, uint8_t base, uint8_t index, uint8_t scale, int32_t disp)
{
	put8(c, rex(true, reg, index, base));
	put8(c, 0x8d);
	put_operand(c, reg, base, index, scale, disp);
}

static inline void put_shr3(struct code *c, unsigned reg)
{
	put8(c, rex(true, 0, INSN_NO_REG, (uint8_t)reg));
	put8(c, 0xc1);
	put8(c, 0xe8 | (reg & 7));
	put8(c, 3);
}

/* cmp $0 with `width` bytes (1, 2, 4, 8) at disp(reg) */
static inline void put_cmp0(struct code *c, unsigned width, uint8_t reg, int32_t disp)
{
	unsigned prefix = rex(width == 8, 0, INSN_NO_REG, reg);

	if (width == 2)
		put8(c, 0x66);
	if (prefix != 0x40)
		put8(c, prefix);
	put8(c, width == 1 ? 0x80 : 0x83);
	put_operand(c, 7, reg, INSN_NO_REG, 1, disp);
	put8(c, 0);
}

static inline void put_push(struct code *c, unsigned reg)
{
	if (reg >= 8)
		put8(c, 0x41);
	put8(c, 0x50 | (reg & 7));
}

static inline void put_pop(struct code *c, unsigned reg)
{
	if (reg >= 8)
		put8(c, 0x41);
	put8(c, 0x58 | (reg & 7));
}

/* and $imm,reg; cmp $imm,reg: 32 bits of it */
static inline void put_small(struct code *c, unsigned operation, unsigned reg, unsigned imm)
{
	if (reg >= 8)
		put8(c, 0x41);
	put8(c, 0x83);
	put8(c, 0xc0 | operation << 3 | (reg & 7));
	put8(c, imm);
}

static inline void put_and(struct code *c, unsigned reg, unsigned imm)
{
	put_small(c, 4, reg, imm);
}

static inline void put_cmp(struct code *c, unsigned reg, unsigned imm)
{
	put_small(c, 7, reg, imm);
}

/* cmp of the byte at disp(base) with reg's low byte */
static inline void put_cmp_byte(struct code *c, uint8_t base, int32_t disp, unsigned reg)
{
	put8(c, rex(false, reg, INSN_NO_REG, base));
	put8(c, 0x38);
	put_operand(c, reg, base, INSN_NO_REG, 1, disp);
}

/* Flags into ah and al (rax), and back. */
static inline void put_save_flags(struct code *c)
{
	put8(c, 0x9f); /* lahf */
	put8(c, 0x0f); /* seto %al */
	put8(c, 0x90);
	put8(c, 0xc0);
}

static inline void put_restore_flags(struct code *c)
{
	put8(c, 0x04); /* add $0x7f,%al: overflows when al is 1 */
	put8(c, 0x7f);
	put8(c, 0x9e); /* sahf */
}

static inline void put_move_rsp(struct code *c, int32_t by)
{
	put_lea(c, INSN_RSP, INSN_RSP, INSN_NO_REG, 1, by);
}

/* A rel32 that leads to `target`; at its end the instruction ends too.  False: too far. */
static inline bool put_rel32(struct code *c, uintptr_t target)
{
	int64_t distance = (int64_t)(target - (code_pc(c) + 4));

	put32(c, (uint32_t)distance);
	return fits32(distance);
}

static inline bool put_jmp(struct code *c, uintptr_t target)
{
	put8(c, 0xe9);
	return put_rel32(c, target);
}

static inline bool put_call(struct code *c, uintptr_t target)
{
	put8(c, 0xe8);
	return put_rel32(c, target);
}

#endif
