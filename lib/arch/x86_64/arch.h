/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/arch/x86_64/arch.h - raw system calls and register access for x86_64. */
#ifndef MEMSAN_LIB_ARCH_X86_64_H
#define MEMSAN_LIB_ARCH_X86_64_H

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

#define unwind_here_arch(r)                                                                                    \
	__asm__ volatile("leaq 0(%%rip), %0\n\tmovq %%rsp, %1\n\tmovq %%rbp, %2"                               \
	                 : "=&r"((r)->pc), "=&r"((r)->sp), "=&r"((r)->fp))

static inline void arch_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

#endif
