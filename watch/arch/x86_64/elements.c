/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/elements.c - how large are the elements in memory of which a register k of AVX-512 chooses some?
 *
 * Instructions with a broadcast form and scalar ones are not here: their rows in opcodes.def say it.  Shuffles and
 * their like access all of the operand whatever the mask says: any element may go anywhere. */
#include "config.h"

#include "watch/arch/x86_64/opcodes.h"

enum {
	SMALL = 0x10, /* 1 byte, or 2 with W */
	LARGE = 0x20, /* 4 bytes, or 8 with W */
	ALL = ELEMENTS_WHOLE
};

static const uint8_t elements_0f[256] = {
	[0x10 ... 0x11] = LARGE,
	[0x12] = ALL,
	[0x14 ... 0x16] = ALL,
	[0x28 ... 0x29] = LARGE,
	[0x60 ... 0x63] = ALL,
	[0x64] = 1,
	[0x65] = 2,
	[0x67 ... 0x6d] = ALL,
	[0x6f] = LARGE,
	[0x70] = ALL,
	[0x71] = 2,
	[0x74] = 1,
	[0x75] = 2,
	[0x7f] = LARGE,
	[0xc6] = ALL,
	[0xd1 ... 0xd3] = ALL,
	[0xd5] = 2,
	[0xd8] = 1,
	[0xd9] = 2,
	[0xda] = 1,
	[0xdc] = 1,
	[0xdd] = 2,
	[0xde] = 1,
	[0xe0] = 1,
	[0xe1 ... 0xe2] = ALL,
	[0xe3 ... 0xe5] = 2,
	[0xe8] = 1,
	[0xe9 ... 0xea] = 2,
	[0xec] = 1,
	[0xed ... 0xee] = 2,
	[0xf1 ... 0xf3] = ALL,
	[0xf5] = ALL,
	[0xf8] = 1,
	[0xf9] = 2,
	[0xfc] = 1,
	[0xfd] = 2,
};

static const uint8_t elements_0f38[256] = {
	[0x00] = ALL,
	[0x04] = ALL,
	[0x0b] = 2,
	[0x0c ... 0x0d] = ALL,
	[0x10 ... 0x13] = 2,
	[0x16] = ALL,
	[0x18] = 4,
	[0x19 ... 0x1b] = LARGE,
	[0x1c] = 1,
	[0x1d] = 2,
	[0x20 ... 0x22] = 1,
	[0x23 ... 0x24] = 2,
	[0x25] = 4,
	[0x26] = SMALL,
	[0x2b] = ALL,
	[0x30 ... 0x32] = 1,
	[0x33 ... 0x34] = 2,
	[0x35] = 4,
	[0x36] = ALL,
	[0x38] = 1,
	[0x3a] = 2,
	[0x3c] = 1,
	[0x3e] = 2,
	[0x54] = SMALL,
	[0x58] = 4,
	[0x59 ... 0x5b] = LARGE,
	[0x66] = SMALL,
	[0x70] = 2,
	[0x72] = 2,
	[0x75 ... 0x77] = ALL,
	[0x78] = 1,
	[0x79] = 2,
	[0x7d ... 0x7f] = ALL,
	[0x83] = ALL,
	[0x8d] = ALL,
	[0x8f] = 1,
	[0xc4] = ALL,
	[0xcf] = 1,
};

static const uint8_t elements_0f3a[256] = {
	[0x00 ... 0x01] = ALL,
	[0x03 ... 0x05] = ALL,
	[0x0f] = ALL,
	[0x18] = ALL,
	[0x19] = LARGE,
	[0x1a] = ALL,
	[0x1b] = LARGE,
	[0x1d] = 2,
	[0x23] = ALL,
	[0x38] = ALL,
	[0x39] = LARGE,
	[0x3a] = ALL,
	[0x3b] = LARGE,
	[0x3e ... 0x3f] = SMALL,
	[0x42 ... 0x43] = ALL,
	[0x70] = 2,
	[0x72] = 2,
	[0xce ... 0xcf] = ALL,
};

/* vpmovusqb and its kin, stores: the elements get as small as those that vpmovzx widens. */
static bool narrows(uint8_t map, uint8_t opcode, uint8_t prefix)
{
	return map == INSN_MAP_0F38 && prefix == PREFIX_F3 && opcode >= 0x10 && opcode <= 0x35 && (opcode & 7) <= 5;
}

unsigned opcode_elements(uint8_t map, uint8_t opcode, uint8_t prefix, bool w)
{
	const uint8_t *of = map == INSN_MAP_0F     ? elements_0f
	                    : map == INSN_MAP_0F38 ? elements_0f38
	                    : map == INSN_MAP_0F3A ? elements_0f3a
	                                           : NULL;
	unsigned size = of ? of[opcode] : 0;

	if (narrows(map, opcode, prefix) && opcode <= 0x15)
		size = elements_0f38[opcode | 0x20];
	if (map == INSN_MAP_0F && (opcode & 0xef) == 0x6f && prefix == PREFIX_F2) /* vmovdqu8, vmovdqu16 */
		size = SMALL;
	if (map == INSN_MAP_0F38 && opcode == 0x72 && prefix == PREFIX_F2) /* vcvtne2ps2bf16 */
		size = ALL;
	return size == SMALL ? (w ? 2 : 1) : size == LARGE ? (w ? 8 : 4) : size;
}

bool opcode_repeats(uint8_t map, uint8_t opcode, uint8_t prefix)
{
	return map == INSN_MAP_0F38 && prefix == PREFIX_66 &&
	       ((opcode >= 0x18 && opcode <= 0x1b) || (opcode >= 0x58 && opcode <= 0x5b) || opcode == 0x78 ||
	        opcode == 0x79);
}
