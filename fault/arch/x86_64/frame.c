/* SPDX-License-Identifier: BSD-2-Clause */
/* fault/arch/x86_64/frame.c - the frame that the kernel makes for a signal handler, copied to the stack on which the
 * program's handler expects it. */
#include "config.h"

#include "fault/fault_internal.h"

/* arch/x86/include/asm/sigframe.h, from low to high addresses:
 *
 *     sp ──► return address (the restorer)      8
 *            ucontext                         304    the kernel's: glibc's type is longer than what is there
 *            siginfo                          128
 *            … up to 64-byte alignment
 *            floating-point and vector state  512 and more: its size is in its software-reserved bytes
 */
#define FRAME_CONTEXT 8
#define FRAME_INFO (FRAME_CONTEXT + 304)
#define FRAME_SIZE (FRAME_INFO + 128)
#define STATE_ALIGN 64
#define STATE_PLAIN 512
#define STATE_SOFTWARE 464 /* struct _fpx_sw_bytes: magic, extended size */
#define STATE_MAGIC 0x46505853u
#define STATE_MAX 65536u

static size_t state_size(const ucontext_t *uc)
{
	const uint8_t *state = (const uint8_t *)uc->uc_mcontext.fpregs;
	uint32_t magic, size;

	if (!state)
		return 0;
	mem_copy(&magic, state + STATE_SOFTWARE, sizeof(magic));
	mem_copy(&size, state + STATE_SOFTWARE + 4, sizeof(size));
	return magic == STATE_MAGIC && size >= STATE_PLAIN && size <= STATE_MAX ? size : STATE_PLAIN;
}

uintptr_t machine_frame_start(const ucontext_t *uc)
{
	return (uintptr_t)uc - FRAME_CONTEXT;
}

siginfo_t *machine_frame_info(ucontext_t *uc)
{
	return (siginfo_t *)(machine_frame_start(uc) + FRAME_INFO);
}

size_t machine_frame_room(const ucontext_t *uc)
{
	return state_size(uc) + STATE_ALIGN + FRAME_SIZE + 32;
}

ucontext_t *machine_frame_copy(const ucontext_t *uc, uintptr_t top)
{
	size_t size = state_size(uc);
	uintptr_t state = ALIGN_DOWN(top - size, STATE_ALIGN);
	/* As after a call: 8 below a multiple of 16. */
	uintptr_t frame = ALIGN_DOWN(state - FRAME_SIZE, 16) - 8;
	ucontext_t *copy = (ucontext_t *)(frame + FRAME_CONTEXT);

	mem_copy((void *)frame, (const void *)machine_frame_start(uc), FRAME_SIZE);
	if (size) {
		mem_copy((void *)state, uc->uc_mcontext.fpregs, size);
		copy->uc_mcontext.fpregs = (fpregset_t)state;
	}
	return copy;
}

_Noreturn void machine_frame_enter(ucontext_t *uc, int sig, uintptr_t handler)
{
	siginfo_t *info = machine_frame_info(uc);
	uintptr_t frame = machine_frame_start(uc);

	/* Debuggers and profilers walk on by the interrupted code's frame pointer. */
	__asm__ volatile("movq %[frame], %%rsp\n\t"
	                 "movq %[fp], %%rbp\n\t"
	                 "xorl %%eax, %%eax\n\t"
	                 "cld\n\t"
	                 "jmpq *%[handler]"
	                 :
	                 : [frame] "r"(frame), [handler] "c"(handler), "D"((long)sig), "S"(info),
	                   "d"(uc), [fp] "r"(uc->uc_mcontext.gregs[REG_RBP])
	                 : "memory");
	__builtin_unreachable();
}

/* ---- back from a handler of the program's, into a copy --------------------------------------- */

__attribute__((used)) void machine_back_to_copy(ucontext_t *uc);

extern const char machine_return_to_copy[] __attribute__((visibility("hidden")));
/* A word of the context that the kernel does not use: the pc that the handler saw. */
#define SEEN_PC 7

void machine_frame_to_copy(ucontext_t *uc)
{
	uc->uc_mcontext.__reserved1[SEEN_PC] = (unsigned long long)uc->uc_mcontext.gregs[REG_RIP];
	*(uintptr_t *)machine_frame_start(uc) = (uintptr_t)machine_return_to_copy;
}

/* The handler may have changed the registers, the pc too. If the new pc leads elsewhere, the handler may have kept the
 * old one for later: a runtime that preempts lets the interrupted code be returned to. */
void machine_back_to_copy(ucontext_t *uc)
{
	uint64_t seen = uc->uc_mcontext.__reserved1[SEEN_PC], pc = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
	uint64_t copy = code_copies->resume(pc);

	if (pc != seen && !code_copies->same_function(seen, pc))
		code_copies->run_original(seen);
	if (copy)
		uc->uc_mcontext.gregs[REG_RIP] = (greg_t)copy;
}

/* The handler's `ret` leaves the stack pointer at the context. Unwinders find the interrupted registers there, as they
 * do at libc's own code for this purpose; they look one byte in front of a return address. */
#define AT(reg, offset) ".cfi_escape 0x10, " #reg ", 3, 0x77, (" #offset ") & 0x7f | 0x80, (" #offset ") >> 7\n"
__asm__(".pushsection .text\n"
        ".hidden machine_return_to_copy\n"
        ".globl machine_return_to_copy\n"
        ".cfi_startproc simple\n"
        ".cfi_signal_frame\n"
        ".cfi_escape 0x0f, 4, 0x77, 0xa0, 1, 0x06\n" /* the CFA: the word at rsp + 160 */
        AT(8, 40) AT(9, 48) AT(10, 56) AT(11, 64) AT(12, 72) AT(13, 80) AT(14, 88) AT(15, 96) AT(5, 104) AT(4, 112)
                AT(6, 120) AT(3, 128) AT(1, 136) AT(0, 144) AT(2, 152) AT(7, 160)
                        AT(16, 168) "nop\n"
                                    "machine_return_to_copy:\n"
                                    "movq %rsp, %rbx\n"
                                    "movq %rsp, %rdi\n"
                                    "andq $-16, %rsp\n"
                                    "call machine_back_to_copy\n"
                                    "movq %rbx, %rsp\n"
                                    "movl $15, %eax\n" /* __NR_rt_sigreturn */
                                    "syscall\n"
                                    ".cfi_endproc\n"
                                    ".popsection\n");

/* ---- entries for the kernel ------------------------------------------------------------------ */

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
/* As the kernel enters a handler: sig, info and context are in their registers. */
__asm__(".pushsection .text\n"
        ".balign " TEXT(MACHINE_RELAY_SIZE) "\n"
                                            ".hidden machine_relays\n"
                                            ".globl machine_relays\n"
                                            "machine_relays:\n"
                                            ".set relay_number, 0\n"
                                            ".rept " TEXT(
						    MACHINE_RELAYS) "\n"
                                                                    "endbr64\n"
                                                                    "movl $relay_number, %ecx\n"
                                                                    "jmp relay_enter\n"
                                                                    ".balign " TEXT(
									    MACHINE_RELAY_SIZE) "\n"
                                                                                                ".set relay_number, "
                                                                                                "relay_number + 1\n"
                                                                                                ".endr\n"
                                                                                                ".popsection\n");
