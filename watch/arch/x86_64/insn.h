/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/insn.h - one instruction, as the copier must know it: length, memory accesses, registers, flags,
 * where control goes.
 *
 * The decoder never guesses.  An instruction that it does not know for certain is unknown as a whole (x86_decode
 * returns false), and the copier stops before it.  Sets of registers and flags err to one side only, so that liveness
 * stays right: `reads` and `writes` may name too many, `kills` too few. */
#ifndef MEMSAN_WATCH_INSN_H
#define MEMSAN_WATCH_INSN_H

#include "lib/lib.h"

/* Numbers as in the encoding. */
enum insn_reg {
	INSN_RAX,
	INSN_RCX,
	INSN_RDX,
	INSN_RBX,
	INSN_RSP,
	INSN_RBP,
	INSN_RSI,
	INSN_RDI,
	INSN_R8,
	INSN_R9,
	INSN_R10,
	INSN_R11,
	INSN_R12,
	INSN_R13,
	INSN_R14,
	INSN_R15,
	INSN_RIP = 16,     /* as base only: the address of the next instruction */
	INSN_NO_REG = 0xff /* no base, no index, not a general register */
};
#define INSN_ALL_REGS 0xffffu

/* The bits of the flags register. */
enum insn_flag {
	INSN_CF = 0x1,
	INSN_PF = 0x4,
	INSN_AF = 0x10,
	INSN_ZF = 0x40,
	INSN_SF = 0x80,
	INSN_DF = 0x400,
	INSN_OF = 0x800,
	/* The six that arithmetic sets, and that lahf with seto saves. */
	INSN_ARITHMETIC = INSN_CF | INSN_PF | INSN_AF | INSN_ZF | INSN_SF | INSN_OF,
	INSN_ALL_FLAGS = INSN_ARITHMETIC | INSN_DF
};

/* Where control goes afterwards. */
enum insn_flow {
	INSN_PLAIN,    /* to the next instruction */
	INSN_JCC,      /* to `target` or on */
	INSN_JMP,      /* to `target` */
	INSN_CALL,     /* to `target`, and back */
	INSN_LOOP,     /* loop, loope, loopne, jrcxz, jecxz: as INSN_JCC, with a target of 8 bits only */
	INSN_XBEGIN,   /* on; when the transaction aborts, to `target` */
	INSN_JMP_REG,  /* jmp *reg */
	INSN_JMP_MEM,  /* jmp *mem: mem[0] is what it reads */
	INSN_CALL_REG, /* call *reg */
	INSN_CALL_MEM, /* call *mem: mem[0] is what it reads */
	INSN_RET,      /* ret, ret n, and returns to elsewhere (lret, iretq) */
	INSN_SYSCALL,  /* syscall, int 0x80: on, and the kernel may read and write all registers */
	INSN_STOP      /* ud2, hlt, int3: nobody runs on */
};

/* How certain is it which bytes an access touches? */
enum insn_extent {
	INSN_EXACT,  /* `size` bytes from the address on, all of them */
	INSN_MASKED, /* each of the elements in `size` bytes, or not: `elements` tells (vmaskmov, AVX-512 {k}) */
	INSN_BITS,   /* `size` bytes at a distance from the address that the bit number in a register gives (bt, bts) */
	INSN_SPREAD, /* elements at several addresses: gather, scatter; `size` is one element's */
	INSN_VARIES  /* at least `size` bytes: xsave and its like */
};

enum insn_access {
	INSN_NO_ACCESS = 0, /* lea, nop, prefetch: the address is not used */
	INSN_READ = 1,
	INSN_WRITE = 2,
	INSN_READ_WRITE = 3
};

/* The address is segment + base + index * scale + disp.  With a base of INSN_RIP, disp counts from the next
 * instruction.  With `address32` the sum without the segment is cut to 32 bits. */
struct insn_mem {
	int64_t disp;
	uint16_t size; /* 0 without an access */
	uint8_t base;  /* enum insn_reg */
	uint8_t index;
	uint8_t scale; /* 1, 2, 4, 8 */
	uint8_t access;
	uint8_t extent;
	/* The segment register's base is added, and is not 0. */
	bool fs, gs;
	bool address32;
};

/* How the elements of mem[0] are chosen, when it is INSN_MASKED or INSN_SPREAD. */
enum insn_choice {
	INSN_CHOICE_UNKNOWN,
	INSN_BY_SIGNS, /* by the sign of each element of the vector register `mask` */
	INSN_BY_MMX,   /* the same with an mmx register */
	INSN_BY_BITS,  /* by the low `bits` bits of the register k `mask`: bit i chooses element i % nr */
	INSN_PACKED    /* from the first one on, as many as these bits have ones */
};

struct insn_elements {
	uint8_t choice;            /* enum insn_choice */
	uint8_t mask, bits;        /* registers by number */
	uint8_t size, nr;          /* of elements in memory */
	uint8_t index, index_size; /* INSN_SPREAD: the vector register, and the size of an index in it */
};

enum insn_map {                /* which opcode table */
	        INSN_MAP_1,    /* one byte */
	        INSN_MAP_0F,   /* 0f, and VEX and EVEX map 1 */
	        INSN_MAP_0F38, /* 0f 38, map 2 */
	        INSN_MAP_0F3A, /* 0f 3a, map 3 */
	        INSN_MAP_5,    /* EVEX map 5 */
	        INSN_MAP_6     /* EVEX map 6 */
};

enum insn_encoding { INSN_LEGACY, INSN_VEX, INSN_EVEX };

struct insn {
	uintptr_t target;
	/* Data that the instruction accesses by an address of its own.  An encoded memory operand is always mem[0],
	 * also when it is not accessed (lea).  Two: movs (mem[0] written at rdi, mem[1] read at rsi), cmps (rsi and
	 * rdi read).  Accesses of push, pop, call and ret at rsp are not here: see `stack`. */
	struct insn_mem mem[2];
	struct insn_elements elements;
	uint8_t nr_mem;
	uint8_t length;
	uint8_t flow; /* enum insn_flow */

	/* The bytes, for those who encode anew or look for patterns. */
	uint8_t encoding, map, opcode;
	bool has_modrm;
	uint8_t modrm;
	uint8_t reg, rm;       /* general register numbers of modrm with REX; rm only when modrm names a register */
	uint8_t opcode_offset; /* of the opcode byte itself, behind prefixes and escapes */
	uint8_t modrm_offset;
	uint8_t disp_offset; /* of the displacement in the bytes; 0: there is none */
	uint8_t disp_size;   /* 1, 4, 8 */
	uint8_t imm_offset;  /* of the (first) immediate or the relative target; 0: there is none */
	uint8_t imm_size;
	uint8_t operand_size; /* of integer instructions: 1, 2, 4, 8; of vectors: 16, 32, 64 */
	int64_t imm;          /* sign-extended as the processor does */

	bool lock, rep, repne; /* prefixes that mean something to this instruction */
	bool rex_w, operand16; /* prefixes */
	/* movs, cmps, stos, lods, scas (ins and outs are unknown): with rep or repne, rcx times.  The registers in
	 * mem[] are where the first element lies; the flag DF says whether to go up or down from there. */
	bool string;
	/* Accesses memory at rsp by itself: push, pop, call, ret, enter, leave. */
	bool stack;
	/* It may be copied to any other place as it is: it neither names its own address nor goes elsewhere. */
	bool movable;
	bool endbr; /* endbr64 */

	/* General registers by bit.  reads: the result depends on the value.  writes: may change.  kills: all 64 bits
	 * are overwritten in any case. */
	uint16_t reads, writes, kills;
	/* Flags.  written: may change.  killed: get a defined value in any case.  undefined: the manual leaves the
	 * value open, so that no program may read it afterwards. */
	uint16_t flags_read, flags_written, flags_killed, flags_undefined;
};

/* Decodes the instruction at `code`, which runs at address pc.  Reads no byte from code + size on.  False: unknown, or
 * cut off; only `length` is set then, to 0. */
bool x86_decode(struct insn *x, const uint8_t *code, size_t size, uintptr_t pc);
/* Its length alone, at a tenth of the price; 0: unknown.  Knows more instructions than x86_decode, and says the same of
 * those that x86_decode knows. */
unsigned x86_length(const uint8_t *code, size_t size, uintptr_t pc);
/* The same of an ordinary instruction behind which control goes on, or that jumps on a condition; 0: any other. */
unsigned x86_length_if_goes_on(const uint8_t *code, size_t size);

static inline bool insn_is_nop(const struct insn *x)
{
	if (x->flow != INSN_PLAIN || x->lock || x->rep || x->repne)
		return false;
	if (x->map == INSN_MAP_1 && x->encoding == INSN_LEGACY)
		return x->opcode == 0x90 && x->length <= 3 && !x->reads && !x->writes;
	return x->map == INSN_MAP_0F && x->encoding == INSN_LEGACY && x->opcode == 0x1f;
}

#endif
