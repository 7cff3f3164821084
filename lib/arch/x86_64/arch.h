/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/arch/x86_64/arch.h - raw system calls, register access, wide memory access for x86_64. */
#ifndef MEMSAN_LIB_ARCH_X86_64_H
#define MEMSAN_LIB_ARCH_X86_64_H

/* What the ABI says of programs: e_machine, and glibc's dynamic loader. */
#define ARCH_ELF_MACHINE 62    /* EM_X86_64 */
#define ARCH_AUDIT 0xc000003eu /* AUDIT_ARCH_X86_64 */

/* Does an emulator (QEMU's TCG) run this code? The instruction may be slow in a virtual machine. */
static inline bool arch_is_emulated(void)
{
	uint32_t a = 0x40000000, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return b == 0x54474354 && c == 0x43544743 && d == 0x47435447; /* TCGTCGTCGTCG */
}
#define ARCH_LOADER "/lib64/ld-linux-x86-64.so.2"

/* Number and up to six arguments; returns the result or -errno. */
static inline long arch_syscall6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;
	__asm__ volatile("syscall"
	                 : "=a"(ret)
	                 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return ret;
}

/* clone(2) of a child that shares this process's memory. It runs fn(arg) on the stack that ends at stack_top; fn does
 * not return. Returns the child's pid or -errno, in the parent only. */
static inline long arch_clone_call(unsigned long flags, void *stack_top, void (*fn)(void *), void *arg)
{
	register long r10 __asm__("r10") = 0;
	register long r8 __asm__("r8") = (long)arg;
	register long r9 __asm__("r9") = (long)fn;
	long ret;
	__asm__ volatile("syscall\n\t"
	                 "testq %%rax, %%rax\n\t"
	                 "jnz 1f\n\t"
	                 "xorl %%ebp, %%ebp\n\t"
	                 "movq %%r8, %%rdi\n\t"
	                 "callq *%%r9\n\t"
	                 "hlt\n"
	                 "1:"
	                 : "=a"(ret)
	                 : "a"(56L /* __NR_clone */), "D"(flags), "S"(stack_top), "d"(0L), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return ret;
}

/* clone(2) of a thread of this process, with its own stack and thread pointer. fn is called without arguments and does
 * not return. *tid holds the new thread's tid while that thread lives. At its end the kernel sets *tid to 0 and wakes
 * the threads that wait there (CLONE_CHILD_CLEARTID, CLONE_PARENT_SETTID). */
static inline long arch_clone_thread(unsigned long flags, void *stack_top, void (*fn)(void), void *thread_pointer,
                                     uint32_t *tid)
{
	register long r10 __asm__("r10") = (long)tid;
	register long r8 __asm__("r8") = (long)thread_pointer;
	register long r9 __asm__("r9") = (long)fn;
	long ret;
	__asm__ volatile("syscall\n\t"
	                 "testq %%rax, %%rax\n\t"
	                 "jnz 1f\n\t"
	                 "xorl %%ebp, %%ebp\n\t"
	                 "callq *%%r9\n\t"
	                 "hlt\n"
	                 "1:"
	                 : "=a"(ret)
	                 : "a"(56L /* __NR_clone */), "D"(flags), "S"(stack_top), "d"(tid), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return ret;
}

/* Fills the thread control block of such a thread, which libc does not know. The block holds its own address and the
 * words that compiled code reads (the values of the stack protector and the pointer guard). Variables of initial-exec
 * TLS lie below it. */
#define ARCH_TCB_SIZE 64
static inline void arch_tcb_init(void *tcb)
{
	uint64_t *words = (uint64_t *)tcb, guard, mangle;

	__asm__("movq %%fs:0x28, %0" : "=r"(guard));
	__asm__("movq %%fs:0x30, %0" : "=r"(mangle));
	words[0] = words[2] = (uint64_t)tcb;
	words[5] = guard;
	words[6] = mangle;
}

/* The return address for handlers that a raw rt_sigaction installed. */
__attribute__((naked, noinline, unused)) static void arch_sigreturn(void)
{
	__asm__ volatile("movl $15, %eax\n\tsyscall");
}

/* fork without its handlers: makes a copy of this process with only this thread. A debugger does not notice the copy.
 * Returns 0 in the child; its pid or -errno in the parent. */
static inline long arch_clone_copy(void)
{
	return arch_syscall6(56L /* __NR_clone */, 0x00800000L /* CLONE_UNTRACED */, 0, 0, 0, 0, 0);
}

/* Calls fn(arg, sp) with all call-preserved registers stored from sp on. The callers' frames lie above sp; below it lie
 * only frames of fn and leftovers of earlier calls. */
__attribute__((naked, noinline, unused)) static void arch_call_stored(void (*fn)(void *arg, uintptr_t sp)
                                                                              __attribute__((unused)),
                                                                      void *arg __attribute__((unused)))
{
	__asm__ volatile("pushq %rbp\n\t.cfi_adjust_cfa_offset 8\n\t"
	                 "pushq %rbx\n\t.cfi_adjust_cfa_offset 8\n\t"
	                 "pushq %r12\n\t.cfi_adjust_cfa_offset 8\n\t"
	                 "pushq %r13\n\t.cfi_adjust_cfa_offset 8\n\t"
	                 "pushq %r14\n\t.cfi_adjust_cfa_offset 8\n\t"
	                 "pushq %r15\n\t.cfi_adjust_cfa_offset 8\n\t"
	                 "subq $8, %rsp\n\t.cfi_adjust_cfa_offset 8\n\t"
	                 "movq $0, (%rsp)\n\t"
	                 "movq %rdi, %rax\n\t"
	                 "movq %rsi, %rdi\n\t"
	                 "movq %rsp, %rsi\n\t"
	                 "callq *%rax\n\t"
	                 "addq $56, %rsp\n\t.cfi_adjust_cfa_offset -56\n\t"
	                 "ret");
}

/* Runs fn(arg) on another stack, whose end is a multiple of 16, and returns. Walks go on through this frame: its CFA is
 * found by rbp. It is marked as a signal frame, because gdb ends a backtrace at any other frame that stands above its
 * caller. */
__attribute__((naked, noinline, unused)) static void arch_call_on(uintptr_t stack_top __attribute__((unused)),
                                                                  void (*fn)(void *) __attribute__((unused)),
                                                                  void *arg __attribute__((unused)))
{
	__asm__ volatile(".cfi_signal_frame\n\t"
	                 "pushq %rbp\n\t.cfi_adjust_cfa_offset 8\n\t.cfi_rel_offset %rbp, 0\n\t"
	                 "movq %rsp, %rbp\n\t.cfi_def_cfa_register %rbp\n\t"
	                 "movq %rdi, %rsp\n\t"
	                 "movq %rdx, %rdi\n\t"
	                 "callq *%rsi\n\t"
	                 "movq %rbp, %rsp\n\t"
	                 "popq %rbp\n\t.cfi_def_cfa %rsp, 8\n\t"
	                 "ret");
}

/* Did the signal directly interrupt a system call, which now returns EINTR or a partial size? (If not directly, another
 * handler's frame lies between.) */
static inline bool arch_context_interrupted_call(const uint64_t *gregs)
{
	const uint8_t *pc = (const uint8_t *)gregs[16 /* REG_RIP */];
	int64_t result = (int64_t)gregs[13 /* REG_RAX */];

	return (result == -4 /* EINTR */ || result > 0) && pc[-2] == 0x0f && pc[-1] == 0x05;
}

/* Did the signal interrupt exactly this call, which now returns EINTR? The kernel leaves the arguments in the
 * registers. */
static inline bool arch_context_ended_call(const uint64_t *gregs, uint64_t pc, uint64_t sp, const uint64_t args[6])
{
	const uint8_t *code = (const uint8_t *)gregs[16 /* REG_RIP */];

	return gregs[16] == pc && gregs[15 /* REG_RSP */] == sp && (int64_t)gregs[13 /* REG_RAX */] == -4 /* EINTR */ &&
	       gregs[8 /* REG_RDI */] == args[0] && gregs[9 /* REG_RSI */] == args[1] &&
	       gregs[12 /* REG_RDX */] == args[2] && gregs[2 /* REG_R10 */] == args[3] &&
	       gregs[0 /* REG_R8 */] == args[4] && gregs[1 /* REG_R9 */] == args[5] && code[-2] == 0x0f &&
	       code[-1] == 0x05;
}

static inline uint64_t *arch_context_argument(uint64_t *gregs, unsigned i)
{
	static const uint8_t at[6] = { 8, 9, 12, 2, 0, 1 };

	return &gregs[at[i]];
}

/* Makes the interrupted code repeat the call. */
static inline void arch_context_call_again(uint64_t *gregs, uint32_t nr)
{
	gregs[13] = nr;
	gregs[16] -= 2;
}

/* pc, stack and frame pointer of an interrupted thread. */
#define ARCH_CONTEXT_PC(uc) ((uintptr_t)(uc)->uc_mcontext.gregs[16 /* REG_RIP */])
#define ARCH_CONTEXT_SP(uc) ((uintptr_t)(uc)->uc_mcontext.gregs[15 /* REG_RSP */])
#define ARCH_CONTEXT_FP(uc) ((uintptr_t)(uc)->uc_mcontext.gregs[10 /* REG_RBP */])
/* Where the kernel keeps the general registers and the signal stack of an interrupted thread, by its ucontext_t's
 * uc_flags and uc_sigmask, and the x87 and vector registers, by its fpregs (Linux: struct _fpstate_64, struct
 * _fpx_sw_bytes). Between these parts lie words of earlier calls, which nobody wrote since. */
#define ARCH_SAVED_PARTS 3
static inline void arch_context_saved(const void *flags, const void *sigmask, const void *fpregs,
                                      uint64_t start[ARCH_SAVED_PARTS], uint64_t size[ARCH_SAVED_PARTS])
{
	enum { FX_REGISTERS = 32, FX_RESERVED = 416, FX_SOFTWARE = 464, XSTATE = 576, XSTATE_MAGIC = 0x46505853 };
	/* The magic number is its first word, xstate_size its fifth. */
	const uint32_t *software = (const uint32_t *)((uintptr_t)fpregs + FX_SOFTWARE);

	start[0] = (uintptr_t)flags;
	size[0] = (uintptr_t)sigmask - start[0];
	start[1] = (uintptr_t)fpregs + FX_REGISTERS;
	size[1] = fpregs ? FX_RESERVED - FX_REGISTERS : 0;
	start[2] = (uintptr_t)fpregs + XSTATE;
	size[2] = fpregs && software[0] == XSTATE_MAGIC && software[4] > XSTATE ? software[4] - XSTATE : 0;
}

#define unwind_here_arch(r)                                                              \
	do {                                                                             \
		__asm__ volatile("leaq 0(%%rip), %0\n\tmovq %%rsp, %1\n\tmovq %%rbp, %2" \
		                 : "=&r"((r)->pc), "=&r"((r)->sp), "=&r"((r)->fp));      \
		(r)->ret = (uintptr_t)__builtin_return_address(0);                       \
	} while (0)

/* The thread control block, whose first word is its own address. */
static inline uintptr_t arch_thread_pointer(void)
{
	uintptr_t p;

	__asm__("movq %%fs:0, %0" : "=r"(p));
	return p;
}

/* DWARF numbers (System V psABI, figure 3.36). */
#define ARCH_DWARF_FP 6
#define ARCH_DWARF_SP 7
#define ARCH_DWARF_RA 16
#define ARCH_DWARF_REGS 17
/* A return address lies just below the CFA. */
#define ARCH_RA_OFFSET (-8)

/* From the order of instructions, with the instruction pointer behind them, to DWARF's. */
static inline void arch_dwarf_registers(const uint64_t *machine, uintptr_t *dwarf)
{
	static const uint8_t at[ARCH_DWARF_REGS] = { 0, 2, 1, 3, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

	for (unsigned i = 0; i < ARCH_DWARF_REGS; i++)
		dwarf[i] = machine[at[i]];
}

/* The caller's registers that arch_call_stored stored from sp on, by DWARF number. Returns a bit for each one. */
static inline uint32_t arch_stored_registers(const uintptr_t *sp, uintptr_t *dwarf)
{
	static const uint8_t numbers[] = { 15, 14, 13, 12, 3, ARCH_DWARF_FP, ARCH_DWARF_RA };
	uint32_t known = 1u << ARCH_DWARF_SP;

	for (unsigned i = 0; i < sizeof(numbers); i++) {
		dwarf[numbers[i]] = sp[i + 1];
		known |= 1u << numbers[i];
	}
	dwarf[ARCH_DWARF_SP] = (uintptr_t)(sp + sizeof(numbers) + 1);
	return known;
}

/* Where the call begins that returns to pc; for a call of a rare form, its last byte. */
static inline uintptr_t arch_call_before(uintptr_t pc)
{
	const uint8_t *code = (const uint8_t *)pc;

	if (code[-2] == 0xff && (code[-1] & 0xf8) == 0xd0) /* call *%reg */
		return pc - 2 - (code[-3] == 0x41);
	if (code[-5] == 0xe8) /* call function */
		return pc - 5;
	if (code[-6] == 0xff && code[-5] == 0x15) /* call *slot(%rip) */
		return pc - 6;
	return pc - 1;
}

/* The thread goes on with these registers, by DWARF number, and this signal mask, as after rt_sigreturn (Linux: struct
 * ucontext, struct sigcontext_64). Vector registers become zero. */
static inline _Noreturn void arch_enter(const uintptr_t *dwarf, uint64_t mask)
{
	enum { FLAGS = 0, STACK_FLAGS = 3, REGISTERS = 5, EFLAGS = 22, SEGMENTS = 23, MASK = 37, WORDS = 38 };
	enum { USER_CS = 0x33, USER_DS = 0x2b }; /* what signal handlers run with (Linux: __USER_CS, __USER_DS) */
	static const uint8_t order[ARCH_DWARF_REGS] = { 8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16 };
	uint64_t context[WORDS] __attribute__((aligned(16)));

	for (unsigned i = 0; i < WORDS; i++)
		context[i] = 0;
	context[FLAGS] = 0x6;       /* UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS */
	context[STACK_FLAGS] = 0x2; /* SS_DISABLE */
	for (unsigned i = 0; i < ARCH_DWARF_REGS; i++)
		context[REGISTERS + i] = dwarf[order[i]];
	context[EFLAGS] = 0x202; /* interrupts are on, as always */
	context[SEGMENTS] = USER_CS | (uint64_t)USER_DS << 48;
	context[MASK] = mask;
	__asm__ volatile("movq %0, %%rsp\n\tmovl $15, %%eax\n\tsyscall\n\thlt" : : "r"(context) : "memory");
	__builtin_unreachable();
}

/* The stack pointer that longjmp takes from a jmp_buf.  glibc rotates it and xors it with a secret of the thread
 * (sysdeps/x86_64/jmpbuf-offsets.h, pointer_guard.h). */
static inline uintptr_t arch_longjmp_sp(const void *env)
{
	uint64_t sp = ((const uint64_t *)env)[6];

	__asm__("rorq $17, %0\n\txorq %%fs:0x30, %0" : "+r"(sp));
	return sp;
}

static inline void arch_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

/* An illegal instruction, in a loop: a signal handler that returns meets it again. */
_Noreturn static inline void arch_trap(void)
{
	for (;;)
		__asm__ volatile("ud2");
}

/* A table of 32-bit words: how far behind the table each function lies. Rows follow in the order of the source. */
#define ARCH_OFFSET_TABLE(table) \
	__asm__(".pushsection .rodata." #table ",\"a\"\n.p2align 2\n" #table ":\n.popsection\n")
#define ARCH_OFFSET(table, function) \
	__asm__(".pushsection .rodata." #table ",\"a\"\n.long " #function " - " #table "\n.popsection\n")

/* Defines an exported function NAME that gets the real function from FIND and jumps to it, with all arguments and the
 * return address unchanged. */
#define ARCH_FORWARD(name, find)                             \
	__asm__(".pushsection .text\n"                       \
	        ".globl " #name "\n"                         \
	        ".type " #name ", @function\n" #name ":\n"   \
	        ".cfi_startproc\n"                           \
	        "endbr64\n"                                  \
	        "pushq %rdi\n.cfi_adjust_cfa_offset 8\n"     \
	        "pushq %rsi\n.cfi_adjust_cfa_offset 8\n"     \
	        "pushq %rdx\n.cfi_adjust_cfa_offset 8\n"     \
	        "pushq %rcx\n.cfi_adjust_cfa_offset 8\n"     \
	        "pushq %r8\n.cfi_adjust_cfa_offset 8\n"      \
	        "pushq %r9\n.cfi_adjust_cfa_offset 8\n"      \
	        "subq $8, %rsp\n.cfi_adjust_cfa_offset 8\n"  \
	        "call " #find "\n"                           \
	        "addq $8, %rsp\n.cfi_adjust_cfa_offset -8\n" \
	        "popq %r9\n.cfi_adjust_cfa_offset -8\n"      \
	        "popq %r8\n.cfi_adjust_cfa_offset -8\n"      \
	        "popq %rcx\n.cfi_adjust_cfa_offset -8\n"     \
	        "popq %rdx\n.cfi_adjust_cfa_offset -8\n"     \
	        "popq %rsi\n.cfi_adjust_cfa_offset -8\n"     \
	        "popq %rdi\n.cfi_adjust_cfa_offset -8\n"     \
	        "jmp *%rax\n"                                \
	        ".cfi_endproc\n"                             \
	        ".size " #name ", . - " #name "\n"           \
	        ".popsection\n")

/* The same for a function of variable arguments. FIND gets the registers that may hold arguments, and the arguments on
 * the stack; ARCH_VA_START makes a list of these, without the first `named` ones. */
#define ARCH_FORWARD_VARIADIC(name, find)                        \
	__asm__(".pushsection .text\n"                           \
	        ".globl " #name "\n"                             \
	        ".type " #name ", @function\n" #name ":\n"       \
	        ".cfi_startproc\n"                               \
	        "endbr64\n"                                      \
	        "pushq %rax\n.cfi_adjust_cfa_offset 8\n"         \
	        "subq $128, %rsp\n.cfi_adjust_cfa_offset 128\n"  \
	        "testb %al, %al\n"                               \
	        "je 1f\n"                                        \
	        "movaps %xmm0, (%rsp)\n"                         \
	        "movaps %xmm1, 16(%rsp)\n"                       \
	        "movaps %xmm2, 32(%rsp)\n"                       \
	        "movaps %xmm3, 48(%rsp)\n"                       \
	        "movaps %xmm4, 64(%rsp)\n"                       \
	        "movaps %xmm5, 80(%rsp)\n"                       \
	        "movaps %xmm6, 96(%rsp)\n"                       \
	        "movaps %xmm7, 112(%rsp)\n"                      \
	        "1:\n"                                           \
	        "pushq %r9\n.cfi_adjust_cfa_offset 8\n"          \
	        "pushq %r8\n.cfi_adjust_cfa_offset 8\n"          \
	        "pushq %rcx\n.cfi_adjust_cfa_offset 8\n"         \
	        "pushq %rdx\n.cfi_adjust_cfa_offset 8\n"         \
	        "pushq %rsi\n.cfi_adjust_cfa_offset 8\n"         \
	        "pushq %rdi\n.cfi_adjust_cfa_offset 8\n"         \
	        "movq %rsp, %rdi\n"                              \
	        "leaq 192(%rsp), %rsi\n"                         \
	        "call " #find "\n"                               \
	        "movq %rax, %r11\n"                              \
	        "popq %rdi\n.cfi_adjust_cfa_offset -8\n"         \
	        "popq %rsi\n.cfi_adjust_cfa_offset -8\n"         \
	        "popq %rdx\n.cfi_adjust_cfa_offset -8\n"         \
	        "popq %rcx\n.cfi_adjust_cfa_offset -8\n"         \
	        "popq %r8\n.cfi_adjust_cfa_offset -8\n"          \
	        "popq %r9\n.cfi_adjust_cfa_offset -8\n"          \
	        "movq 128(%rsp), %rax\n"                         \
	        "testb %al, %al\n"                               \
	        "je 2f\n"                                        \
	        "movaps (%rsp), %xmm0\n"                         \
	        "movaps 16(%rsp), %xmm1\n"                       \
	        "movaps 32(%rsp), %xmm2\n"                       \
	        "movaps 48(%rsp), %xmm3\n"                       \
	        "movaps 64(%rsp), %xmm4\n"                       \
	        "movaps 80(%rsp), %xmm5\n"                       \
	        "movaps 96(%rsp), %xmm6\n"                       \
	        "movaps 112(%rsp), %xmm7\n"                      \
	        "2:\n"                                           \
	        "addq $136, %rsp\n.cfi_adjust_cfa_offset -136\n" \
	        "jmp *%r11\n"                                    \
	        ".cfi_endproc\n"                                 \
	        ".size " #name ", . - " #name "\n"               \
	        ".popsection\n")
#define ARCH_VA_START(list, registers, stack, named)                          \
	((list)[0].gp_offset = (unsigned)(named)*8, (list)[0].fp_offset = 48, \
	 (list)[0].reg_save_area = (void *)(uintptr_t)(registers),            \
	 (list)[0].overflow_arg_area = (void *)(uintptr_t)(stack))

/* Defines an exported function NAME of one argument that continues in FN with the caller-saved registers cleared.
 * Otherwise memsan's frames would store what these registers still hold (the result of an earlier malloc), and a leak
 * scan would take those words for the program's pointers. */
#define ARCH_ENTER_CLEAN(name, fn)                         \
	__asm__(".pushsection .text\n"                     \
	        ".globl " #name "\n"                       \
	        ".type " #name ", @function\n" #name ":\n" \
	        ".cfi_startproc\n"                         \
	        "endbr64\n"                                \
	        "xorl %eax, %eax\n"                        \
	        "xorl %ecx, %ecx\n"                        \
	        "xorl %edx, %edx\n"                        \
	        "xorl %esi, %esi\n"                        \
	        "xorl %r8d, %r8d\n"                        \
	        "xorl %r9d, %r9d\n"                        \
	        "xorl %r10d, %r10d\n"                      \
	        "xorl %r11d, %r11d\n"                      \
	        "jmp " #fn "\n"                            \
	        ".cfi_endproc\n"                           \
	        ".size " #name ", . - " #name "\n"         \
	        ".popsection\n")

/* Two loads that may fault; then the handler calls arch_probe_recover. arch_probe: is the byte at p readable?
 * arch_probe_copy: copies up to the first unreadable byte; returns how many bytes are left. */
#define ARCH_PROBE_DEFINE                                              \
	__asm__(".pushsection .text\n"                                 \
	        ".hidden arch_probe\n"                                 \
	        ".hidden arch_probe_load\n"                            \
	        ".hidden arch_probe_end\n"                             \
	        ".globl arch_probe\n"                                  \
	        ".globl arch_probe_load\n"                             \
	        ".globl arch_probe_end\n"                              \
	        ".type arch_probe, @function\narch_probe:\n"           \
	        ".cfi_startproc\n"                                     \
	        "xorl %eax, %eax\n"                                    \
	        "arch_probe_load: movb (%rdi), %cl\n"                  \
	        "movl $1, %eax\n"                                      \
	        "arch_probe_end: ret\n"                                \
	        ".cfi_endproc\n"                                       \
	        ".size arch_probe, . - arch_probe\n"                   \
	        ".hidden arch_probe_copy\n"                            \
	        ".hidden arch_probe_copy_load\n"                       \
	        ".hidden arch_probe_copy_end\n"                        \
	        ".globl arch_probe_copy\n"                             \
	        ".globl arch_probe_copy_load\n"                        \
	        ".globl arch_probe_copy_end\n"                         \
	        ".type arch_probe_copy, @function\narch_probe_copy:\n" \
	        ".cfi_startproc\n"                                     \
	        "movq %rdx, %rcx\n"                                    \
	        "arch_probe_copy_load: rep movsb\n"                    \
	        "arch_probe_copy_end: movq %rcx, %rax\n"               \
	        "ret\n"                                                \
	        ".cfi_endproc\n"                                       \
	        ".size arch_probe_copy, . - arch_probe_copy\n"         \
	        ".popsection\n")
__attribute__((visibility("hidden"))) int arch_probe(const void *p);
__attribute__((visibility("hidden"))) size_t arch_probe_copy(void *dst, const void *src, size_t n);
__attribute__((visibility("hidden"))) extern const char arch_probe_load[], arch_probe_end[];
__attribute__((visibility("hidden"))) extern const char arch_probe_copy_load[], arch_probe_copy_end[];
static inline bool arch_probe_recover(uint64_t *gregs)
{
	uint64_t *pc = &gregs[16 /* REG_RIP */];

	if (*pc == (uint64_t)(uintptr_t)arch_probe_load)
		*pc = (uint64_t)(uintptr_t)arch_probe_end;
	else if (*pc == (uint64_t)(uintptr_t)arch_probe_copy_load)
		*pc = (uint64_t)(uintptr_t)arch_probe_copy_end;
	else
		return false;
	return true;
}

/* Defines vfork under an exported NAME. The child calls CHILD, which returns 0. The parent calls PARENT with the value
 * that BEFORE returned, and with the result of the system call. The child overwrites the stack below this function's
 * caller, so the return address is kept in a register, as libc does. With a shadow stack, the child has used this
 * function's entry there: the parent drops that entry, and jumps. */
#define ARCH_VFORK(name, before, child, parent)              \
	__asm__(".pushsection .text\n"                       \
	        ".globl " #name "\n"                         \
	        ".type " #name ", @function\n" #name ":\n"   \
	        ".cfi_startproc\n"                           \
	        "endbr64\n"                                  \
	        "subq $8, %rsp\n.cfi_adjust_cfa_offset 8\n"  \
	        "call " #before "\n"                         \
	        "addq $8, %rsp\n.cfi_adjust_cfa_offset -8\n" \
	        "movl %eax, %esi\n"                          \
	        "popq %rdi\n.cfi_adjust_cfa_offset -8\n"     \
	        ".cfi_register %rip, %rdi\n"                 \
	        "movl $58, %eax\n" /* __NR_vfork */          \
	        "syscall\n"                                  \
	        "pushq %rdi\n.cfi_adjust_cfa_offset 8\n"     \
	        ".cfi_offset %rip, -8\n"                     \
	        "testq %rax, %rax\n"                         \
	        "jz " #child "\n"                            \
	        "subq $8, %rsp\n.cfi_adjust_cfa_offset 8\n"  \
	        "movl %esi, %edi\n"                          \
	        "movq %rax, %rsi\n"                          \
	        "call " #parent "\n"                         \
	        "addq $8, %rsp\n.cfi_adjust_cfa_offset -8\n" \
	        "xorl %ecx, %ecx\n"                          \
	        "rdsspq %rcx\n"                              \
	        "testq %rcx, %rcx\n"                         \
	        "jnz 1f\n"                                   \
	        "ret\n"                                      \
	        "1: movl $1, %ecx\n"                         \
	        "incsspq %rcx\n"                             \
	        "popq %rcx\n.cfi_adjust_cfa_offset -8\n"     \
	        "jmp *%rcx\n"                                \
	        ".cfi_endproc\n"                             \
	        ".size " #name ", . - " #name "\n"           \
	        ".popsection\n")

/* From the frame address of PARENT to the stack pointer that the function's caller had: the saved frame pointer, two
 * return addresses and the padding between them. */
#define ARCH_VFORK_CALLER 32

/* ---- wide memory access (mem.c) -------------------------------------------------------------- */

typedef char arch_vec16 __attribute__((vector_size(16), aligned(1), may_alias));

static inline arch_vec16 arch_vec16_fill(uint64_t word)
{
	typedef uint64_t pair __attribute__((vector_size(16)));
	return (arch_vec16)(pair){ word, word };
}

static inline bool arch_equal_16(const void *p, arch_vec16 v)
{
	typedef char bytes __attribute__((vector_size(16)));
	bytes same = (bytes)(*(const arch_vec16 *)p == v);
	return __builtin_ia32_pmovmskb128(same) == 0xffff;
}

/* Bit i of the result: byte i is not zero. Four loads make one mask, since moves to a general register limit the plain
 * loop. */
static inline uint64_t arch_nonzero_64(const void *p)
{
	typedef char bytes __attribute__((vector_size(16)));
	const arch_vec16 *q = p;
	uint64_t zero = 0;

	for (unsigned i = 0; i < 4; i++)
		zero |= (uint64_t)(uint16_t)__builtin_ia32_pmovmskb128((bytes)(q[i] == (arch_vec16){ 0 })) << 16 * i;
	return ~zero;
}

static inline bool arch_equal_64(const void *p, arch_vec16 v)
{
	typedef char bytes __attribute__((vector_size(16)));
	const arch_vec16 *q = p;
	bytes same = (bytes)((q[0] == v) & (q[1] == v) & (q[2] == v) & (q[3] == v));
	return __builtin_ia32_pmovmskb128(same) == 0xffff;
}

static inline void arch_copy_bulk(void *dst, const void *src, size_t n)
{
	__asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
}

static inline void arch_set_bulk(void *dst, int byte, size_t n)
{
	__asm__ volatile("rep stosb" : "+D"(dst), "+c"(n) : "a"(byte) : "memory");
}

#endif
