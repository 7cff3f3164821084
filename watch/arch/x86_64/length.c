/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/length.c - only the length of an instruction, for walks over much code at the start.
 *
 * The tables name the opcodes of ordinary compiled code; whatever they do not name, x86_decode answers for.  They may
 * know an instruction that x86_decode does not. */
#include "watch/arch/x86_64/insn.h"

enum {
	NAMED = 0x1, /* the other bits tell all about the opcode */
	MODRM = 0x2,
	IMM8 = 0x4,
	IMM32 = 0x8, /* 16 bits with the prefix 66: left to x86_decode */
	TEST = 0x10  /* the immediate is there when modrm's reg is 0 or 1 */
};

#define N NAMED
#define M (NAMED | MODRM)
#define B (NAMED | IMM8)
#define W (NAMED | IMM32)
#define MB (M | B)
#define MW (M | W)
#define OPCODES_8(o) [o] = M, [(o) + 1] = M, [(o) + 2] = M, [(o) + 3] = M, [(o) + 4] = B, [(o) + 5] = W

static const uint8_t one_byte[256] = {
	OPCODES_8(0x00),     OPCODES_8(0x08),      OPCODES_8(0x10),     OPCODES_8(0x18),     OPCODES_8(0x20),
	OPCODES_8(0x28),     OPCODES_8(0x30),      OPCODES_8(0x38),     [0x50 ... 0x5f] = N, [0x63] = M,
	[0x68] = W,          [0x69] = MW,          [0x6a] = B,          [0x6b] = MB,         [0x70 ... 0x7f] = B,
	[0x80] = MB,         [0x81] = MW,          [0x83] = MB,         [0x84 ... 0x8b] = M, [0x8d] = M,
	[0x90 ... 0x99] = N, [0xa4 ... 0xa7] = N,  [0xa8] = B,          [0xa9] = W,          [0xaa ... 0xaf] = N,
	[0xb0 ... 0xb7] = B, [0xc0 ... 0xc1] = MB, [0xc3] = N,          [0xc6] = MB,         [0xc7] = MW,
	[0xc9] = N,          [0xcc] = N,           [0xd0 ... 0xd3] = M, [0xd8 ... 0xdf] = M, [0xe8 ... 0xe9] = W,
	[0xeb] = B,          [0xf4] = N,           [0xf6] = MB | TEST,  [0xf7] = MW | TEST,  [0xfe ... 0xff] = M,
};

static const uint8_t two_bytes[256] = {
	[0x05] = N,          [0x0b] = N,           [0x10 ... 0x17] = M, [0x1f] = M,          [0x28 ... 0x2f] = M,
	[0x40 ... 0x6f] = M, [0x70 ... 0x73] = MB, [0x74 ... 0x76] = M, [0x7e ... 0x7f] = M, [0x80 ... 0x8f] = W,
	[0x90 ... 0x9f] = M, [0xa2] = N,           [0xa3] = M,          [0xa4] = MB,         [0xa5] = M,
	[0xab] = M,          [0xac] = MB,          [0xad] = M,          [0xaf ... 0xb1] = M, [0xb3] = M,
	[0xb6 ... 0xb7] = M, [0xba] = MB,          [0xbb ... 0xc1] = M, [0xc2] = MB,         [0xc4 ... 0xc6] = MB,
	[0xc8 ... 0xcf] = N, [0xd1 ... 0xfe] = M,
};

/* Behind modrm: SIB and displacement. */
static unsigned operand_length(const uint8_t *modrm)
{
	unsigned mod = *modrm >> 6, rm = *modrm & 7;

	if (mod == 3)
		return 0;
	if (rm == 4)
		return 1 + (mod == 1 ? 1 : mod == 2 || (modrm[1] & 7) == 5 ? 4 : 0);
	return mod == 1 ? 1 : mod == 2 || rm == 5 ? 4 : 0;
}

/* 0: not known here.  15 bytes can be read. */
static unsigned quick_length(const uint8_t *code)
{
	const uint8_t *p = code;
	bool operand16 = false;
	unsigned shape;

	for (; *p == 0x66 || *p == 0xf2 || *p == 0xf3; p++) {
		if (p - code == 3)
			return 0;
		operand16 |= *p == 0x66;
	}
	if ((*p & 0xf8) == 0x48 && (p[1] & 0xf8) == 0xb8) /* mov $64 bits */
		return (unsigned)(p - code) + 10;
	if ((*p & 0xf0) == 0x40)
		p++;
	if (*p == 0x0f)
		shape = two_bytes[*++p];
	else
		shape = (*p & 0xf8) == 0xb8 ? W : one_byte[*p];
	if (!(shape & NAMED) || (operand16 && (shape & IMM32)))
		return 0;
	p++;
	if ((shape & TEST) && (*p & 0x38) > 0x08)
		shape = M;
	if (shape & MODRM)
		p += 1 + operand_length(p);
	p += (shape & IMM8 ? 1 : 0) + (shape & IMM32 ? 4 : 0);
	return p - code > 15 ? 0 : (unsigned)(p - code);
}

/* Of what quick_length knows: calls, returns, jumps that are not conditional, traps. */
static bool may_leave(const uint8_t *code)
{
	while (*code == 0x66 || *code == 0xf2 || *code == 0xf3)
		code++;
	if ((*code & 0xf0) == 0x40)
		code++;
	switch (*code) {
	case 0x0f:
		return code[1] == 0x0b;
	case 0xc3:
	case 0xcc:
	case 0xe8:
	case 0xe9:
	case 0xeb:
	case 0xf4:
	case 0xff:
		return true;
	default:
		return false;
	}
}

unsigned x86_length_if_goes_on(const uint8_t *code, size_t size)
{
	return size >= 15 && !may_leave(code) ? quick_length(code) : 0;
}

unsigned x86_length(const uint8_t *code, size_t size, uintptr_t pc)
{
	unsigned n = size >= 15 ? quick_length(code) : 0;
	struct insn x;

	if (n)
		return n;
	return x86_decode(&x, code, size, pc) ? x.length : 0;
}
