/* SPDX-License-Identifier: BSD-2-Clause */
/* fault/arch/x86_64/machine.h - registers, faults, memory operands and signal frames of x86_64. */
#ifndef MEMSAN_FENCE_ARCH_X86_64_MACHINE_H
#define MEMSAN_FENCE_ARCH_X86_64_MACHINE_H

#include <ucontext.h>

/* In the order of the numbers that instructions use. */
enum machine_reg {
	MREG_AX,
	MREG_CX,
	MREG_DX,
	MREG_BX,
	MREG_SP,
	MREG_BP,
	MREG_SI,
	MREG_DI,
	MREG_8,
	MREG_9,
	MREG_10,
	MREG_11,
	MREG_12,
	MREG_13,
	MREG_14,
	MREG_15,
	MREG_IP,
	MREG_FLAGS,
	MACHINE_REGS,
};
_Static_assert(MACHINE_REGS <= REPORT_REGS, "the record has room for all registers");
#define MACHINE_CODE 15

#define TRAP_STACK 12      /* #SS: a non-canonical address through rsp or rbp; the kernel sends SIGBUS */
#define TRAP_PROTECTION 13 /* #GP */
#define TRAP_PAGE 14       /* #PF */
#define TRAP_ALIGNMENT 17  /* #AC */

#define PAGE_ERROR_PRESENT 1u
#define PAGE_ERROR_WRITE 2u
#define PAGE_ERROR_EXEC 16u
#define PAGE_ERROR_KEY 32u

/* Addresses have 48 bits, sign-extended. On machines with 57 bits the kernel hands out larger ones only on request. */
static inline bool machine_canonical(uint64_t addr)
{
	return (uint64_t)((int64_t)(addr << 16) >> 16) == addr;
}

enum machine_class { INSN_PLAIN, INSN_PRIVILEGED, INSN_ALIGNED, INSN_JUMP, INSN_RETURN, INSN_UNKNOWN };

struct machine_operand {
	uint64_t addr;
	int base, index; /* enum machine_reg, or -1 */
	unsigned scale;
	int64_t disp;
	bool implicit; /* an operand that the encoding does not name: push, movs and others */
};
struct machine_insn {
	enum machine_class class;
	unsigned nr; /* number of memory operands */
	struct machine_operand operand[2];
	unsigned align;  /* INSN_ALIGNED: the alignment that its operand needs */
	uint64_t target; /* INSN_JUMP through a register: the target */
	bool have_target;
};
/* Finds the memory operands of the instruction and their addresses. Pure. For an instruction that it does not know,
 * only the class is set, to INSN_UNKNOWN. */
void machine_decode(const uint8_t *code, size_t len, const uint64_t *regs, uint64_t tls_base,
                    struct machine_insn *insn);

static inline void machine_read_context(const ucontext_t *uc, uint64_t *regs)
{
	static const uint8_t from[] = {
		REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8,
		REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP, REG_EFL,
	};
	_Static_assert(ARRAY_SIZE(from) == MACHINE_REGS, "every register has its place in the context");

	for (unsigned i = 0; i < MACHINE_REGS; i++)
		regs[i] = (uint64_t)uc->uc_mcontext.gregs[from[i]];
}

static inline uint64_t machine_trap(const ucontext_t *uc)
{
	return (uint64_t)uc->uc_mcontext.gregs[REG_TRAPNO];
}

static inline uint64_t machine_error(const ucontext_t *uc)
{
	return (uint64_t)uc->uc_mcontext.gregs[REG_ERR];
}

static inline uint64_t machine_tls_base(void)
{
	uint64_t base;

	/* The psABI stores the thread pointer's value at the address that it points to. */
	__asm__("movq %%fs:0, %0" : "=r"(base));
	return base;
}

static inline uintptr_t machine_sp(void)
{
	return (uintptr_t)__builtin_frame_address(0);
}

/* ---- signal frames --------------------------------------------------------------------------- */

/* The start of the frame that contains `uc`. */
uintptr_t machine_frame_start(const ucontext_t *uc);
/* The stack pointer after the handler has returned. */
static inline uintptr_t machine_frame_returned(const ucontext_t *uc)
{
	return (uintptr_t)uc;
}
/* Copies the whole frame to the highest suitable address below `top`, where memory must be writable. Returns the
 * context in the copy. */
ucontext_t *machine_frame_copy(const ucontext_t *uc, uintptr_t top);
/* The most bytes that machine_frame_copy needs below `top`. */
size_t machine_frame_room(const ucontext_t *uc);
/* The siginfo in the frame of a context. */
siginfo_t *machine_frame_info(ucontext_t *uc);
/* Switches to the frame and enters the handler as the kernel does. Does not return. */
_Noreturn void machine_frame_enter(ucontext_t *uc, int sig, uintptr_t handler);
/* The interrupted function runs as a copy (struct code_copies), and the context has the original's registers. Before
 * the handler is entered: when it returns, the function goes on in the copy. */
void machine_frame_to_copy(ucontext_t *uc);
/* Entries for the kernel; number N calls relay_enter with N (relay.c). */
#define MACHINE_RELAYS 128
#define MACHINE_RELAY_SIZE 16
extern const char machine_relays[] __attribute__((visibility("hidden")));
/* Bytes below the stack pointer that a function may use. */
#define MACHINE_RED_ZONE 128

#endif
