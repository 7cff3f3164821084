/* SPDX-License-Identifier: BSD-2-Clause */
/* watch/arch/x86_64/stub.c - the jump at a function's entry, the stub that it leads to, and changes of running code.
 *
 *      entry:  jmp stub ──►  stub:  jmp *slot ──┐          slot: first the next line, then the copy
 *                                   lea -128(%rsp), %rsp ◄─┘  the code may be a leaf that uses its red zone
 *                                   call thunk ──►  far jump to stub_enter: saves all registers, watch_first_call
 *                                   jmp stub  ◄───  ret $128
 *
 * The thunk returns to where it was called, so shadow stacks stay right, and no register is needed to tell which
 * stub it was. Once the slot leads to the copy, the entry's jump is changed to go there by itself. A slot is data:
 * the processor need not be told.
 *
 * Code that other threads may run at this moment is changed in two ways. A jump whose displacement lies in one
 * aligned word of eight bytes gets the new one by one store: the instruction's bounds stay as they are (HotSpot's
 * set_destination_mt_safe). To give a jump's five bytes back, the first two become a jump to themselves, then the
 * rest is written, then the first two; between the steps every processor that runs this process is made to forget
 * what it has fetched (membarrier SYNC_CORE). A thread that comes meanwhile waits in the jump to itself (HotSpot's
 * patch_verified_entry). Where the kernel has no such call, all five bytes are written by one store if they lie in
 * one word. */
#include <linux/membarrier.h>
#include <sys/syscall.h>

#include "watch/arch/x86_64/stub.h"

#define RED_ZONE 128

static bool cores_sync; /* membarrier can be asked; written once */

/* ---- bytes ----------------------------------------------------------------------------------- */

static void put32(uint8_t *p, uint32_t v)
{
	mem_copy(p, &v, sizeof(v));
}

void stub_write_far_jump(uint8_t *code, uintptr_t to)
{
	static const uint8_t jump[6] = { 0xff, 0x25, 0, 0, 0, 0 }; /* jmp *0(%rip) */

	mem_copy(code, jump, sizeof(jump));
	mem_copy(code + sizeof(jump), &to, sizeof(to));
}

bool stub_write_jump(uint8_t *code, uintptr_t pc, uintptr_t to)
{
	intptr_t distance = (intptr_t)(to - (pc + STUB_JUMP));

	if (distance != (int32_t)distance)
		return false;
	code[0] = 0xe9;
	put32(code + 1, (uint32_t)(int32_t)distance);
	return true;
}

void stub_write(uint8_t *stub, uintptr_t thunk)
{
	static const uint8_t code[STUB_SIZE] = {
		0xff, 0x25, STUB_SLOT - 6,
		0,    0,    0, /* jmp *slot(%rip) */
		0x48, 0x8d, 0x64,
		0x24, 0x80, /* lea -128(%rsp), %rsp */
		0xe8, 0,    0,
		0,    0,    /* call thunk */
		0xeb, 0xee, /* jmp to the start */
		0xcc, 0xcc, 0xcc,
		0xcc, 0xcc, 0xcc,
	};

	mem_copy(stub, code, sizeof(code));
	put32(stub + 12, (uint32_t)(thunk - (uintptr_t)(stub + STUB_RETURN)));
	stub_lead(stub, (uintptr_t)stub + 6);
}

void stub_lead(uint8_t *stub, uintptr_t to)
{
	__atomic_store_n((uintptr_t *)(stub + STUB_SLOT), to, __ATOMIC_RELEASE);
}

uintptr_t stub_stack_used(size_t offset)
{
	return offset == 11 ? RED_ZONE : 0;
}

/* ---- the thunk ------------------------------------------------------------------------------- */

/* The function's own caller is the caller of this frame: above the red zone. fxsave is enough, because the runtime is
 * compiled for SSE2, whose instructions leave the upper halves of vector registers alone.
 *
 * There is no popf (STUB_FLAGS_BACK) unless the program may step through itself. */
__asm__(".pushsection .text\n"
        ".globl stub_enter\n"
        ".hidden stub_enter\n"
        ".type stub_enter, @function\n"
        "stub_enter:\n"
        ".cfi_startproc\n"
        ".cfi_def_cfa %rsp, 144\n"
        ".cfi_offset %rip, -8\n"
        "pushfq\n.cfi_adjust_cfa_offset 8\n"
        "pushq %rbp\n.cfi_adjust_cfa_offset 8\n.cfi_offset %rbp, -160\n"
        "movq %rsp, %rbp\n.cfi_def_cfa_register %rbp\n"
        "pushq %rax\n"
        "pushq %rcx\n"
        "pushq %rdx\n"
        "pushq %rsi\n"
        "pushq %rdi\n"
        "pushq %r8\n"
        "pushq %r9\n"
        "pushq %r10\n"
        "pushq %r11\n"
        "movq 16(%rbp), %rdi\n"
        "subq $512, %rsp\n"
        "andq $-64, %rsp\n"
        /* A program that steps through itself does not step through the copier. */
        "testl $0x100, 8(%rbp)\n"
        "jz 1f\n"
        "cmpb $0, code_may_step(%rip)\n"
        "je 1f\n"
        "pushfq\n"
        "andl $~0x100, (%rsp)\n"
        "popfq\n"
        "1: fxsave64 (%rsp)\n"
        "cld\n"
        "call watch_first_call\n"
        "fxrstor64 (%rsp)\n"
        "leaq -72(%rbp), %rsp\n"
        "popq %r11\n"
        "popq %r10\n"
        "popq %r9\n"
        "popq %r8\n"
        "popq %rdi\n"
        "popq %rsi\n"
        "popq %rdx\n"
        "testl $0x100, 8(%rbp)\n"
        "jz 2f\n"
        "cmpb $0, code_may_step(%rip)\n"
        "je 2f\n"
        "popq %rcx\n"
        "popq %rax\n"
        ".cfi_remember_state\n"
        "popq %rbp\n.cfi_def_cfa %rsp, 152\n.cfi_restore %rbp\n"
        "popfq\n.cfi_adjust_cfa_offset -8\n"
        "ret $128\n"
        ".cfi_restore_state\n"
        "2: movl 8(%rbp), %eax\n" STUB_FLAGS_BACK "popq %rcx\n"
        "popq %rax\n"
        "popq %rbp\n.cfi_def_cfa %rsp, 152\n.cfi_restore %rbp\n"
        "leaq 8(%rsp), %rsp\n.cfi_adjust_cfa_offset -8\n"
        "ret $128\n"
        ".cfi_endproc\n"
        ".size stub_enter, . - stub_enter\n"
        ".popsection\n");

/* ---- code that other threads may run --------------------------------------------------------- */

static long barrier(int command)
{
	return arch_syscall6(SYS_membarrier, command, 0, 0, 0, 0, 0);
}

void stub_prepare(void)
{
	cores_sync = !os_under_seccomp() && barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE) == 0;
}

static bool cores_forget(void)
{
	return cores_sync && !os_filter_set() && barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE) == 0;
}

/* Do these bytes lie in one aligned word? Then one store changes them. */
static bool word_holds(const uint8_t *p, size_t n)
{
	return ((uintptr_t)p & 7) + n <= 8;
}

static void word_put(uint8_t *p, const uint8_t *bytes, size_t n)
{
	uint64_t *at = (uint64_t *)ALIGN_DOWN((uintptr_t)p, 8), word = READ_ONCE(*at);

	mem_copy((uint8_t *)&word + (p - (uint8_t *)at), bytes, n);
	__atomic_store_n(at, word, __ATOMIC_RELEASE);
}

bool stub_redirect(uint8_t *code, uintptr_t to)
{
	uint8_t jump[STUB_JUMP];

	if (!word_holds(code + 1, 4) || !stub_write_jump(jump, (uintptr_t)code, to))
		return false;
	word_put(code + 1, jump + 1, 4);
	return true;
}

static bool replace_parked(uint8_t *code, const uint8_t *bytes)
{
	static const uint8_t park[2] = { 0xeb, 0xfe }; /* jmp to itself */

	if (!word_holds(code, 2) || !cores_forget())
		return false;
	word_put(code, park, 2);
	cores_forget();
	mem_copy(code + 2, bytes + 2, STUB_JUMP - 2);
	cores_forget();
	word_put(code, bytes, 2);
	return true;
}

void stub_replace(uint8_t *code, const uint8_t *bytes)
{
	if (replace_parked(code, bytes))
		return;
	if (word_holds(code, STUB_JUMP))
		word_put(code, bytes, STUB_JUMP);
	else
		mem_copy(code, bytes, STUB_JUMP);
}
