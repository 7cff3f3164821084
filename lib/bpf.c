/* SPDX-License-Identifier: BSD-2-Clause */
/* lib/bpf.c - which system calls does a filter let pass? A filter that the program sets is a program for a small
 * machine of the kernel's (classic BPF). It is run here on calls as memsan would make them.
 *
 * Pointers among the arguments are not known beforehand: they are an address as the heap has them. */
#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "lib/lib.h"
#include "lib/lib_internal.h"

#define SOME_POINTER 0x7fff12345670u
#define SOME_PAGE 0x7fff12345000u
#define STEPS_MAX 4096 /* the kernel takes no longer filter; jumps only go forward */

static const struct {
	enum os_call call;
	int nr;
	uint64_t args[6];
} calls[] = {
	{ OS_CALL_SIGPROCMASK, SYS_rt_sigprocmask, { SIG_BLOCK, SOME_POINTER, SOME_POINTER, 8 } },
	{ OS_CALL_SIGPROCMASK, SYS_rt_sigprocmask, { SIG_SETMASK, SOME_POINTER, 0, 8 } },
	{ OS_CALL_SIGTIMEDWAIT, SYS_rt_sigtimedwait, { SOME_POINTER, 0, SOME_POINTER, 8 } },
	{ OS_CALL_SIGACTION, SYS_rt_sigaction, { SIGPIPE, SOME_POINTER, SOME_POINTER, 8 } },
	{ OS_CALL_SIGACTION, SYS_rt_sigaction, { SIGXFSZ, SOME_POINTER, SOME_POINTER, 8 } },
	{ OS_CALL_SIGPENDING, SYS_rt_sigpending, { SOME_POINTER, 8 } },
	{ OS_CALL_PPOLL, SYS_ppoll, { SOME_POINTER, 1, SOME_POINTER, 0, 8 } },
	{ OS_CALL_POLL, SYS_poll, { SOME_POINTER, 1, 0 } },
	{ OS_CALL_FSTAT, SYS_fstat, { 2, SOME_POINTER } },
	{ OS_CALL_NEWFSTATAT, SYS_newfstatat, { 2, SOME_POINTER, SOME_POINTER, AT_EMPTY_PATH } },
	{ OS_CALL_SIGRETURN, SYS_rt_sigreturn, { 0 } },
	{ OS_CALL_SIGALTSTACK, SYS_sigaltstack, { SOME_POINTER, SOME_POINTER } },
	{ OS_CALL_MMAP, SYS_mmap, { 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~0ull } },
	{ OS_CALL_MPROTECT, SYS_mprotect, { SOME_PAGE, PAGE_SIZE, PROT_READ | PROT_WRITE } },
	{ OS_CALL_MPROTECT, SYS_mprotect, { SOME_PAGE, PAGE_SIZE, PROT_READ } },
	{ OS_CALL_MPROTECT, SYS_mprotect, { SOME_PAGE, PAGE_SIZE, PROT_NONE } },
	{ OS_CALL_MPROTECT_CODE, SYS_mprotect, { SOME_PAGE, PAGE_SIZE, PROT_READ | PROT_EXEC } },
	{ OS_CALL_MPROTECT_CODE, SYS_mprotect, { SOME_PAGE, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC } },
	{ OS_CALL_DONTNEED, SYS_madvise, { SOME_PAGE, PAGE_SIZE, MADV_DONTNEED } },
	{ OS_CALL_GUARD, SYS_madvise, { SOME_PAGE, PAGE_SIZE, MADV_GUARD_INSTALL } },
	{ OS_CALL_GUARD, SYS_madvise, { SOME_PAGE, PAGE_SIZE, MADV_GUARD_REMOVE } },
	{ OS_CALL_ADVISE, SYS_madvise, { SOME_PAGE, PAGE_SIZE, MADV_DODUMP } },
	{ OS_CALL_ADVISE, SYS_madvise, { SOME_PAGE, PAGE_SIZE, MADV_DONTDUMP } },
	{ OS_CALL_ADVISE, SYS_madvise, { SOME_PAGE, PAGE_SIZE, MADV_HUGEPAGE } },
	{ OS_CALL_ADVISE, SYS_madvise, { SOME_PAGE, PAGE_SIZE, MADV_NOHUGEPAGE } },
};

static uint32_t word_at(const struct seccomp_data *data, uint32_t at)
{
	uint32_t word = 0;

	if (at % sizeof(word) == 0 && at + sizeof(word) <= sizeof(*data))
		mem_copy(&word, (const char *)data + at, sizeof(word));
	return word;
}

static uint32_t calculate(uint16_t operation, uint32_t a, uint32_t b)
{
	switch (operation) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return b ? a / b : 0;
	case BPF_AND:
		return a & b;
	case BPF_OR:
		return a | b;
	case BPF_XOR:
		return a ^ b;
	case BPF_LSH:
		return b < 32 ? a << b : 0;
	case BPF_RSH:
		return b < 32 ? a >> b : 0;
	default: /* BPF_NEG */
		return 0 - a;
	}
}

static bool jumps(uint16_t operation, uint32_t a, uint32_t b)
{
	switch (operation) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	default: /* BPF_JSET */
		return a & b;
	}
}

/* What the filter answers. An instruction that the kernel would not take answers "kill". */
static uint32_t filter_run(const struct sock_filter *code, size_t n, const struct seccomp_data *data)
{
	uint32_t a = 0, x = 0, memory[BPF_MEMWORDS] = { 0 };

	for (size_t pc = 0, steps = 0; pc < n && steps < STEPS_MAX; pc++, steps++) {
		const struct sock_filter *i = &code[pc];
		uint32_t other = BPF_SRC(i->code) == BPF_X ? x : i->k;

		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
			a = BPF_MODE(i->code) == BPF_ABS   ? word_at(data, i->k)
			    : BPF_MODE(i->code) == BPF_MEM ? memory[i->k % BPF_MEMWORDS]
			    : BPF_MODE(i->code) == BPF_LEN ? sizeof(*data)
			                                   : i->k;
			break;
		case BPF_LDX:
			x = BPF_MODE(i->code) == BPF_MEM   ? memory[i->k % BPF_MEMWORDS]
			    : BPF_MODE(i->code) == BPF_LEN ? sizeof(*data)
			                                   : i->k;
			break;
		case BPF_ST:
			memory[i->k % BPF_MEMWORDS] = a;
			break;
		case BPF_STX:
			memory[i->k % BPF_MEMWORDS] = x;
			break;
		case BPF_ALU:
			a = calculate(BPF_OP(i->code), a, other);
			break;
		case BPF_JMP:
			pc += BPF_OP(i->code) == BPF_JA ? i->k : jumps(BPF_OP(i->code), a, other) ? i->jt : i->jf;
			break;
		case BPF_RET:
			return BPF_RVAL(i->code) == BPF_A ? a : i->k;
		default: /* BPF_MISC */
			if (BPF_MISCOP(i->code) == BPF_TAX)
				x = a;
			else
				a = x;
		}
	}
	return SECCOMP_RET_KILL_PROCESS;
}

uint32_t bpf_calls_allowed(const struct sock_filter *code, size_t n)
{
	uint32_t allowed = ~0u;

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		struct seccomp_data data = { .nr = calls[i].nr, .arch = ARCH_AUDIT };
		uint32_t action;

		mem_copy(data.args, calls[i].args, sizeof(data.args));
		action = filter_run(code, n, &data) & SECCOMP_RET_ACTION_FULL;
		if (action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG)
			allowed &= ~(1u << calls[i].call);
	}
	return allowed;
}
