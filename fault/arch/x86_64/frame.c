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

	__asm__ volatile("movq %[frame], %%rsp\n\t"
	                 "xorl %%eax, %%eax\n\t"
	                 "xorl %%ebp, %%ebp\n\t"
	                 "cld\n\t"
	                 "jmpq *%[handler]"
	                 :
	                 : [frame] "r"(frame), [handler] "c"(handler), "D"((long)sig), "S"(info), "d"(uc)
	                 : "memory");
	__builtin_unreachable();
}
