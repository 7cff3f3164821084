/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow/arch/x86_64/entry.c - the entry point of an instrumented static program: maps the shadow, then goes on to
 * libc's _start.
 *
 * libc's start code runs the IFUNC resolvers of a static program, among them ours, in an order that the linker chooses.
 * A program's own instrumented resolvers may run before ours, so the program starts here (memsan-cc links with -e
 * memsan_static_start).  When _start is reached, all registers and the stack are as the kernel left them. */
#include "shadow/shadow_internal.h"

__attribute__((used)) void shadow_static_start(void);

void shadow_static_start(void)
{
	shadow_early_map();
}

__asm__(".pushsection .text\n"
        ".weak _start\n"
        ".globl memsan_static_start\n"
        ".type memsan_static_start, @function\n"
        "memsan_static_start:\n"
        ".cfi_startproc\n"
        ".cfi_undefined %rip\n"
        "endbr64\n"
        "pushq %rdx\n"
        "pushq %rdx\n"
        "call shadow_static_start\n"
        "popq %rdx\n"
        "popq %rdx\n"
        "jmp _start@PLT\n"
        ".cfi_endproc\n"
        ".size memsan_static_start, . - memsan_static_start\n"
        ".popsection\n");
