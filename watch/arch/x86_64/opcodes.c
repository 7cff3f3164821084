/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/opcodes.c - the attributes of opcodes.def, and its rows as an array. */
#include "config.h"

#include "watch/arch/x86_64/opcodes.h"

/* clang-format off */
/* Rows. */
#define OP(in_map, opcode, ...) OPS(in_map, opcode, opcode, __VA_ARGS__)
#define OPS(in_map, from, to, ...) { .map = INSN_MAP_##in_map, .first = (from), .last = (to), __VA_ARGS__ },

/* Encodings: legacy, VEX, EVEX. */
#define S .encodings = ROW_LEGACY
#define SV .encodings = ROW_LEGACY | ROW_VEX
#define SVE .encodings = ROW_LEGACY | ROW_VEX | ROW_EVEX
#define VE .encodings = ROW_VEX | ROW_EVEX
#define VX .encodings = ROW_VEX
#define EV .encodings = ROW_EVEX
#define NOREP .prefix = PREFIX_NOREP
#define NP .prefix = PREFIX_NP
#define P66 .prefix = PREFIX_66
#define F3 .prefix = PREFIX_F3
#define F2 .prefix = PREFIX_F2

/* Operands.  E: a general register or memory.  X: a vector (mmx, k) register or memory.  M: memory.  G: modrm.reg is a
 * general register.  L: the opcode's low bits are. */
#define E(access, size) .modrm = true, .rm_gpr = true, .rm_access = INSN_##access, .rm_size = (size)
#define EREG(access, size) .mod = MOD_REG, E(access, size)
#define E2(access, size, in_register) E(access, size), .rm_reg_size = (in_register)
#define X(access, size) .modrm = true, .rm_access = INSN_##access, .rm_size = (size)
#define M(access, size) .mod = MOD_MEM, X(access, size)
#define REG .mod = MOD_REG, .modrm = true
#define G(access, size) .reg_access = INSN_##access, .reg_size = (size)
#define L(access, size) .low_access = INSN_##access, .low_size = (size)
#define EXT(n) .extension = 1 + (n)
#define MODRM(from, to) .modrm = true, .modrm_first = (from), .modrm_last = (to)
#define IB .imm = IMM_8
#define IW .imm = IMM_16
#define IZ .imm = IMM_32
#define ANYIMM .imm = IMM_FULL
#define LOCK .lockable = true
#define STACK .stack = true
#define DEFAULT64 .default64 = true
#define MAYBE .maybe = true
#define FLOW(kind) .flow = INSN_##kind
#define SPECIAL(kind) .special = SPECIAL_##kind
#define NOT_EXACT(kind) .extent = INSN_##kind
#define V SIZE_V
#define Y SIZE_Y
#define VL SIZE_VL
#define VL2 SIZE_VL2
#define VL4 SIZE_VL4
#define VL8 SIZE_VL8

/* Implicit registers. */
#define RAX (1 << INSN_RAX)
#define RCX (1 << INSN_RCX)
#define RDX (1 << INSN_RDX)
#define RBX (1 << INSN_RBX)
#define RSP (1 << INSN_RSP)
#define RBP (1 << INSN_RBP)
#define RSI (1 << INSN_RSI)
#define RDI (1 << INSN_RDI)
#define R11 (1 << INSN_R11)
#define READS(set) .reads = (set)
#define WRITES(set) .writes = (set)
#define KILLS(set) .writes = (set), .kills = (set)

/* Flags: read; set; undefined. */
#define FLAGS(read, set, undefined) .flags_read = (read), .flags_written = (set), .flags_undefined = (undefined)
#define CF INSN_CF
#define PF INSN_PF
#define AF INSN_AF
#define ZF INSN_ZF
#define SF INSN_SF
#define OF INSN_OF
#define SETS_ALL FLAGS(0, INSN_ARITHMETIC, 0)
#define LOGIC FLAGS(0, INSN_ARITHMETIC & ~AF, AF)
#define WITH_CARRY FLAGS(CF, INSN_ARITHMETIC, 0)
#define SETS_BUT_CF FLAGS(0, INSN_ARITHMETIC & ~CF, 0)
#define MULTIPLIES FLAGS(0, CF | OF, SF | ZF | AF | PF)
#define DIVIDES FLAGS(0, 0, INSN_ARITHMETIC)
#define BIT_TEST FLAGS(0, CF, OF | SF | AF | PF)
#define BIT_SCAN FLAGS(0, ZF, CF | OF | SF | AF | PF)
#define COUNTS_ZEROS FLAGS(0, CF | ZF, OF | SF | AF | PF)
#define BMI FLAGS(0, SF | ZF | OF | CF, AF | PF)

/* VEX and EVEX. */
#define V3 .vvvv = VVVV_VECTOR
#define VREAD .vvvv = VVVV_GPR_READ
#define VWRITE .vvvv = VVVV_GPR_WRITE
#define W0 .vex_w = 1, .evex_w = 1
#define W1 .vex_w = 2, .evex_w = 2
#define VW0 .vex_w = 1
#define VW1 .vex_w = 2
#define EW0 .evex_w = 1
#define EW1 .evex_w = 2
#define VW0EW1 .vex_w = 1, .evex_w = 2
#define L128 .lengths = 1
#define L256 .lengths = 2
#define L512 .lengths = 4
#define L256UP .lengths = 6
#define LIG .scalar = true
#define BC4 .broadcast = 4
#define BC8 .broadcast = 8
#define BCW .broadcast = ROW_BROADCAST_W
#define BC2 .broadcast = 2
#define ER .rounding = true
#define NOK .no_mask = true, .no_zeroing = true
#define KDEST .no_zeroing = true, .mask_result = true
#define K .mask_register = true
#define K3 .mask_register = true, .mask_vvvv = true
#define MASK_NEEDED .no_zeroing = true, .needs_mask = true
#define UNIT(n) .disp8 = (n)

const struct opcode_row opcode_rows[] = {
#include "watch/arch/x86_64/opcodes.def"
};
/* clang-format on */

const size_t nr_opcode_rows = ARRAY_SIZE(opcode_rows);
