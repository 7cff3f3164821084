/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/opcodes.h - the table of opcodes, as rows that the decoder searches. */
#ifndef MEMSAN_WATCH_OPCODES_H
#define MEMSAN_WATCH_OPCODES_H

#include "watch/arch/x86_64/insn.h"

enum row_encoding { ROW_LEGACY = 1 << INSN_LEGACY, ROW_VEX = 1 << INSN_VEX, ROW_EVEX = 1 << INSN_EVEX };

/* The prefix that chooses between instructions of one opcode.  With VEX and EVEX it is a field. */
enum row_prefix {
	PREFIX_ANY,   /* 66 is the operand size, F2 and F3 mean nothing */
	PREFIX_NOREP, /* 66 is the operand size; no F2, no F3 */
	PREFIX_NP,    /* none of the three */
	PREFIX_66,
	PREFIX_F3,
	PREFIX_F2
};

/* Sizes of operands: a number of bytes, or one of these. */
enum row_size {
	SIZE_V = 0x1000, /* 8 with REX.W, 2 with prefix 66, else 4 */
	SIZE_Y,          /* 8 with W, else 4 */
	SIZE_64,         /* 2 with prefix 66, else 8 */
	SIZE_VL,         /* the length of vectors */
	SIZE_VL2,        /* half of it, a quarter, an eighth */
	SIZE_VL4,
	SIZE_VL8,
	SIZE_DUP, /* movddup: 8 of 16 bytes, else the length of vectors */
	SIZE_CX   /* cmpxchg16b, cmpxchg8b */
};

enum row_imm {
	IMM_NONE,
	IMM_8,
	IMM_16,
	IMM_32,    /* 2 bytes with prefix 66, else 4 */
	IMM_FULL,  /* of the operand's size, up to 8 */
	IMM_ENTER, /* 2 bytes and 1 */
	IMM_OFFSET /* an address of 8 bytes, 4 with prefix 67 */
};

enum row_mod { MOD_ANY, MOD_MEM, MOD_REG };

enum row_vvvv { VVVV_NONE, VVVV_VECTOR, VVVV_GPR_READ, VVVV_GPR_WRITE };

enum row_special {
	SPECIAL_NONE,
	SPECIAL_ZERO,    /* xor, sub: the result does not depend on a register that is both operands */
	SPECIAL_SHIFT,   /* by an immediate: with 0, flags stay; OF is defined for 1 only */
	SPECIAL_ROTATE,  /* the same; other flags than CF and OF stay */
	SPECIAL_SHIFT_1, /* by 1 */
	SPECIAL_ROTATE_1,
	SPECIAL_SHIFT_CL, /* by cl: flags may stay */
	SPECIAL_ROTATE_CL,
	SPECIAL_CONDITION, /* reads the flags that the opcode's low bits name */
	SPECIAL_NOP90,     /* nop, or xchg with r8 */
	SPECIAL_RDI,       /* accesses [rdi]: maskmovq, maskmovdqu */
	SPECIAL_XLAT,
	SPECIAL_MOVS,
	SPECIAL_CMPS,
	SPECIAL_STOS, /* writes [rdi] */
	SPECIAL_SCAS, /* reads [rdi] */
	SPECIAL_LODS,
	SPECIAL_VSIB, /* index is a vector */
	SPECIAL_ENDBR
};

/* What `size` and `access` fields mean for a register operand also holds for a memory operand in its place, unless
 * rm_reg_size says otherwise. */
struct opcode_row {
	uint8_t map, first, last; /* opcodes first to last of a map */
	uint8_t encodings;        /* enum row_encoding */
	uint8_t prefix;
	uint8_t mod;
	uint8_t extension;   /* 1 + the only value of modrm.reg; 0: any */
	uint8_t modrm_first; /* only these values of modrm; 0: any */
	uint8_t modrm_last;
	bool modrm; /* there is a modrm byte */
	uint8_t imm;
	uint8_t flow;
	/* modrm's memory or register */
	uint8_t rm_access;
	bool rm_gpr; /* the register is a general one */
	uint16_t rm_size, rm_reg_size;
	uint8_t extent;
	/* modrm.reg as a general register */
	uint8_t reg_access;
	uint16_t reg_size;
	/* the register in the opcode's low bits */
	uint8_t low_access;
	uint16_t low_size;
	/* implicit registers; killed: in operands of 4 and 8 bytes */
	uint16_t reads, writes, kills;
	uint16_t flags_read, flags_written, flags_undefined;
	uint8_t special;
	bool lockable, stack, string;
	bool maybe;     /* registers that it writes may also keep their values */
	bool default64; /* the operand size is 8 without REX.W */
	/* VEX and EVEX */
	uint8_t vvvv;
	uint8_t vex_w, evex_w; /* 1 + the only value of W; 0: any */
	uint8_t lengths;       /* 1: 128 bits, 2: 256, 4: 512; 0: any */
	bool scalar;           /* the length means nothing */
	uint8_t broadcast;     /* an element's size; ROW_BROADCAST_W: 8 with W, else 4 */
	bool rounding;         /* the register form may have EVEX.b */
	bool no_mask, no_zeroing, needs_mask;
	bool mask_register, mask_vvvv; /* modrm.reg, vvvv are mask registers: k0 to k7 */
	bool mask_result;              /* modrm.reg is, with EVEX */
	uint8_t disp8; /* the unit of an EVEX displacement of 8 bits, if it is not the access's size (Y: by W) */
};
/* elements.c.  The size of the elements of a memory operand that a register k of AVX-512 chooses. 0: not known. */
#define ELEMENTS_WHOLE 0x40 /* the instruction accesses all of them, whatever the mask */
unsigned opcode_elements(uint8_t map, uint8_t opcode, uint8_t prefix, bool w);
/* Does each element in memory go to several ones of the vector? */
bool opcode_repeats(uint8_t map, uint8_t opcode, uint8_t prefix);

#define ROW_BROADCAST_W 0xff
#define ROW_DISP8_W 0xff

extern const struct opcode_row opcode_rows[] __attribute__((visibility("hidden")));
extern const size_t nr_opcode_rows __attribute__((visibility("hidden")));

#endif
